/**
 * The table of faults and phases: what can befall real processes and their connections, at every phase of a round. A row
 * is one fault at one phase; `runRow` does it and judges what came of it.
 *
 * The moment is certain, however fast the machine is: something stands still there - a process at a point of its work,
 * or a message in a proxy - until the fault has happened. How long a fault lasts is bound to what is seen, or to the
 * deadline that it is to outlast.
 */
import { join } from 'node:path';
import { hasEnded } from '../../protocol/round.ts';
import type { JobStatus } from '../../schemas/job.ts';
import type { FaultBench, NodeName } from './fault-bench.ts';
import type { Gate } from './fault-control.ts';
import { type Judgement, judge } from './fault-judge.ts';
import type { FaultyProxy, Passage, Place, Verdict } from './faulty-proxy.ts';
import { type HanseProcess, within } from './hanse-process.ts';

export const PHASES = [
  'enrolling',
  'waiting',
  'task fetch',
  'model download',
  'training',
  'update upload',
  'acknowledged',
  'aggregation',
  'evaluation',
  'model release',
] as const;
export type Phase = (typeof PHASES)[number];

const PROCESS_FAULTS = [
  'coordinator killed',
  'coordinator stopped',
  'coordinator clock forward',
  'coordinator clock back',
  'participant killed',
  'participant stopped',
  'participant clock forward',
  'participant clock back',
] as const;
const MESSAGE_FAULTS = ['connection cut', 'delivered twice', 'delivered late', 'slow reader'] as const;
export const FAULTS = [...PROCESS_FAULTS, ...MESSAGE_FAULTS] as const;
export type ProcessFault = (typeof PROCESS_FAULTS)[number];
export type MessageFault = (typeof MESSAGE_FAULTS)[number];
export type Fault = (typeof FAULTS)[number];

export interface RowResult extends Judgement {
  readonly fault: Fault;
  readonly phase: Phase;
  /** Every update of every round was in its first attempt: then the model is, to the bit, that of the job left alone. */
  readonly isUndisturbed: boolean;
  readonly seconds: number;
}

/** Clocks are wrong by that: all signatures are then expired. */
const HOUR_MS = 3_600_000;
/** Where a fault is over soon, and where it is to outlast the deadline. */
const LONG_SECONDS = 20;
const SHORT_SECONDS = 2;

/** The message that the phase consists of, whose it is, and where its middle is. */
interface Message {
  readonly by: NodeName | 'operator';
  readonly middle: Place;
  is(passage: Passage, bench: FaultBench): boolean;
}

const isStream = ({ path }: Passage) => path === '/v1/tasks/stream';
const isUpdate = ({ path }: Passage) => path.endsWith('/update');

const MESSAGES: Partial<Record<Phase, Message>> = {
  enrolling: {
    by: 'a',
    middle: 'half request',
    is: ({ method, path }) => method === 'POST' && path === '/v1/nodes',
  },
  'task fetch': {
    by: 'a',
    middle: 'half line',
    is: (passage) => isStream(passage) && passage.text.includes('"train"'),
  },
  'model download': {
    by: 'a',
    middle: 'half answer',
    is: ({ path }, { undisturbed }) => path === `/v1/blobs/${undisturbed.initial}`,
  },
  'update upload': { by: 'a', middle: 'half request', is: isUpdate },
  acknowledged: { by: 'a', middle: 'half answer', is: isUpdate },
  evaluation: { by: 'e', middle: 'half request', is: ({ path }) => path.endsWith('/evaluation') },
  'model release': { by: 'operator', middle: 'half answer', is: ({ path }) => path.startsWith('/v1/blobs/') },
};
/** In the other phases nothing is on its way but the stream of tasks, which then begins anew. */
const STREAM: Message = { by: 'a', middle: 'half line', is: isStream };

/** Where the phase stands still for a fault of a process; in `waiting` it does so by itself. */
async function gateOf(phase: Phase, bench: FaultBench): Promise<Gate> {
  const { control, coordinator, proxies } = bench;
  if (phase === 'training') return control.arm(bench.node('a'), 'training');
  if (phase === 'aggregation') return control.arm(coordinator, 'aggregated');
  if (phase === 'model release') return control.arm(coordinator, 'released');
  const message = MESSAGES[phase];
  if (!message) return { reached: Promise.resolve(), open: () => {} };
  const place: Place = phase === 'enrolling' || phase === 'acknowledged' ? 'answer' : message.middle;
  return hold(proxies[message.by], (passage) => passage.place === place && message.is(passage, bench));
}

