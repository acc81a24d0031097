/**
 * Which bucket of a histogram a row is of. The buckets are said by who asks: what the data hold adds none.
 */
import { refused } from './limits.ts';

/** More buckets than these are not asked for at once. */
export const BUCKETS_MAX = 65_536;

/** The name of each bucket, and where a row belongs. */
export interface Buckets<Value> {
  readonly names: readonly string[];
  /** undefined: of none, such rows are left out. */
  bucketOf(value: Value): number | undefined;
}

/**
 * Half-open intervals [edge, next edge). Values below all edges count in the first bucket, those above in the last; NaN in
 * none.
 * @param edges ascending, at least two
 * @throws `statisticRefused`
 */
export function edgeBuckets(edges: readonly number[]): Buckets<number> {
  if (edges.length < 2 || edges.length > BUCKETS_MAX + 1)
    throw refused('buckets', `must be 1 to ${BUCKETS_MAX}, which takes an edge more`);
  if (!edges.every((edge, at) => Number.isFinite(edge) && (at === 0 || edge > (edges[at - 1] as number))))
    throw refused('buckets', 'the edges must be finite numbers in ascending order');
  return {
    names: edges.slice(1).map((edge, at) => `[${edges[at]}, ${edge})`),
    bucketOf(value) {
      if (Number.isNaN(value)) return undefined;
      let [low, high] = [0, edges.length - 2];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((edges[middle] as number) <= value) low = middle;
        else high = middle - 1;
      }
      return low;
    },
  };
}

/**
 * Categories that are known beforehand. Rows of any other are left out.
 * @throws `statisticRefused` for none, too many, or two of a name
 */
export function namedBuckets(names: readonly string[]): Buckets<string | undefined> {
  if (names.length < 1 || names.length > BUCKETS_MAX)
    throw refused('categories', `must be 1 to ${BUCKETS_MAX}`);
  const places = new Map(names.map((name, at) => [name, at]));
  if (places.size !== names.length) throw refused('categories', 'two have one name');
  return { names, bucketOf: (name) => (name === undefined ? undefined : places.get(name)) };
}
