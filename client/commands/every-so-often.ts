/**
 * How far a long command has come, said now and then.
 */

/** Between two lines. */
const PAUSE_MS = 3000;

/** Nothing for what is over before. */
export function everySoOften<Said>(
  say: (said: Said) => void,
  now: () => number = () => performance.now(),
): (said: Said) => void {
  let last = now();
  return (said) => {
    if (now() - last < PAUSE_MS) return;
    last = now();
    say(said);
  };
}
