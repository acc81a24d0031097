/**
 * The few tables that were used last: a job draws from the same one in every round, and making one takes a tenth of a second.
 */
import type { CumulativeTable } from './cumulative-table.ts';

/** Half a megabyte each, or less. */
const KEPT = 8;

/** @param make the table of a parameter. Returns the same, with the last eight results at hand. */
export function cachedTables(make: (parameter: number) => CumulativeTable): typeof make {
  const tables = new Map<number, CumulativeTable>();
  return (parameter) => {
    const table = tables.get(parameter) ?? make(parameter);
    // A map keeps the order of insertion: the first is the one used longest ago.
    tables.delete(parameter);
    tables.set(parameter, table);
    if (tables.size > KEPT) for (const [oldest] of [...tables].slice(0, 1)) tables.delete(oldest);
    return table;
  };
}
