/**
 * The letters of an organisation, as one of its nodes reads and writes them. SPEC.md section 4.9.
 *
 * Each letter is handed on at least once, in order. It is noted as dealt with before the coordinator is told, so that a
 * node that is killed in between is handed it again and knows it; one that is killed while it acts upon a letter acts
 * upon it twice. What cannot be acted upon now stays, and holds up those behind it.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { openLetter, writeLetter } from '../protocol/letter.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import type { Letter, LetterReceipt, LetterStatement, WaitingLetter } from '../schemas/letter.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import type { DealtWith, LetterLog } from './letter-log.ts';

/** Ids are remembered so much longer than letters live: the clock may be set back. */
const MARGIN_MS = 86_400_000;

export type LetterEvent =
  | { readonly type: 'letterReceived'; readonly letter: LetterStatement }
  /** Forged, or too old: nobody acts upon it. */
  | { readonly type: 'letterRefused'; readonly letter: LetterStatement; readonly problem: HanseError }
  /** It stays, and is tried again. */
  | { readonly type: 'letterDelayed'; readonly letter: LetterStatement; readonly problem: HanseError };

/** The one who reads or writes. */
export interface Correspondent {
  readonly federationId: string;
  readonly organisationId: string;
  readonly nodeId: string;
}

export interface MailboxOptions {
  /** Should repeat what fails for a while: `retrying-coordinator.ts`. */
  readonly api: CoordinatorApi;
  readonly reader: Correspondent;
  readonly directory: Pick<DirectoryWatch, 'pinned' | 'follow' | 'settled'>;
  readonly log: LetterLog;
  readonly clock: Clock;
  /** Acts upon a letter that has been verified; may be given the same one twice. What it throws delays the letter. */
  receive(letter: Letter): Promise<void>;
  observe(event: LetterEvent): void;
}

export class Mailbox {
  readonly #options: MailboxOptions;
  #dealtWith: Map<string, DealtWith> | undefined;
  #reading: Promise<void> | undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  /**
   * Resolves once nothing waits any more, or what waits next is delayed. Whoever asks while it reads waits for the same.
   * @throws what `api`, the directory and the log throw; `coordinatorMisbehaved` for numbers that do not ascend
   */
  async read(signal: AbortSignal): Promise<void> {
    this.#reading ??= this.#readAll(signal).finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  /** Resolves once nothing is read any more, whatever came of it. */
  async settled(): Promise<void> {
    await this.#reading?.catch(() => {}); // told to whoever reads
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const { api, directory } = this.#options;
    for (let last = 0; !signal.aborted; ) {
      const query = { after: String(last) };
      const { letters } = await api.call('listLetters', { query }, { signal });
      await directory.settled();
      if (letters.length === 0 || signal.aborted) return;
      const dealtWith = await this.#dealWith(letters, last, signal);
      if (dealtWith > last) await api.call('ackLetters', { body: { upTo: dealtWith } }, { signal });
      if (dealtWith !== letters.at(-1)?.number) return;
      last = dealtWith;
    }
  }

  /** @returns the number up to which all are dealt with */
  async #dealWith(letters: readonly WaitingLetter[], after: number, signal: AbortSignal): Promise<number> {
    let last = after;
    for (const { number, letter } of letters) {
      if (number <= last) throw new HanseError('coordinatorMisbehaved', { what: 'letters out of order' });
      if (signal.aborted || !(await this.#dealWithOne(letter, signal))) return last;
      last = number;
    }
    return last;
  }

  /** @returns false if it has to wait */
  async #dealWithOne(letter: Letter, signal: AbortSignal): Promise<boolean> {
    const { receive, observe } = this.#options;
    const { statement } = letter;
    const known = await this.#known();
    if (known.has(statement.letterId)) return true;
    try {
      await this.#open(letter, signal);
    } catch (problem) {
      if (!isProblem(problem, 'letterInvalid') && !isProblem(problem, 'letterExpired')) throw problem;
      observe({ type: 'letterRefused', letter: statement, problem });
      return true;
    }
    observe({ type: 'letterReceived', letter: statement });
    try {
      await receive(letter);
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      observe({ type: 'letterDelayed', letter: statement, problem });
      return false;
    }
    await this.#note(statement);
    return true;
  }

  /** The sender may be newer than the directory that is pinned: then that is fetched first. */
  async #open(letter: Letter, signal: AbortSignal): Promise<void> {
    const { reader, directory, clock } = this.#options;
    const open = async () => {
      if (!directory.pinned) throw new Error('letters are read once a directory is pinned');
      const at = new Date(clock.now()).toISOString();
      await openLetter(letter, { ...reader, directory: directory.pinned }, at);
    };
    try {
      await open();
    } catch (problem) {
      if (!isProblem(problem, 'letterInvalid')) throw problem;
      const before = directory.pinned;
      await directory.follow(undefined, signal);
      if (directory.pinned === before) throw problem;
      await open();
    }
  }

  async #known(): Promise<Map<string, DealtWith>> {
    this.#dealtWith ??= new Map((await this.#options.log.read()).map((one) => [one.letterId, one]));
    return this.#dealtWith;
  }

  async #note({ letterId, expiresAt }: LetterStatement): Promise<void> {
    const { log, clock } = this.#options;
    const known = await this.#known();
    for (const [id, one] of known) if (Date.parse(one.expiresAt) + MARGIN_MS < clock.now()) known.delete(id);
    known.set(letterId, { letterId, expiresAt });
    await log.write([...known.values()]);
  }
}

export interface LetterDraft {
  readonly to: string;
  readonly type: string;
  readonly body: string;
  /** At most seven days. */
  readonly lifetimeMs: number;
}

/**
 * Leaves a letter for another organisation; resolves once it is on the coordinator's medium.
 * @param signer the key of the node
 * @throws `mailboxFull`, `nodeUnknown`, `letterInvalid`, and what `api` throws
 */
export async function sendLetter(
  { to, type, body, lifetimeMs }: LetterDraft,
  { federationId, organisationId, nodeId }: Correspondent,
  signer: Signer,
  { api, clock }: Pick<MailboxOptions, 'api' | 'clock'>,
): Promise<LetterReceipt> {
  const now = clock.now();
  const letter = await writeLetter(
    {
      federationId,
      letterId: toHex(randomBytes(primitives.random, 16)),
      from: { organisationId, nodeId },
      to,
      type,
      createdAt: new Date(now).toISOString(),
      expiresAt: new Date(now + lifetimeMs).toISOString(),
      body,
    },
    signer,
  );
  const receipt = await api.call('postLetter', { body: letter });
  if (receipt.letterId !== letter.statement.letterId)
    throw new HanseError('coordinatorMisbehaved', { what: 'the receipt of another letter' });
  return receipt;
}
