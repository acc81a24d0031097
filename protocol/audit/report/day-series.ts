/**
 * Amounts by day of UTC and by kind, for pictures: as many days and kinds as are drawn, and the sum of what is left out. Pure.
 */

/** Days that are remembered: three years. */
const DAYS = 1100;
const KINDS = 64;
/** More are drawn by month. */
const DAYS_DRAWN = 92;

export interface Series {
  /** `2026-11-28`, or `2026-11` where there are many; all from the first to the last, ascending. */
  readonly spans: readonly string[];
  readonly isByMonth: boolean;
  /** Sorted by name; an amount for each span. */
  readonly kinds: readonly { readonly name: string; readonly amounts: readonly number[] }[];
  /** Of days and kinds beyond those that are remembered. */
  readonly leftOut: number;
}

export class DaySeries {
  readonly #days = new Map<string, Map<string, number>>();
  readonly #kinds = new Set<string>();
  #leftOut = 0;

  /** @param day `2026-11-28` */
  add(day: string, kind: string, amount: number): void {
    const isKnown = this.#kinds.has(kind) || this.#kinds.size < KINDS;
    let amounts = this.#days.get(day);
    if (!isKnown || (!amounts && this.#days.size >= DAYS)) {
      this.#leftOut += amount;
      return;
    }
    this.#kinds.add(kind);
    if (!amounts) {
      amounts = new Map();
      this.#days.set(day, amounts);
    }
    amounts.set(kind, (amounts.get(kind) ?? 0) + amount);
  }

  series(): Series {
    const days = [...this.#days.keys()].sort();
    const [first = '', last = ''] = [days[0], days.at(-1)];
    const between = first === '' ? [] : daysBetween(first, last);
    const isByMonth = between.length > DAYS_DRAWN;
    const spanOf = (day: string) => (isByMonth ? day.slice(0, 7) : day);
    // Days that are too far from each other are drawn side by side.
    const spans = [...new Set((between.length > 0 ? between : days).map(spanOf))];
    const kinds = [...this.#kinds].sort().map((name) => {
      const amounts = new Map<string, number>();
      for (const day of days) {
        const amount = this.#days.get(day)?.get(name) ?? 0;
        amounts.set(spanOf(day), (amounts.get(spanOf(day)) ?? 0) + amount);
      }
      return { name, amounts: spans.map((span) => amounts.get(span) ?? 0) };
    });
    return { spans, isByMonth, kinds, leftOut: this.#leftOut };
  }
}

const DAY_MS = 86_400_000;

/** None where there are more than are remembered. */
function daysBetween(first: string, last: string): string[] {
  const [from, to] = [Date.parse(`${first}T00:00:00Z`), Date.parse(`${last}T00:00:00Z`)];
  const count = (to - from) / DAY_MS + 1;
  if (!(count <= DAYS)) return [];
  return Array.from({ length: count }, (_, at) => new Date(from + at * DAY_MS).toISOString().slice(0, 10));
}
