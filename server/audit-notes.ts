/**
 * Notes: entries of the audit log that are no events of the store, such as that the coordinator has started. SPEC.md 13.11.
 *
 * Their ids are `notes/1`, `notes/2` and so on. The last number is the position of a cursor of the log, which moves in the
 * transaction that adds the notes: wherever a process is killed, there is no gap and no number twice.
 */
import { encodeLeaf } from '../protocol/audit/leaf.ts';
import { newSalt, type SaltedField, salted } from '../protocol/audit/salted-field.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import type { Clock } from '../protocol/clock.ts';
import type { RandomSource } from '../protocol/random.ts';
import { type AuditData, NOTES, type NoteType, type Salted } from '../schemas/audit-event.ts';
import { auditEnvelope } from './audit-envelope.ts';
import type { AuditLog, LogEntry } from './audit-log.ts';

/** Notes of one append to the log, at most. */
const TOGETHER = 1000;

/** Members that stand in the entry as they are. */
type Plain<Data> = {
  [Key in keyof Data as NonNullable<Data[Key]> extends Salted ? never : Key]: Data[Key];
};
/** Values of members that stand there as salted hashes. */
type Hidden<Data> = { [Key in keyof Data as NonNullable<Data[Key]> extends Salted ? Key : never]: unknown };

interface NoteOf<Name extends NoteType> {
  readonly type: Name;
  /** `urn:hanse:...` */
  readonly subject?: string;
  readonly data: Plain<AuditData<Name>>;
  /** JSON, by the name of the member. */
  readonly hidden?: Hidden<AuditData<Name>>;
}

/** Of a type of `AUDIT_NOTES`. */
export type AuditNote = { [Name in NoteType]: NoteOf<Name> }[NoteType];

export interface AuditNotes {
  /**
   * Resolves once the note is in the log, durably and under a signed checkpoint.
   * @throws invalidFormat, RangeError for what is no such note; storageFull, storageFailed
   */
  record(note: AuditNote): Promise<void>;
}

/** Of a coordinator that keeps no log. */
export const NO_NOTES: AuditNotes = { record: async () => {} };

export interface LoggedNotesOptions {
  readonly log: Pick<AuditLog, 'append' | 'cursor'>;
  readonly clock: Clock;
  /** Of the coordinator, hex. */
  readonly coordinatorKey: string;
  /** Of salts. */
  readonly random: RandomSource;
}

interface Waiting {
  readonly note: AuditNote;
  readonly time: string;
  readonly resolve: () => void;
  readonly reject: (problem: unknown) => void;
}

export class LoggedNotes implements AuditNotes {
  readonly #options: LoggedNotesOptions;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;

  constructor(options: LoggedNotesOptions) {
    this.#options = options;
  }

  record(note: AuditNote): Promise<void> {
    return new Promise((resolve, reject) => {
      const time = new Date(this.#options.clock.now()).toISOString();
      this.#waiting.push({ note, time, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  /** Resolves once all that was recorded has been answered. */
  async settled(): Promise<void> {
    while (this.#working) await this.#working;
  }

  /** One append after the other: a number is given once the one before it is in the log. */
  async #work(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#append(this.#waiting.splice(0, TOGETHER));
    this.#working = undefined;
  }

  /** Never rejects. */
  async #append(batch: readonly Waiting[]): Promise<void> {
    const { log } = this.#options;
    const entries: LogEntry[] = [];
    const logged: Waiting[] = [];
    try {
      // As the medium has it: an append that has failed may have been stored.
      const last = log.cursor(NOTES);
      for (const waiting of batch)
        try {
          entries.push(await this.#entryOf(waiting, last + entries.length + 1));
          logged.push(waiting);
        } catch (error) {
          waiting.reject(error);
        }
      if (entries.length > 0) await log.append(entries, { source: NOTES, position: last + entries.length });
      for (const { resolve } of logged) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async #entryOf({ note, time }: Waiting, number: number): Promise<LogEntry> {
    const { coordinatorKey, random } = this.#options;
    const kept: SaltedField[] = [];
    const hashes: Record<string, Salted> = {};
    for (const [name, value] of Object.entries(note.hidden ?? {})) {
      const salt = newSalt(random);
      kept.push({ pointer: `/data/${name}`, salt, value: canonicalJson(value) });
      hashes[name] = await salted(salt, value);
    }
    const { type, subject } = note;
    const data = { ...note.data, ...hashes };
    const event = auditEnvelope(coordinatorKey, { id: `${NOTES}/${number}`, type, subject, time, data });
    return { bytes: encodeLeaf(event), salted: kept };
  }
}
