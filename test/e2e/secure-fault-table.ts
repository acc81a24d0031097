/**
 * The table of faults and phases of a secure round: what can befall real processes between any two of its messages. A row
 * is one fault at one phase of the first attempt; `runSecureRow` does it and judges what came of it.
 *
 * The moment is certain, however fast the machine is. In a phase in which participants send something, `c` and `d` (or
 * `a` and `d`) have been heard and the messages of the others stand still in their proxies: two are not enough to go on
 * with, in any phase. In the other phases the coordinator stands still before it writes what follows.
 */
import { createHash } from 'node:crypto';
import type { JobStatus } from '../../schemas/job.ts';
import type { Gate } from './fault-control.ts';
import type { Passage } from './faulty-proxy.ts';
import { DEADLINE_MS, type HanseProcess, within } from './hanse-process.ts';
import {
  LONG_SECONDS,
  NAMES,
  type NodeName,
  type SecureFaultBench,
  SHORT_SECONDS,
} from './secure-fault-bench.ts';
import { judgeSecure, type SecureJudgement, type Traffic } from './secure-fault-judge.ts';

/** `opening`: all answers are there, and the secrets that follow are not written down. */
export const SECURE_PHASES = [
  'advertising',
  'sharing',
  'collecting',
  'consenting',
  'unmasking',
  'opening',
  'aggregating',
  'releasing',
] as const;
export type SecureFaultPhase = (typeof SECURE_PHASES)[number];

export const SECURE_FAULTS = [
  'coordinator killed',
  'coordinator killed before it acknowledges',
  'participant killed',
  'participant killed before it is acknowledged',
  'two participants killed',
  'two participants away',
  'participant stopped',
] as const;
export type SecureFault = (typeof SECURE_FAULTS)[number];

export interface SecureRowResult extends SecureJudgement {
  readonly fault: SecureFault;
  readonly phase: SecureFaultPhase;
  /** The first attempt of the first round, with its survivors, or how it ended. */
  readonly first: string;
  /** Of the job, last released. */
  readonly model: string;
  readonly seconds: number;
}

/** The path of what participants send in a phase, behind that of the attempt. */
const MESSAGE: Partial<Record<SecureFaultPhase, string>> = {
  advertising: 'keys',
  sharing: 'shares',
  collecting: 'masked',
  consenting: 'consent',
  unmasking: 'answer',
};
/** What the coordinator records of them. Their answers come when the phase is over. */
const RECORDED: Partial<Record<SecureFaultPhase, string>> = {
  advertising: 'keysAdvertised',
  sharing: 'sharesAccepted',
  collecting: 'updateAccepted',
  consenting: 'consentGiven',
  unmasking: 'answerAccepted',
};
/** The event before which the coordinator stands still. */
const EVENT: Partial<Record<SecureFaultPhase, string>> = {
  opening: 'secretsOpened',
  aggregating: 'aggregated',
  releasing: 'released',
};

const isUnacknowledged = (fault: SecureFault) => fault.includes('before');

/** Every row that says something: what is not acknowledged is a message of a participant. */
export const SECURE_ROWS: readonly (readonly [SecureFault, SecureFaultPhase])[] = SECURE_FAULTS.flatMap(
  (fault) =>
    SECURE_PHASES.filter((phase) => !isUnacknowledged(fault) || MESSAGE[phase] !== undefined).map(
      (phase) => [fault, phase] as const,
    ),
);

/**
 * What has to become of the first attempt: all four in the sum, three, or the code with which it is void.
 *
 * Where an update has arrived it counts, whoever dies; what waits for two is void; two who come back in time have only to
 * send their answers again. Where two stay away at the end, the others have opened their part and take part in no further
 * attempt from that model.
 */
export function expectedOf(fault: SecureFault, phase: SecureFaultPhase): string {
  const isEarly = phase === 'advertising' || phase === 'sharing';
  const isBeforeUpdate = isEarly || (phase === 'collecting' && !isUnacknowledged(fault));
  switch (fault) {
    case 'coordinator killed':
    case 'coordinator killed before it acknowledges':
      return 'abcd';
    case 'participant killed':
    case 'participant killed before it is acknowledged':
    case 'participant stopped':
      return isBeforeUpdate ? 'bcd' : 'abcd';
    case 'two participants killed':
    case 'two participants away':
      if (phase === 'unmasking') return fault === 'two participants killed' ? 'abcd' : 'unmaskingFailed';
      return isBeforeUpdate || phase === 'consenting' ? 'cohortTooSmall' : 'abcd';
    default:
      fault satisfies never;
      throw new Error('unreachable');
  }
}

/** What stands still until the fault has happened. */
interface Standstill extends Pick<Gate, 'open'> {
  /** Resolves when this job stands still. */
  reached(jobId: string): Promise<void>;
  /** Lets go what this node has sent, and no other. */
  openOf(name: NodeName): void;
}

