/**
 * What a release waits for: that enough witnesses have seen what the round has come to. SPEC.md 13.13.
 * Where that takes long, it is told once that the release is withheld; it happens all the same as soon as they have seen it.
 */
import type { Witnessing } from './witnessing.ts';

export interface ReleaseGate {
  /** Of the log; absent: it has no witnesses, and releases wait for nobody. */
  readonly witnessing: Pick<Witnessing, 'reach' | 'standing'> | undefined;
  /** How long is waited before it is told that the release is withheld. */
  readonly waitMs: number;
  /** Aborted when nothing may wait any more. */
  readonly over: AbortSignal;
  /** Tells that the release is withheld, durably: it has the cosignatures of `cosigned` witnesses, and needs `needed`. */
  readonly withhold: (cosigned: number, needed: number) => Promise<void>;
}

/** Resolves to true once the release may happen, and to false when it is over before. Throws what `withhold` throws. */
export async function passGate({ witnessing, waitMs, over, withhold }: ReleaseGate): Promise<boolean> {
  if (!witnessing || (await witnessing.reach(waitMs, over))) return true;
  if (over.aborted) return false;
  const { cosigned, needed } = witnessing.standing;
  // Of none that are needed nothing is withheld: who was waited for has just left.
  if (needed > 0) await withhold(cosigned, needed);
  return witnessing.reach(Number.POSITIVE_INFINITY, over);
}
