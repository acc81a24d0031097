/**
 * What a participant in a tab remembers beside its key: the directory it has pinned, letters dealt with, tasks answered,
 * what jobs have taken. Each is the counterpart of a file that a node keeps beside its identity.
 */
import { type Static, type TSchema, Type } from 'typebox';
import type { Clock } from '../../protocol/clock.ts';
import { checkDirectory } from '../../protocol/directory.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { JobAttempts } from '../../schemas/attempts.ts';
import { Directory } from '../../schemas/directory.ts';
import { Timestamp } from '../../schemas/ids.ts';
import { LetterId } from '../../schemas/letter.ts';
import { JobSpending } from '../../schemas/node-status.ts';
import type { AnswerLog, AnswerState } from '../answer-journal.ts';
import type { AttemptLog } from '../attempt-journal.ts';
import type { DirectoryPin } from '../directory-watch.ts';
import type { LetterLog } from '../letter-log.ts';
import type { Membership } from '../membership.ts';
import { TAB_STORAGE, type TabStore } from './tab-store.ts';
import { RECORD_VERSION, readRecord } from './versioned-record.ts';

const ANSWERED = 'answered/';
const ATTEMPTED = 'attempted/';

const Letters = Type.Array(
  Type.Object({ letterId: LetterId, expiresAt: Timestamp }, { additionalProperties: false }),
);
const Spent = Type.Record(Type.String(), JobSpending);

/** Tasks that are remembered: rounds end long before so many have followed them. */
const REMEMBERED = 1000;

/** Reading throws `directoryUnreadable`. */
export function tabDirectoryPin(store: TabStore, member: Membership): DirectoryPin {
  const unreadable = (cause: unknown) =>
    new HanseError('directoryUnreadable', { file: TAB_STORAGE, reason: (cause as Error).message }, { cause });
  return {
    read: async () => {
      const record = await readRecord(store, 'directory');
      if (!record) return undefined;
      try {
        const pinned = parse(Directory, record.value, 'a directory');
        // The proofs of its nodes were verified before it was written.
        await checkDirectory(pinned, member, () => true);
        return pinned;
      } catch (error) {
        throw isProblem(error) ? unreadable(error) : error;
      }
    },
    write: (directory) => writeRecord(store, 'directory', directory),
  };
}

/** Reading throws `storageCorrupt`. */
export function tabLetterLog(store: TabStore): LetterLog {
  return {
    read: async () => (await readValue(store, 'letters', Letters)) ?? [],
    write: (dealtWith) => writeRecord(store, 'letters', [...dealtWith]),
  };
}

/** What jobs have taken, by job. Reading throws `storageCorrupt`. */
export function tabSpending(store: TabStore) {
  return {
    read: async (): Promise<Record<string, JobSpending>> => (await readValue(store, 'spending', Spent)) ?? {},
    write: (spent: Readonly<Record<string, JobSpending>>) => writeRecord(store, 'spending', spent),
  };
}

/** Also two tabs that were started at the same moment begin a task once: the store adds a record in one step. */
export function tabAnswerLog(store: TabStore, clock: Clock): AnswerLog {
  const answer = (state: AnswerState) => ({ version: RECORD_VERSION, state, at: clock.now() });
  return {
    read: async (key) => {
      const record = await readRecord(store, ANSWERED + key);
      return record && (record.state === 'delivered' ? 'delivered' : 'begun');
    },
    begin: (key) => store.add(ANSWERED + key, answer('begun')),
    deliver: (key) => store.write(ANSWERED + key, answer('delivered')),
  };
}

/** Attempts of secure rounds that this tab has spent. Reading throws `storageCorrupt`: they cannot be guessed. */
export function tabAttemptLog(store: TabStore): AttemptLog {
  return {
    read: (jobId) => readValue(store, ATTEMPTED + jobId, JobAttempts),
    write: (jobId, attempts) => writeRecord(store, ATTEMPTED + jobId, attempts),
  };
}

/** Leaves the latest answers; what is older belongs to rounds that have ended. */
export async function forgetOldAnswers(store: TabStore, remembered = REMEMBERED): Promise<void> {
  const names = await store.names(ANSWERED);
  if (names.length <= remembered) return;
  const dated = await Promise.all(
    names.map(async (name) => ({ name, at: Number((await readRecord(store, name))?.at) || 0 })),
  );
  dated.sort((a, b) => a.at - b.at);
  await store.remove(dated.slice(0, dated.length - remembered).map(({ name }) => name));
}

function writeRecord(store: TabStore, name: string, value: unknown): Promise<void> {
  return store.write(name, { version: RECORD_VERSION, value });
}

async function readValue<Schema extends TSchema>(
  store: TabStore,
  name: string,
  schema: Schema,
): Promise<Static<Schema> | undefined> {
  const record = await readRecord(store, name);
  if (!record) return undefined;
  try {
    return parse(schema, record.value, name);
  } catch (cause) {
    throw new HanseError(
      'storageCorrupt',
      { path: TAB_STORAGE, reason: (cause as Error).message },
      { cause },
    );
  }
}