export async function runSecureRow(
  bench: SecureFaultBench,
  fault: SecureFault,
  phase: SecureFaultPhase,
): Promise<SecureRowResult> {
  await bench.recover();
  const started = performance.now();
  const seconds = needsDeadline(fault, phase) ? SHORT_SECONDS : LONG_SECONDS;
  const standstill = await standstillOf(bench, fault, phase);
  const jobId = await bench.createSecureJob(seconds);
  await standstill.reached(jobId);
  await requirePhase(bench, jobId, phase);
  await strike(bench, fault, phase, jobId, standstill);
  const job = await bench.federation.jobAtEnd(jobId, 3 * DEADLINE_MS);
  const judgement = await judgeJob(bench, job);
  const { course, endings } = judgement;
  const [ending = ''] = endings;
  const first = ending.endsWith(' released') ? (course['1/1'] ?? '') : ending.slice('1/1 '.length);
  const expected = expectedOf(fault, phase);
  if (first !== expected) throw new Error(`the first attempt: ${first}, expected ${expected}; ${endings}`);
  if (expected === 'unmaskingFailed') {
    if (job.phase !== 'failed') throw new Error(`${job.phase} without a model: ${endings.join(', ')}`);
  } else {
    if (job.phase !== 'finished') throw new Error(`${job.phase}: ${endings.join(', ')}`);
    // Who was away is back.
    if (course['2/1'] !== 'abcd') throw new Error(`round 2: ${JSON.stringify(course)}`);
    const plain = await bench.plainModel(course);
    if (job.model !== plain) throw new Error(`the model is ${job.model}, with plain sums ${plain}`);
  }
  for (const name of NAMES) checkSpent(bench, name, jobId);
  const isAnsweredAgain = ['a', 'b'].some(
    (name) => answersIn(bench, name as NodeName, jobId, '1/1').length > 1,
  );
  if (fault === 'two participants killed' && phase === 'unmasking' && !isAnsweredAgain)
    throw new Error('the round has ended without an answer that was sent again');
  const took = Math.round((performance.now() - started) / 100) / 10;
  return { fault, phase, first, ...judgement, model: job.model, seconds: took };
}

/** Whether the attempt goes on only when a deadline has passed. */
function needsDeadline(fault: SecureFault, phase: SecureFaultPhase): boolean {
  if (fault === 'two participants away') return MESSAGE[phase] !== undefined;
  return fault === 'participant stopped' && expectedOf(fault, phase) !== 'abcd';
}

async function standstillOf(
  bench: SecureFaultBench,
  fault: SecureFault,
  phase: SecureFaultPhase,
): Promise<Standstill> {
  const event = EVENT[phase];
  if (event !== undefined) {
    const { reached, open } = await bench.control.arm(bench.coordinator, event);
    return { reached: () => reached, open, openOf: () => {} };
  }
  const opens = new Map<NodeName, () => void>();
  const heard = [isUnacknowledged(fault) ? 'a' : 'c', 'd'] as const;
  const sent = NAMES.map((name) => {
    const isHeard = heard.some((one) => one === name);
    const isIt = ({ path }: Passage) => path.includes(`/rounds/1/attempts/1/${MESSAGE[phase]}`);
    const opened = new Promise<void>((resolve) => opens.set(name, resolve));
    return new Promise<void>((resolve) => {
      bench.proxies[name].judge = async (passage) => {
        if (!isIt(passage)) return 'pass';
        resolve();
        const isStopped = isHeard ? name === 'a' && passage.place === 'answer' : passage.place === 'request';
        if (!isStopped) return 'pass';
        await opened;
        // The acknowledgement is lost with the process.
        return isHeard ? 'cut' : 'pass';
      };
    });
  });
  const all = async (jobId: string) => {
    await Promise.all(sent);
    await allRecorded(bench, jobId, RECORDED[phase] ?? '', heard);
  };
  const openOf = (name: NodeName) => {
    opens.get(name)?.();
    bench.proxies[name].judge = () => 'pass';
  };
  return {
    reached: (jobId) => within(`all to come to ${phase}`, all(jobId), () => bench.coordinator.said),
    open: () => NAMES.forEach(openOf),
    openOf,
  };
}

/** Resolves when these events of the first attempt are durable, of each of these nodes. */
async function allRecorded(
  bench: SecureFaultBench,
  jobId: string,
  type: string,
  nodes: readonly NodeName[],
): Promise<void> {
  const names = await bench.names();
  const areRecorded = async () => {
    const records = await bench.federation.records();
    const of = records
      .filter((record) => record.stream === `job/${jobId}` && record.type === type)
      .map(({ data }) => names.get((data as { readonly node: string }).node));
    return nodes.every((name) => of.includes(name));
  };
  const api = await bench.federation.api();
  for (let after = '0'; !(await areRecorded()); ) {
    const job = await api.call('getJob', { params: { jobId }, query: { after, wait: '20' } });
    after = String(job.sequence);
  }
}

/** The coordinator says so itself. */
async function requirePhase(bench: SecureFaultBench, jobId: string, phase: SecureFaultPhase): Promise<void> {
  const job = await (await bench.federation.api()).call('getJob', { params: { jobId }, query: {} });
  const wanted = phase === 'opening' ? 'unmasking' : phase;
  if (job.phase !== wanted || job.round !== 1 || job.attempt !== 1)
    throw new Error(`${job.phase} in ${job.round}/${job.attempt} where ${wanted} should stand still`);
}

