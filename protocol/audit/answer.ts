/**
 * What a question to a log is answered with: tables of statements, each with the entries behind it. Names in a log are as many as
 * whoever writes it likes, so that a table has a limit, and says what it has left out. Pure.
 */
import { LeafSet, type ToldLeaves } from './leaf-set.ts';

export type Cell = string | number | null;
/** By column. */
export type Cells = Record<string, Cell>;

export interface AnswerRow {
  readonly cells: Readonly<Cells>;
  readonly leaves: ToldLeaves;
}

export interface AnswerTable {
  readonly name: string;
  /** What it shows, in a sentence. */
  readonly caption: string;
  readonly rows: readonly AnswerRow[];
  /** Entries of which it would tell in further rows. */
  readonly leftOut: number;
}

/** Of one table. */
const ROWS = 1000;

interface OpenRow<Of extends Cells> {
  readonly cells: Of;
  readonly leaves: LeafSet;
}

/** A table that is filled while entries go by. */
export class RowBook<Of extends Cells = Cells> {
  readonly #rows = new Map<string, OpenRow<Of>>();
  readonly #most: number;
  #leftOut = 0;

  /** @param most rows */
  constructor(most = ROWS) {
    this.#most = most;
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  /**
   * The cells of a row, which are the caller's to change; the entry is noted behind it. Undefined for one too many.
   * @param key of the row @param begin how it begins
   */
  at(key: string, leaf: number, begin: () => Of): Of | undefined {
    let row = this.#rows.get(key);
    if (!row) {
      if (this.#rows.size >= this.#most) {
        this.#leftOut += 1;
        return undefined;
      }
      row = { cells: begin(), leaves: new LeafSet() };
      this.#rows.set(key, row);
    }
    row.leaves.add(leaf);
    return row.cells;
  }

  /** A row of its own for an entry that says one thing. */
  add(leaf: number, cells: Of): void {
    this.at(`${leaf}/${this.#rows.size}`, leaf, () => cells);
  }

  /** Those that are there, in the order in which they came. */
  *rows(): Generator<readonly [cells: Of, leaves: LeafSet]> {
    for (const { cells, leaves } of this.#rows.values()) yield [cells, leaves];
  }

  table(name: string, caption: string): AnswerTable {
    const rows = [...this.#rows.values()].map(({ cells, leaves }) => ({ cells, leaves: leaves.told() }));
    return { name, caption, rows, leftOut: this.#leftOut };
  }
}
