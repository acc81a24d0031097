/**
 * The owner's word at every door: whether the node asks for work now, and whether it takes part in a job. SPEC.md
 * section 6.5. The decision is `protocol/exchange/participation.ts`; this tells it what the node knows.
 */
import type { Clock } from '../protocol/clock.ts';
import {
  asksWhoIsThere,
  cohortByDirectory,
  excludedAbsent,
  knownPresent,
  whoIsThere,
} from '../protocol/exchange/organisation-rules.ts';
import { closedUntil, decideParticipation } from '../protocol/exchange/participation.ts';
import type { ParticipationContext } from '../protocol/exchange/rule-finding.ts';
import { HanseError } from '../protocol/problem.ts';
import type { Directory } from '../schemas/directory.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { CostLimits, NodePolicy } from '../schemas/node-policy.ts';
import type { Task } from '../schemas/task.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { NodeLedger } from './node-ledger.ts';

export interface PolicyGateOptions {
  readonly policy: NodePolicy;
  readonly limits: CostLimits;
  readonly clock: Clock;
  readonly ledger: NodeLedger;
  /** The one that this node has pinned; without one no organisation is known. */
  readonly directory: () => Directory | undefined;
}

/** Why the node asks for no work. */
export interface Closed {
  readonly why: 'hours' | 'paused';
  /** Milliseconds since 1970-01-01 UTC; null if nobody knows, or not within two weeks. */
  readonly until: number | null;
}

/** What is known of a job by now. */
export interface Asked {
  readonly manifest: JobManifest;
  /** In the data set that it would be trained on; the smallest while that is not chosen. */
  readonly examples: number;
  readonly operators?: readonly string[];
  readonly stepBytes?: number;
}

/** That are asked again about who is in a sum. */
const RULES_OF_SUMS = Object.entries({
  minimumKnownOrganisations: knownPresent,
  excludedOrganisations: excludedAbsent,
});

const MINUTE_MS = 60_000;

export class PolicyGate {
  readonly #options: PolicyGateOptions;
  readonly #listeners = new Set<() => void>();
  #isPaused: boolean;

  constructor(options: PolicyGateOptions, isPaused = false) {
    this.#options = options;
    this.#isPaused = isPaused;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    for (const changed of [...this.#listeners]) changed();
  }

  /** Undefined while the node may ask for work. */
  closed(): Closed | undefined {
    if (this.#isPaused) return { why: 'paused', until: null };
    const { policy, clock } = this.#options;
    const until = closedUntil(policy, clock.now());
    return until === undefined ? undefined : { why: 'hours', until };
  }

  /** Resolves when the node, which may or may not ask for work now, may have changed in that; or the signal aborts. */
  change(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const at = clock.now();
    // Hours begin and end with a minute. A node that is paused looks too: a process that waits for nothing else would end.
    const next = Math.floor(at / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.schedule(next, done);
      this.#listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  /**
   * Resolves if the node may take part.
   * @throws `policyRefused`, `outsideHours`, `nodePaused`; what `api` throws
   */
  async admit(task: Task, asked: Asked, api: CoordinatorApi, signal: AbortSignal): Promise<void> {
    if (this.#isPaused) throw new HanseError('nodePaused');
    const { policy, limits, clock, ledger } = this.#options;
    const { manifest, ...known } = asked;
    const perStep = ledger.millisecondsPerStep(task.jobId);
    const context: ParticipationContext = {
      at: clock.now(),
      isMeasurement: task.type === 'evaluate',
      secondsSpent: ledger.of(task.jobId).milliseconds / 1000,
      ...known,
      ...(perStep !== undefined && { millisecondsPerStep: perStep }),
      ...(await this.#whoIsThere(task, api, signal)),
    };
    const decision = decideParticipation({ policy, limits }, manifest, context);
    switch (decision.type) {
      case 'permitted':
        return;
      case 'postponed':
        throw new HanseError('outsideHours', { until: momentOf(decision.until) });
      case 'refused': {
        const [first] = decision.refusals;
        throw new HanseError('policyRefused', first ?? { rule: 'none', permitted: '', got: '' });
      }
      default:
        decision satisfies never;
    }
  }

  /**
   * Whether the rules about the organisations of a cohort hold among these survivors of a secure round too.
   * @throws `policyRefused`
   */
  admitSurvivors(nodeIds: readonly string[]): void {
    const { policy, directory, clock } = this.#options;
    if (!asksWhoIsThere(policy)) return;
    const pinned = directory();
    const context = pinned ? cohortByDirectory(pinned, policy, nodeIds, clock.now()) : {};
    for (const [rule, find] of RULES_OF_SUMS) {
      const { verdict, permitted, found } = find({ policy, context });
      if (verdict === 'refused')
        throw new HanseError('policyRefused', { rule, permitted: `${permitted}, in the sum`, got: found });
    }
  }

  /** Asked for only where it matters. */
  async #whoIsThere({ jobId }: Task, api: CoordinatorApi, signal: AbortSignal) {
    const { policy, directory, clock } = this.#options;
    const pinned = directory();
    if (!pinned || !asksWhoIsThere(policy)) return {};
    const job = await api.call('getJob', { params: { jobId }, query: {} }, { signal });
    return whoIsThere(pinned, policy, job, clock.now());
  }
}

/** For people. */
function momentOf(until: number | null): string {
  return until === null ? 'unknown' : new Date(until).toISOString();
}
