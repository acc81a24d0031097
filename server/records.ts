/**
 * The records of a coordinator in its data directory: a store of events, and the audit log over it.
 *
 *     hanse.sqlite      the store
 *     audit.sqlite      the log
 *     keys/audit.vkey   the key by which the log is verified; that there is a log
 */
import { existsSync } from 'node:fs';
import { formatVerifierKey } from '../protocol/audit/verifier-key.ts';
import { toHex, utf8 } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { systemClock } from '../protocol/primitives/system-clock.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { RandomSource } from '../protocol/random.ts';
import { auditEntriesOf } from './audit-entries.ts';
import { AuditLog, type LogKey } from './audit-log.ts';
import { type AuditNotes, LoggedNotes } from './audit-notes.ts';
import { AuditSequencer, STORE_SOURCE } from './audit-sequencer.ts';
import type { CoordinatorKeys } from './coordinator-keys.ts';
import type { DataDir } from './data-dir.ts';
import { FEDERATION_STREAM } from './federation.ts';
import { loggedStore } from './logged-store.ts';
import { PRIVACY_SOURCE, PrivacyEntries, PrivacyFold } from './privacy-entries.ts';
import { AuditFile } from './store/audit-file.ts';
import { openSqliteStore, type SqliteStoreOptions } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';

const VERIFIER_KEY = 'keys/audit.vkey';

export interface Records {
  /** Whose events are in the log before anybody hears of them. Closing it closes both. */
  readonly store: Store;
  readonly log: AuditLog;
  /** What is to be in the log and is no event of the store. */
  readonly notes: AuditNotes;
}

export interface RecordsOptions extends SqliteStoreOptions {
  /** Of notes. Default: that of the machine. */
  readonly clock?: Clock;
}

/**
 * Opens both, and logs what was stored and not logged.
 * @param random of salts
 * @throws storageCorrupt where the log is lost, damaged, or ahead of the store; storageFull, storageFailed
 */
export async function openRecords(
  dataDir: DataDir,
  { logKey, signer }: Pick<CoordinatorKeys, 'logKey' | 'signer'>,
  random: RandomSource,
  { clock = systemClock, ...options }: RecordsOptions = {},
): Promise<Records> {
  const pinned = dataDir.readPrivateFile(VERIFIER_KEY);
  if (pinned && !existsSync(dataDir.audit))
    throw new HanseError('storageCorrupt', {
      path: dataDir.audit,
      reason: 'it is not there, but there has been a log',
    });
  const beneath = openSqliteStore(dataDir.database, options);
  let file: AuditFile | undefined;
  try {
    file = new AuditFile(dataDir.audit);
    const log = await openLog(file, logKey);
    if (!pinned) dataDir.writePrivateFile(VERIFIER_KEY, utf8(`${formatVerifierKey(logKey.key)}\n`));
    const coordinatorKey = toHex(signer.publicKey);
    const source = { coordinatorKey, federationStream: FEDERATION_STREAM, random };
    const privacy = new PrivacyEntries(beneath, new PrivacyFold(coordinatorKey, tellsOfPrivacyFrom(log)));
    const sequencer = new AuditSequencer({
      ...{ store: beneath, log },
      entriesOf: async (event) => [...(await auditEntriesOf(event, source)), ...(await privacy.of(event))],
    });
    await requireAhead(beneath, sequencer.position, file);
    await sequencer.catchUp();
    const notes = new LoggedNotes({ log, clock, coordinatorKey, random });
    const close = async () => {
      await notes.settled();
      await log.settled();
      file?.close();
    };
    return { log, notes, store: closingBoth(loggedStore(beneath, sequencer), close) };
  } catch (error) {
    file?.close();
    await beneath.close();
    throw error;
  }
}

async function openLog(file: AuditFile, key: LogKey): Promise<AuditLog> {
  try {
    return await AuditLog.open(file, key);
  } catch (error) {
    if (!isProblem(error, 'originUnknown') && !isProblem(error, 'noteUnsigned')) throw error;
    const reason = 'the key of this coordinator has not signed it';
    throw new HanseError('storageCorrupt', { path: file.path, reason }, { cause: error });
  }
}

/** The first position whose jobs have entries of their privacy: a log that has come further without them goes on from there. */
function tellsOfPrivacyFrom(log: AuditLog): number {
  const known = log.cursor(PRIVACY_SOURCE);
  if (known > 0) return known;
  const position = log.cursor(STORE_SOURCE) + 1;
  log.moveCursor({ source: PRIVACY_SOURCE, position });
  return position;
}

/** A store that was put back to an older copy would give positions anew that the log has seen. */
async function requireAhead(store: Store, position: number, { path }: AuditFile): Promise<void> {
  if (position === 0) return;
  const [last] = await store.readAll(position - 1, 1);
  if (last?.position !== position)
    throw new HanseError('storageCorrupt', { path, reason: 'it has events that the records do not have' });
}

function closingBoth(store: Store, closeLog: () => Promise<void>): Store {
  return {
    ...store,
    async close() {
      await store.close();
      await closeLog();
    },
  };
}