async function strike(
  bench: SecureFaultBench,
  fault: SecureFault,
  phase: SecureFaultPhase,
  jobId: string,
  standstill: Standstill,
): Promise<void> {
  const { coordinator, federation } = bench;
  const isOver = () =>
    federation.jobWhen(jobId, 'the end of the attempt', ({ round, attempt }) => round > 1 || attempt > 1);
  switch (fault) {
    case 'coordinator killed':
    case 'coordinator killed before it acknowledges':
      await coordinator.kill();
      standstill.open();
      await federation.serve();
      return;
    case 'participant killed':
    case 'participant killed before it is acknowledged': {
      await kill(bench, ['a'], phase, jobId);
      standstill.open();
      const again = federation.launch('a');
      if (expectedOf(fault, phase) === 'bcd') await saysWhy(again, jobId);
      return;
    }
    case 'two participants killed': {
      await kill(bench, ['a', 'b'], phase, jobId);
      standstill.open();
      const again = [federation.launch('a'), federation.launch('b')];
      if (expectedOf(fault, phase) !== 'abcd') await Promise.all(again.map((node) => saysWhy(node, jobId)));
      return;
    }
    case 'two participants away':
      await kill(bench, ['a', 'b'], phase, jobId);
      standstill.open();
      await isOver();
      for (const name of ['a', 'b']) federation.launch(name);
      return;
    case 'participant stopped':
      bench.node('a').signal('SIGSTOP');
      if (EVENT[phase] !== undefined) standstill.open();
      // What it has sent last comes when nobody waits for it any more.
      for (const name of NAMES) if (name !== 'a') standstill.openOf(name);
      await isOver();
      bench.node('a').signal('SIGCONT');
      standstill.openOf('a');
      return;
    default:
      fault satisfies never;
      throw new Error('unreachable');
  }
}

/** What they have spent was on their disks before they sent it. */
async function kill(
  bench: SecureFaultBench,
  victims: readonly NodeName[],
  phase: SecureFaultPhase,
  jobId: string,
): Promise<void> {
  await Promise.all(victims.map((name) => bench.node(name).kill()));
  for (const name of victims) {
    const journal = bench.journalOf(name, jobId);
    if (journal?.round !== 1 || journal.attempt !== 1)
      throw new Error(`${name} has not written down that it takes part`);
    const sent = bench.proxies[name].answers.find((one) => one.jobId === jobId);
    const kept = journal.answer && hashOf(journal.answer.bytes);
    if (sent && journal.opened.length !== 1) throw new Error(`${name} has not written down what it opened`);
    if (phase === 'unmasking' && (!sent || kept !== sent.sha256))
      throw new Error(`${name} has not written down the answer that it sent`);
  }
}

/** What a node says of itself in the end: it runs, and has opened nothing twice. */
function checkSpent(bench: SecureFaultBench, name: NodeName, jobId: string): void {
  if (!bench.node(name).isRunning) throw new Error(`${name} has ended\n${bench.node(name).said}`);
  const journal = bench.journalOf(name, jobId);
  if (!journal) throw new Error(`${name} has written down nothing`);
  const { round, attempt, opened, answer } = journal;
  if (new Set(opened).size !== opened.length) throw new Error(`${name} has opened twice: ${opened}`);
  if (!answer) return;
  const sent = answersIn(bench, name, jobId, `${round}/${attempt}`);
  if (sent.some(({ sha256 }) => sha256 !== hashOf(answer.bytes)))
    throw new Error(`${name} has written down another answer than it sent`);
}

function answersIn({ proxies }: SecureFaultBench, name: NodeName, jobId: string, place: string) {
  return proxies[name].answers.filter((one) => one.jobId === jobId && one.place === place);
}

/** @param bytes in base64 */
function hashOf(bytes: string): string {
  return createHash('sha256').update(bytes, 'base64').digest('hex');
}

/** A node without which the attempt does not go on is asked again after its restart, and does not answer twice. */
async function saysWhy(node: HanseProcess, jobId: string): Promise<void> {
  await node.line(
    'the reason not to take part again',
    ({ type, task, problem }) =>
      type === 'declined' && task.jobId === jobId && problem.code === 'attemptSpent',
  );
}

async function judgeJob(bench: SecureFaultBench, job: JobStatus): Promise<SecureJudgement> {
  const { jobId } = job;
  const records = (await bench.federation.records()).filter(({ stream }) => stream === `job/${jobId}`);
  return judgeSecure(job, records, await bench.names(), trafficOf(bench, jobId));
}

/** What has gone through the proxies for this job. */
export function trafficOf({ proxies }: SecureFaultBench, jobId: string): Traffic {
  const seen = (what: 'answers' | 'receipts') =>
    new Map(NAMES.map((name) => [name, proxies[name][what].filter((one) => one.jobId === jobId)]));
  return { answers: seen('answers'), receipts: seen('receipts') };
}
