/**
 * A federation of processes to which faults are done: two participants, an evaluator and an operator, each with a proxy
 * of its own before the coordinator, and all of them in the hands of `fault-control.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobPlan } from '../../client/author-job.ts';
import { connect } from '../../client/enrol.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { isProblem } from '../../protocol/problem.ts';
import { FaultControl } from './fault-control.ts';
import { FaultStage } from './fault-stage.ts';
import { FaultyProxy } from './faulty-proxy.ts';
import { DEADLINE_MS, runHanse, within } from './hanse-process.ts';
import { SmallFederation, smallPlan } from './small-federation.ts';

export type NodeName = 'a' | 'b' | 'e';
const NODES = { a: 'participant', b: 'participant', e: 'evaluator' } as const;

export class FaultBench extends FaultStage<NodeName | 'operator'> {
  /** The models of the same job left alone: the initial one, and the last released one. */
  readonly undisturbed: { readonly initial: string; readonly final: string };
  /** The link by which the present `a` enrolled. */
  linkOfA = '';

  private constructor(
    control: FaultControl,
    federation: SmallFederation,
    proxies: FaultBench['proxies'],
    undisturbed: FaultBench['undisturbed'],
  ) {
    super(control, federation, proxies);
    this.undisturbed = undisturbed;
  }

  static async open(): Promise<FaultBench> {
    const control = await FaultControl.open();
    const proxies: Partial<Record<string, FaultyProxy>> = {};
    const federation = new SmallFederation({
      options: control.options,
      serverFor: (name) => proxies[name]?.url,
    });
    await federation.serve();
    for (const name of [...Object.keys(NODES), 'operator'])
      proxies[name] = await FaultyProxy.open(federation.port);
    await Promise.all(Object.entries(NODES).map(([name, role], i) => federation.join(name, role, i + 1)));
    const jobId = await federation.createJob(planOf(60), async () => {});
    const { manifest, model, phase } = await federation.jobAtEnd(jobId);
    if (phase !== 'finished') throw new Error(`the job that is left alone is ${phase}`);
    const undisturbed = { initial: manifest.initialModel, final: model };
    return new FaultBench(control, federation, proxies as FaultBench['proxies'], undisturbed);
  }

  /** Resolves when all nodes are live. Each must have survived what befell others. */
  async ready(): Promise<void> {
    for (const proxy of Object.values(this.proxies)) proxy.judge = () => 'pass';
    for (const name of Object.keys(NODES) as NodeName[])
      if (!this.node(name).isRunning) throw new Error(`${name} has ended\n${this.node(name).said}`);
    const api = await this.federation.api();
    const areLive = async () => {
      for (;;) {
        const { members } = await api.call('listMembers', {});
        const live = members.filter((member) => member.live).map(({ name }) => name);
        if (Object.keys(NODES).every((name) => live.includes(name))) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await within('all nodes to be live', areLive(), () => this.coordinator.said);
  }

  createJob(deadlineSeconds: number, alive: () => Promise<unknown>): Promise<string> {
    return this.federation.createJob(planOf(deadlineSeconds), alive);
  }

  /** Whatever the row before has left behind: everybody runs, with the right time. */
  async recover(): Promise<void> {
    if (!this.coordinator.isRunning) await this.federation.serve();
    for (const name of Object.keys(NODES) as NodeName[]) {
      if (!this.node(name).isRunning)
        this.federation.launch(name, name === 'a' && this.linkOfA ? [this.linkOfA] : []);
      this.node(name).signal('SIGCONT');
    }
    this.coordinator.signal('SIGCONT');
    for (const one of [this.coordinator, ...this.federation.nodes.values()])
      await this.control.setClock(one, 0);
    await this.ready();
  }

  /** Another node, with the same data and the same randomness, takes the place of `a`; it is not waited for. */
  async replaceA(): Promise<void> {
    await this.node('a').stop();
    this.linkOfA = await this.federation.invite('participant', 'a');
    this.federation.forget('a');
    this.federation.launch('a', [this.linkOfA]);
  }

  /** A node whose streams broke often asks for its tasks for a while: one that begins anew opens a stream. */
  async restartA(): Promise<void> {
    await this.node('a').stop();
    await this.federation.rejoin('a');
    await this.ready();
  }

  /** Resolves when a request of the operator ends in this problem. */
  async operatorIsRefused(code: string): Promise<void> {
    const { operator } = this.federation;
    if (!operator) throw new Error('unreachable');
    const api = await connect(operator, systemClock);
    const problem = await api.call('listJobs', {}).catch((error: unknown) => error);
    if (!isProblem(problem) || problem.code !== code) throw new Error(`the operator was answered ${problem}`);
  }

  /** `hanse model export`, over the proxy of the operator or not. Resolves to the file. */
  async exportModel(jobId: string, isProxied: boolean): Promise<Buffer> {
    const { folder, dataDir } = this.federation;
    const name = isProxied ? 'proxied' : 'direct';
    const identity = join(folder, `operator-${name}.json`);
    const stored = JSON.parse(readFileSync(join(dataDir, 'keys', 'operator.json'), 'utf8'));
    const server = isProxied ? this.proxies.operator.url : stored.server;
    writeFileSync(identity, JSON.stringify({ ...stored, server }), { mode: 0o600 });
    const file = join(folder, `${name}.onnx`);
    const { code, said } = await runHanse([
      ...['model', 'export', jobId, '-o', file],
      ...['--identity', identity, '--json'],
    ]);
    if (code !== 0) throw new Error(`hanse model export failed: ${said}`);
    return readFileSync(file);
  }
}

function planOf(deadlineSeconds: number): JobPlan {
  return smallPlan({
    deadlines: { collectSeconds: deadlineSeconds, evaluateSeconds: deadlineSeconds },
    maxAttempts: 10,
  });
}

/** Longer than anything that a row waits for, which has a deadline of its own. */
export const ROW_MS = 4 * DEADLINE_MS;
