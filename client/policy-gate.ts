/**
 * The owner's word at every door: whether the node asks for work now, and whether it takes part in a job. SPEC.md
 * section 6.5. The decision is `protocol/exchange/participation.ts`; this tells it what the node knows.
 */
import type { Clock } from '../protocol/clock.ts';
import {
  closedUntil,
  decideParticipation,
  type ParticipationContext,
} from '../protocol/exchange/participation.ts';
import { presentOrganisations } from '../protocol/known-organisations.ts';
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
  readonly stepBytes?: number;
}

/** Of a measurement: what it takes of the node is neither steps nor an update. */
const LIMITS_OF_EVALUATION = ['roundsPerJob', 'bytesDownPerRound'] as const;

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
    const { manifest, examples, stepBytes } = asked;
    const perStep = ledger.millisecondsPerStep(task.jobId);
    const organisations = await this.#organisations(task, api, signal);
    const context: ParticipationContext = {
      at: clock.now(),
      examples,
      secondsSpent: ledger.of(task.jobId).milliseconds / 1000,
      ...(perStep !== undefined && { millisecondsPerStep: perStep }),
      ...(stepBytes !== undefined && { stepBytes }),
      ...(organisations && { organisations }),
    };
    const costs = task.type === 'train' ? limits : onlyOf(limits, LIMITS_OF_EVALUATION);
    const decision = decideParticipation({ policy, limits: costs }, manifest, context);
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
   * Whether so many of the organisations that the owner knows are among these survivors of a secure round.
   * @throws `policyRefused`
   */
  admitSurvivors(nodeIds: readonly string[]): void {
    const { minimumKnownOrganisations: wanted } = this.#options.policy;
    if (wanted === undefined) return;
    const got = this.#present(nodeIds).length;
    if (got < wanted)
      throw new HanseError('policyRefused', {
        rule: 'minimumKnownOrganisations',
        permitted: `at least ${wanted} of those that are known, in the sum`,
        got: `${got}`,
      });
  }

  /** Those of the policy's list that the cohort holds, each by one of its names. Asked for only where it matters. */
  async #organisations(
    { jobId }: Task,
    api: CoordinatorApi,
    signal: AbortSignal,
  ): Promise<readonly string[] | undefined> {
    if (this.#options.policy.minimumKnownOrganisations === undefined || !this.#options.directory())
      return undefined;
    const { cohort } = await api.call('getJob', { params: { jobId }, query: {} }, { signal });
    return this.#present(cohort);
  }

  /** Of a list without a directory: nobody. */
  #present(nodeIds: readonly string[]): string[] {
    const { policy, directory, clock } = this.#options;
    const { knownOrganisations: listed = [] } = policy;
    const known = directory();
    if (!known) return [];
    const at = new Date(clock.now()).toISOString();
    return presentOrganisations(known, listed, nodeIds, at).map(({ organisationId, publicKey }) =>
      listed.includes(publicKey) ? publicKey : organisationId,
    );
  }
}

function onlyOf(limits: CostLimits, keys: readonly (keyof CostLimits)[]): CostLimits {
  return Object.fromEntries(Object.entries(limits).filter(([key]) => keys.some((one) => one === key)));
}

/** For people. */
function momentOf(until: number | null): string {
  return until === null ? 'unknown' : new Date(until).toISOString();
}
