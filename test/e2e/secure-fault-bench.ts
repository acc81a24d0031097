/**
 * A federation of processes in which secure rounds are disturbed: four participants, of whom three suffice, each with a
 * proxy of its own before the coordinator.
 *
 * It also runs the same job with plain sums, with the same nodes missing in the same attempts: what a secure job releases
 * must be that model, to the bit.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JobPlan, secureAggregationFor } from '../../client/author-job.ts';
import { hasEnded } from '../../protocol/round.ts';
import type { JobAttempts, SpentAttempts } from '../../schemas/attempts.ts';
import { FaultControl } from './fault-control.ts';
import { FaultStage } from './fault-stage.ts';
import { FaultyProxy, type Passage } from './faulty-proxy.ts';
import { SmallFederation, smallPlan } from './small-federation.ts';

export const NAMES = ['a', 'b', 'c', 'd'] as const;
export type NodeName = (typeof NAMES)[number];

const COHORT = { size: 4, minimum: 3 };
/** Where a deadline has to pass before the job goes on, and where none does. */
export const SHORT_SECONDS = 4;
export const LONG_SECONDS = 60;

/** Who was in the sum of an attempt, and `void` where there was none: `{ '1/1': 'void', '1/2': 'abcd' }`. */
export type Course = Readonly<Record<string, string>>;

const UPDATE = /^\/v1\/jobs\/([^/]+)\/rounds\/(\d+)\/attempts\/(\d+)\/update$/;

export class SecureFaultBench extends FaultStage<NodeName> {
  readonly #plainModels = new Map<string, Promise<string>>();

  static async open(): Promise<SecureFaultBench> {
    const control = await FaultControl.open();
    const proxies: Partial<Record<string, FaultyProxy>> = {};
    const federation = new SmallFederation({
      coordinator: control.options,
      // Rows hold up half of the participants: a release that waits for these as witnesses is another suite's matter.
      serveArgs: ['--witness-policy', 'none'],
      serverFor: (name) => proxies[name]?.url,
    });
    await federation.serve();
    for (const name of NAMES) proxies[name] = await FaultyProxy.open(federation.port);
    await Promise.all(NAMES.map((name, i) => federation.join(name, 'participant', i + 1)));
    return new SecureFaultBench(control, federation, proxies as SecureFaultBench['proxies']);
  }

  /** Names by node id. */
  async names(): Promise<ReadonlyMap<string, string>> {
    const { members } = await (await this.federation.api()).call('listMembers', {});
    return new Map(members.map(({ nodeId, name }) => [nodeId, name]));
  }

  createSecureJob(deadlineSeconds: number): Promise<string> {
    const aggregation = secureAggregationFor(COHORT, deadlineSeconds);
    return this.federation.createJob(planOf(deadlineSeconds, aggregation), async () => {});
  }

  /** The last model of the job with plain sums, gone the same way. A way is gone once. */
  plainModel(course: Course): Promise<string> {
    const way = JSON.stringify(course);
    const known = this.#plainModels.get(way) ?? this.#runPlain(course);
    this.#plainModels.set(way, known);
    return known;
  }

  /** What the node has written down of this job; undefined if it has not. */
  journalOf(name: NodeName, jobId: string): JobAttempts | undefined {
    const path = join(this.federation.folder, name, 'identity.json.attempts');
    if (!existsSync(path)) return undefined;
    return (JSON.parse(readFileSync(path, 'utf8')) as SpentAttempts).jobs[jobId];
  }

  /** Whatever the row before has left behind: everybody runs and nothing is held, and no job goes on. */
  async recover(): Promise<void> {
    for (const proxy of Object.values(this.proxies)) {
      proxy.judge = () => 'pass';
      proxy.receipts.length = 0;
      proxy.answers.length = 0;
    }
    if (!this.coordinator.isRunning) await this.federation.serve();
    const api = await this.federation.api();
    const { jobs } = await api.call('listJobs', {});
    for (const job of jobs) if (!hasEnded(job)) await api.call('cancelJob', { params: { jobId: job.jobId } });
    for (const name of NAMES) {
      if (this.node(name).isRunning) this.node(name).signal('SIGCONT');
      else await this.federation.rejoin(name);
    }
  }

  async #runPlain(course: Course): Promise<string> {
    const isDisturbed = Object.values(course).some((names) => names !== NAMES.join(''));
    const over: (() => void)[] = [];
    const isMissing = (name: NodeName, { path, place }: Passage) => {
      const [, , round, attempt] = UPDATE.exec(path) ?? [];
      if (place !== 'request' || round === undefined) return false;
      const who = course[`${round}/${attempt}`] ?? '';
      return who === 'void' ? name < 'c' : !who.includes(name);
    };
    for (const name of NAMES)
      this.proxies[name].judge = (passage) => {
        if (!isMissing(name, passage)) return 'pass';
        return new Promise((resolve) => over.push(() => resolve('cut')));
      };
    const plan = planOf(isDisturbed ? SHORT_SECONDS : LONG_SECONDS, 'plain');
    const jobId = await this.federation.createJob(plan, async () => {});
    const job = await this.federation.jobAtEnd(jobId);
    for (const cut of over) cut();
    for (const name of NAMES) this.proxies[name].judge = () => 'pass';
    const gone = job.rounds.map(({ round, attempt, outcome, updates }) => [
      `${round}/${attempt}`,
      outcome === 'released' ? updates : 'void',
    ]);
    const wanted = Object.entries(course).map(([place, who]) => [place, who === 'void' ? who : who.length]);
    if (JSON.stringify(gone) !== JSON.stringify(wanted))
      throw new Error(`the plain job went ${JSON.stringify(gone)}, and not ${JSON.stringify(wanted)}`);
    return job.model;
  }
}

function planOf(deadlineSeconds: number, aggregation: JobPlan['aggregation']): JobPlan {
  return smallPlan({
    cohort: COHORT,
    aggregation,
    deadlines: { collectSeconds: deadlineSeconds, evaluateSeconds: deadlineSeconds },
    evaluateEvery: 0,
    maxAttempts: 6,
  });
}
