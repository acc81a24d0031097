/**
 * The checkpoints of a log, in the order of their sizes, each read when the log has come to it: its form, its signature, that it
 * is of the size under which it is kept, and that the one before it is there.
 */
import { readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import type { VerifierKey } from '../../protocol/audit/verifier-key.ts';
import { isProblem } from '../../protocol/problem.ts';
import type { AuditRows, PlacedNote } from '../store/audit-rows.ts';
import type { Findings } from './findings.ts';

const PAGE = 256;

export class CheckpointCheck {
  readonly #rows: Pick<AuditRows, 'checkpoints'>;
  readonly #key: VerifierKey;
  readonly #findings: Findings;
  /** Size of the last one that is looked at: others come while a coordinator runs. */
  readonly #end: number;
  #page: PlacedNote[] = [];
  #at = 0;
  #from = Number.MIN_SAFE_INTEGER;
  /** Size of the last one that was looked at. */
  #last: number | undefined;

  constructor(rows: Pick<AuditRows, 'checkpoints'>, key: VerifierKey, end: number, findings: Findings) {
    this.#rows = rows;
    this.#key = key;
    this.#end = end;
    this.#findings = findings;
  }

  /** Of the next checkpoint; Infinity after the last. */
  get nextSize(): number {
    return this.#next()?.size ?? Number.POSITIVE_INFINITY;
  }

  /** The root that the log has signed at this size, where it has. To be called with sizes that grow. */
  async rootAt(size: number): Promise<Uint8Array | undefined> {
    for (let next = this.#next(); next !== undefined && next.size <= size; next = this.#next()) {
      this.#at += 1;
      this.#checkBefore(next);
      const root = await this.#rootOf(next);
      if (next.size === size) return root;
    }
    return undefined;
  }

  #next(): PlacedNote | undefined {
    if (this.#at === this.#page.length) {
      this.#page = this.#rows.checkpoints(this.#from, PAGE).filter(({ size }) => size <= this.#end);
      this.#at = 0;
      this.#from = (this.#page.at(-1)?.size ?? this.#end) + 1;
    }
    return this.#page[this.#at];
  }

  #checkBefore({ size, before }: PlacedNote): void {
    if (before !== null && before !== (this.#last ?? size))
      this.#findings.add('checkpointGone', { index: before });
    this.#last = size;
  }

  async #rootOf({ size: index, note }: PlacedNote): Promise<Uint8Array | undefined> {
    try {
      const { size, root } = await readCheckpoint(note, this.#key);
      if (size === index) return root;
      this.#findings.add('checkpointMisplaced', { index, detail: `of size ${size}` });
    } catch (error) {
      const isKnown =
        isProblem(error, 'noteMalformed') ||
        isProblem(error, 'checkpointMalformed') ||
        isProblem(error, 'originUnknown') ||
        isProblem(error, 'noteUnsigned');
      if (!isKnown) throw error;
      this.#findings.add(error.code, { index });
    }
    return undefined;
  }
}
