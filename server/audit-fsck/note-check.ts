/**
 * Whether the notes of a log are all there, each once and in order: they are nowhere else, so that their numbers are all there is to
 * compare. SPEC.md 13.7, 13.11.
 */
import { isNote } from '../../protocol/audit/leaf.ts';
import { type AuditEvent, NOTES } from '../../schemas/audit-event.ts';
import type { Findings } from './findings.ts';

const ID = new RegExp(`^${NOTES}/([1-9]\\d{0,14})$`);

export class NoteCheck {
  readonly #cursor: number;
  readonly #findings: Findings;
  #last = 0;
  /** Entries since the last note that cannot be read, which has been told: each may have been one. */
  #unread = 0;

  /** @param cursor number of the last note, as the log has it */
  constructor(cursor: number, findings: Findings) {
    this.#cursor = cursor;
    this.#findings = findings;
  }

  /** Whether this is a note, or says so: then all has been said of it. */
  take(index: number, entry: AuditEvent | undefined): boolean {
    if (!entry) {
      this.#unread += 1;
      return false;
    }
    const { id } = entry;
    const [, digits] = ID.exec(id) ?? [];
    if (digits === undefined) return false;
    const number = Number(digits);
    if (!isNote(entry)) this.#findings.add('eventMissing', { index, detail: id });
    else if (number <= this.#last) this.#findings.add('entryRepeated', { index, detail: id });
    else if (number > this.#cursor) this.#findings.add('entryAhead', { index, detail: id });
    else {
      this.#requireUpTo(number - 1, index);
      this.#last = number;
      this.#unread = 0;
    }
    return true;
  }

  /** No entry comes any more. */
  end(): void {
    this.#requireUpTo(this.#cursor);
  }

  #requireUpTo(number: number, index?: number): void {
    if (number - this.#last > this.#unread)
      this.#findings.add('noteMissing', {
        ...(index !== undefined && { index }),
        detail: `${NOTES}/${this.#last + 1}`,
      });
  }
}