/** Holds the first message of which that is true. */
function hold(proxy: FaultyProxy, is: (passage: Passage) => boolean): Gate {
  return seize(proxy, is, 'pass');
}

/** Holds the first message of which that is true, if it is to pass; else that becomes of it. */
function seize(proxy: FaultyProxy, is: (passage: Passage) => boolean, verdict: Verdict): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    proxy.judge = async (passage) => {
      if (!is(passage)) return 'pass';
      proxy.judge = () => 'pass';
      resolve();
      if (verdict === 'pass') await opened;
      return verdict;
    };
  });
  return { reached: within('a message on its way', reached, () => ''), open };
}

export async function runRow(bench: FaultBench, fault: Fault, phase: Phase): Promise<RowResult> {
  await bench.recover();
  const started = performance.now();
  for (const { receipts } of Object.values(bench.proxies)) receipts.length = 0;
  const isOfMessage = (MESSAGE_FAULTS as readonly Fault[]).includes(fault);
  const jobId = isOfMessage
    ? await messageRow(bench, fault as MessageFault, phase)
    : await processRow(bench, fault as ProcessFault, phase);
  const job = await bench.federation.jobAtEnd(jobId);
  const records = (await bench.federation.records()).filter(({ stream }) => stream === `job/${jobId}`);
  const receipts = Object.values(bench.proxies)
    .flatMap((proxy) => proxy.receipts)
    .filter((receipt) => receipt.jobId === jobId);
  const judgement = judge(job.manifest, records, join(bench.federation.dataDir, 'blobs'), receipts);
  if (job.phase !== 'finished') throw new Error(`${job.phase}: ${judgement.endings.join(', ')}`);
  if (job.model !== judgement.model) throw new Error('the job shows another model than was released');
  await bench.ready();
  const isUndisturbed = judgement.endings.length === 2 && judgement.updates === 4;
  if (isUndisturbed && job.model !== bench.undisturbed.final)
    throw new Error(`the model is ${job.model}, of the job left alone ${bench.undisturbed.final}`);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  return { fault, phase, isUndisturbed, ...judgement, seconds };
}

async function processRow(bench: FaultBench, fault: ProcessFault, phase: Phase): Promise<string> {
  const outlasts = fault.endsWith('stopped') || fault === 'participant clock forward';
  const deadlineSeconds = outlasts ? SHORT_SECONDS : LONG_SECONDS;
  const gate = await gateOf(phase, bench);
  let healed: Promise<void> | undefined;
  let heal = async () => {};
  const healOnce = () => (healed ??= heal());
  const create = () => bench.createJob(deadlineSeconds, healOnce);
  const isBeforeJob = phase === 'enrolling' || phase === 'waiting';
  if (phase === 'enrolling') await bench.replaceA();
  let creating = isBeforeJob ? undefined : create();
  await gate.reached;
  const blow = await strike(bench, fault, phase);
  heal = blow.heal;
  gate.open();
  if (phase === 'waiting') creating = create();
  await Promise.race([blow.lasts(), creating?.then(async (jobId) => isOver(bench, jobId, hasEnded))]);
  await healOnce();
  if (phase === 'enrolling') await bench.node('a').line('readiness', ({ type }) => type === 'ready');
  return creating ?? create();
}

interface Blow {
  /** Resolves when the fault has lasted long enough. */
  lasts(): Promise<unknown>;
  heal(): Promise<void>;
}

/** Does it to the coordinator, or to the node that is at work in this phase. */
async function strike(bench: FaultBench, fault: ProcessFault, phase: Phase): Promise<Blow> {
  const { control, federation } = bench;
  const name = phase === 'evaluation' ? 'e' : 'a';
  const isCoordinator = fault.startsWith('coordinator');
  const victim = isCoordinator ? bench.coordinator : bench.node(name);
  if (fault.endsWith('killed')) {
    await victim.kill();
    return {
      lasts: async () => {},
      heal: async () => {
        if (isCoordinator) await federation.serve();
        else federation.launch(name, phase === 'enrolling' ? [bench.linkOfA] : []);
      },
    };
  }
  if (fault.endsWith('stopped')) {
    victim.signal('SIGSTOP');
    // Longer than the deadline of the round.
    const lastsMs = 1000 * SHORT_SECONDS + 500;
    return {
      lasts: () => new Promise((resolve) => setTimeout(resolve, lastsMs)),
      heal: async () => victim.signal('SIGCONT'),
    };
  }
  const nodes = isCoordinator ? (['a', 'b', 'e'] as const).map((one) => bench.node(one)) : [victim];
  const noticed = nodes.map(noticesClock);
  // Who waits asks for nothing.
  if (isCoordinator && phase === 'waiting') noticed.push(() => bench.operatorIsRefused('signatureExpired'));
  await control.setClock(victim, fault.endsWith('forward') ? HOUR_MS : -HOUR_MS);
  return {
    lasts: () => Promise.race(noticed.map((wait) => wait())),
    heal: () => control.setClock(victim, 0),
  };
}

