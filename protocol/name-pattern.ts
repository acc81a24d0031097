/**
 * Patterns over names: `*` stands for any run of characters, also an empty one, `?` for exactly one; every other
 * character for itself. A pattern is matched against the whole name.
 *
 * No regular expression: patterns come with a job, and backtracking would let whoever wrote them stop the node. Going
 * back to the last `*` only, a match takes at most length of name times length of pattern steps.
 */
export function matchesPattern(name: string, pattern: string): boolean {
  let [at, place] = [0, 0];
  /** Behind the last `*`, and up to where it has taken the name. */
  let [afterStar, taken] = [-1, 0];
  while (at < name.length) {
    const symbol = pattern[place];
    if (symbol === '*') {
      [afterStar, taken] = [place + 1, at];
      place = afterStar;
    } else if (symbol !== undefined && (symbol === '?' || symbol === name[at])) {
      at += 1;
      place += 1;
    } else if (afterStar >= 0) {
      taken += 1;
      [at, place] = [taken, afterStar];
    } else return false;
  }
  while (pattern[place] === '*') place += 1;
  return place === pattern.length;
}
