/**
 * A coordinator that is away for a while: requests are repeated until they are answered. SPEC.md section 9.2.
 *
 * Meant for requests that may arrive twice without harm, which is all that a participant sends. The same body is sent
 * again, byte for byte; only the signature is fresh. Pauses: `backoff.ts`; each request begins with the shortest. An
 * answer that the protocol does not permit may have been garbled on its way, and a request that is called a replay may
 * have been delivered twice by somebody on the way; so these too are asked for again, a few times; then it is what the
 * coordinator says.
 */
import { type Clock, pause } from '../protocol/clock.ts';
import { type HanseError, isProblem } from '../protocol/problem.ts';
import { RandomNumbers, type RandomSource } from '../protocol/random.ts';
import { ROUTES, type Route, type RouteName } from '../protocol/routes.ts';
import { backoffMs, type Pauses } from './backoff.ts';
import { type CoordinatorApi, TRANSIENT } from './coordinator-api.ts';

export interface RetryOptions extends Pauses {
  readonly clock: Clock;
  /** For the jitter. */
  readonly random: RandomSource;
  /** How often a request is repeated after a problem, by its code; not at all unless listed. Default: `PATIENCE`. */
  readonly repeats?: (name: RouteName) => Repeats;
  /** Called before every pause. */
  readonly onRetry?: (problem: HanseError, pauseMs: number) => void;
}

/** How often, by the code of the problem. */
type Repeats = ReadonlyMap<string, number>;

/** Of a participant, all of whose requests may be repeated. */
const PATIENCE: Repeats = new Map([
  ...[...TRANSIENT].map((code) => [code, Number.POSITIVE_INFINITY] as const),
  ['coordinatorMisbehaved', 4],
  ['requestReplayed', 4],
]);

/** A coordinator that is overloaded, or has had too many requests, has not looked at this one. */
const UNTIL_LOOKED_AT: Repeats = new Map([
  ['overloaded', 8],
  ['rateLimited', 8],
]);
const UNTIL_ANSWERED: Repeats = new Map([
  ...UNTIL_LOOKED_AT,
  ['coordinatorUnreachable', 3],
  ['requestReplayed', 3],
]);

/**
 * For commands, which somebody waits for, and of whose requests some must not arrive twice. Whether there is a
 * coordinator at all, the first question tells at once.
 */
export function repeatsOfCommand(name: RouteName): Repeats {
  const { method, access }: Route = ROUTES[name];
  return method === 'POST' || access === 'public' ? UNTIL_LOOKED_AT : UNTIL_ANSWERED;
}

export const DEFAULT_PAUSES = { firstPauseMs: 200, longestPauseMs: 15_000 } as const satisfies Pauses;

/** A coordinator cannot make anybody wait for longer than this by asking for it. */
const LONGEST_ASKED_MS = 60_000;

/** How long the coordinator asks to wait; the jitter comes on top, so that not all return at that moment. */
function askedPauseMs(problem: HanseError): number {
  if (!isProblem(problem, 'rateLimited')) return 0;
  const { retryAfterSeconds }: { retryAfterSeconds: unknown } = problem.detail; // attacker-controlled
  const asked = typeof retryAfterSeconds === 'number' ? retryAfterSeconds * 1000 : 0;
  return asked > 0 ? Math.min(asked, LONGEST_ASKED_MS) : 0;
}

/**
 * Repeats until success, a problem that does not pass, or until the signal of the call aborts: then it throws the last
 * problem.
 */
export function retryingCoordinator(api: CoordinatorApi, options: RetryOptions): CoordinatorApi {
  const { clock, repeats = () => PATIENCE, onRetry } = options;
  const jitter = new RandomNumbers(options.random);
  return {
    async call(name, request, callOptions) {
      const signal = callOptions?.signal;
      const failures = new Map<string, number>();
      for (let attempt = 0; ; attempt += 1) {
        try {
          callOptions?.onAttempt?.(true);
          return await api.call(name, request, callOptions);
        } catch (error) {
          if (!isProblem(error) || signal?.aborted) throw error;
          const count = (failures.get(error.code) ?? 0) + 1;
          if (count > (repeats(name).get(error.code) ?? 0)) throw error;
          failures.set(error.code, count);
          const pauseMs = backoffMs(attempt, options, jitter) + askedPauseMs(error);
          onRetry?.(error, pauseMs);
          callOptions?.onAttempt?.(false);
          await pause(clock, pauseMs, signal);
          if (signal?.aborted) throw error;
        }
      }
    },
  };
}
