/**
 * Reports of what goes wrong again and again, as a full disk does with every request: the first of its kind at once,
 * further ones as a number, once in a while.
 */
import type { Clock } from '../protocol/clock.ts';

export type Report = (error: unknown, doing: string) => void;

const INTERVAL_MS = 60_000;

/** @param report receives one in a minute of each kind, with how many there have been since the one before */
export function seldom(report: Report, clock: Clock): (kind: string, error: unknown, doing: string) => void {
  const kinds = new Map<string, { reportedAt: number; since: number }>();
  return (kind, error, doing) => {
    const now = clock.now();
    const known = kinds.get(kind);
    // A moment ahead of the clock says nothing: the clock was set back.
    if (known && Math.abs(now - known.reportedAt) < INTERVAL_MS) {
      known.since += 1;
      return;
    }
    const more = known?.since ? ` (and ${known.since} times since the last report)` : '';
    kinds.set(kind, { reportedAt: now, since: 0 });
    report(error, `${doing}${more}`);
  };
}
