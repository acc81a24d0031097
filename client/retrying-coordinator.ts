/**
 * A coordinator that is away for a while: requests are repeated until they are answered. SPEC.md section 9.2.
 *
 * Meant for requests that may arrive twice without harm, which is all that a participant sends. The same body is sent
 * again, byte for byte; only the signature is fresh. Pauses double up to a limit and are jittered, so that a thousand
 * nodes do not come back at the same moment. An answer that the protocol does not permit may have been garbled on its
 * way, so it too is asked for again, a few times; then it is what the coordinator says.
 */
import { type Clock, pause } from '../protocol/clock.ts';
import { type HanseError, isProblem } from '../protocol/problem.ts';
import { RandomNumbers, type RandomSource } from '../protocol/random.ts';
import { type CoordinatorApi, TRANSIENT } from './coordinator-api.ts';

export interface RetryOptions {
  readonly clock: Clock;
  /** For the jitter. */
  readonly random: RandomSource;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** How often a request is repeated after a problem, by its code; not at all unless listed. Default: `PATIENCE`. */
  readonly repeats?: ReadonlyMap<string, number>;
  /** Called before every pause. */
  readonly onRetry?: (problem: HanseError, pauseMs: number) => void;
}

/** Of a participant, all of whose requests may be repeated. */
const PATIENCE: ReadonlyMap<string, number> = new Map([
  ...[...TRANSIENT].map((code) => [code, Number.POSITIVE_INFINITY] as const),
  ['coordinatorMisbehaved', 4],
]);

/** For requests of which some must not arrive twice: an overloaded coordinator has not looked at them. */
export const REPEATS_IF_OVERLOADED: ReadonlyMap<string, number> = new Map([['overloaded', 8]]);

export const DEFAULT_PAUSES = { firstPauseMs: 200, longestPauseMs: 15_000 } as const;

/**
 * Repeats until success, a problem that does not pass, or until the signal of the call aborts: then it throws the last
 * problem.
 */
export function retryingCoordinator(api: CoordinatorApi, options: RetryOptions): CoordinatorApi {
  const { clock, firstPauseMs, longestPauseMs, repeats = PATIENCE, onRetry } = options;
  const jitter = new RandomNumbers(options.random);
  return {
    async call(name, request, callOptions) {
      const signal = callOptions?.signal;
      const failures = new Map<string, number>();
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await api.call(name, request, callOptions);
        } catch (error) {
          if (!isProblem(error) || signal?.aborted) throw error;
          const count = (failures.get(error.code) ?? 0) + 1;
          if (count > (repeats.get(error.code) ?? 0)) throw error;
          failures.set(error.code, count);
          const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
          const pauseMs = Math.round(longest * (0.5 + 0.5 * jitter.unit()));
          onRetry?.(error, pauseMs);
          await pause(clock, pauseMs, signal);
          if (signal?.aborted) throw error;
        }
      }
    },
  };
}