/** A node is refused, or finds the round to be over. */
function noticesClock(node: HanseProcess): () => Promise<void> {
  const [said, lines] = [node.stderr.length, node.lines.length];
  return () =>
    node.until(
      'a consequence of the clock',
      () =>
        node.stderr.slice(said).includes('signatureExpired') ||
        node.lines.slice(lines).some(({ type }) => type === 'missed'),
    );
}

async function messageRow(bench: FaultBench, fault: MessageFault, phase: Phase): Promise<string> {
  if (phase === 'model release') return releaseRow(bench, fault);
  const outlasts = fault === 'delivered late' || fault === 'slow reader';
  const deadlineSeconds = outlasts ? SHORT_SECONDS : LONG_SECONDS;
  const create = () => bench.createJob(deadlineSeconds, async () => {});
  const message = MESSAGES[phase] ?? STREAM;
  const proxy = bench.proxies[message.by];
  if (phase === 'enrolling') {
    const blow = befall(bench, fault, phase, message);
    await bench.replaceA();
    await blow.reached;
    const isReady = () => bench.node('a').line('readiness', ({ type }) => type === 'ready');
    // What is read slowly comes when the operator can see that the node is enrolled; what is late, after its repetition.
    if (fault === 'delivered late') await isReady();
    blow.open();
    await proxy.deliverLate();
    await isReady();
    return create();
  }
  let blow: Gate;
  let jobId: string | undefined;
  if (message === STREAM) {
    await bench.restartA();
    const gate = await gateOf(phase, bench);
    if (phase !== 'waiting') jobId = await create();
    await gate.reached;
    blow = befall(bench, fault, phase, message);
    proxy.breakStreams();
    await blow.reached;
    gate.open();
    jobId ??= await create();
  } else {
    if (phase === 'task fetch') await bench.restartA();
    blow = befall(bench, fault, phase, message);
    jobId = await create();
    await blow.reached;
  }
  if (outlasts) await isOver(bench, jobId, ({ round, attempt }) => round > 1 || attempt > 1);
  blow.open();
  await proxy.deliverLate();
  return jobId;
}

/** Arms the proxy; `reached` resolves when the fault has befallen the message. */
function befall(bench: FaultBench, fault: MessageFault, phase: Phase, message: Message): Gate {
  const proxy = bench.proxies[message.by];
  const at = (place: Place) => (passage: Passage) => passage.place === place && message.is(passage, bench);
  const isLine = message.middle === 'half line' && message !== STREAM;
  switch (fault) {
    case 'connection cut':
      return seize(proxy, at(message.middle), 'cut');
    case 'slow reader':
      return seize(proxy, at(phase === 'enrolling' ? 'half answer' : message.middle), 'pass');
    case 'delivered twice':
      if (isLine) return seize(proxy, at('line'), 'twice');
      return seize(proxy, at('request'), phase === 'update upload' ? 'twice at once' : 'twice');
    case 'delivered late':
      if (isLine) return seize(proxy, at('line'), 'pass');
      if (phase === 'acknowledged') return seize(proxy, at('answer'), 'pass');
      return seize(proxy, at('request'), 'late');
    default:
      fault satisfies never;
      throw new Error('unreachable');
  }
}

/** The round is released; what is disturbed is its way to somebody who uses the model. */
async function releaseRow(bench: FaultBench, fault: MessageFault): Promise<string> {
  const phase = 'model release';
  const jobId = await bench.createJob(LONG_SECONDS, async () => {});
  await bench.federation.jobAtEnd(jobId);
  const direct = await bench.exportModel(jobId, false);
  const blow = befall(bench, fault, phase, MESSAGES[phase] ?? STREAM);
  const exporting = bench.exportModel(jobId, true);
  await blow.reached;
  // What is read slowly keeps nobody else waiting.
  const other = fault === 'slow reader' ? await bench.exportModel(jobId, false) : direct;
  blow.open();
  const exported = await exporting;
  await bench.proxies.operator.deliverLate();
  if (!direct.equals(exported) || !direct.equals(other)) throw new Error('two exports of one model differ');
  return jobId;
}

async function isOver(bench: FaultBench, jobId: string, is: (job: JobStatus) => boolean): Promise<void> {
  await bench.federation.jobWhen(jobId, 'the end of the attempt', is);
}
