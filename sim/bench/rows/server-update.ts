/**
 * What it costs the coordinator to take in one update: signature, nonce, hash, clip check, blob on disk, event on disk,
 * addition to the sum, receipt. A real coordinator process; one client delivers the updates of a cohort one after the
 * other. Only the deliveries are measured, not the choice of the cohort, nor the release.
 *
 * Baseline: the same bytes, hashed once and written once to a file with fsync, in the process that measures.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { primitives } from '#primitives';
import { authorJob, submitJob } from '../../../client/author-job.ts';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import { connect, enrol } from '../../../client/enrol.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import type { Identity } from '../../../client/identity.ts';
import { nodeExchange } from '../../../client/node-exchange.ts';
import { concatBytes } from '../../../protocol/bytes.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { encodeUpdate } from '../../../protocol/ring/update.ts';
import { attemptParams } from '../../../protocol/routes.ts';
import { encodeHeader } from '../../../protocol/vector.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import type { TrainTask } from '../../../schemas/task.ts';
import { connectOperator, startCoordinator } from '../bench-coordinator.ts';
import { withChildren } from '../child.ts';
import { cpuSeconds } from '../measure.ts';
import { usageOf } from '../process-usage.ts';
import type { Measured, RowContext, RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const COHORT = 25;
/** The first are not counted. */
const ROUNDS = 8;
const WARM_UP = 3;

export const serverUpdate159k = serverUpdate('159k', [784, 200, 10], 2.9);
export const serverUpdate1M = serverUpdate('1M', [784, 1258, 10], 13);

function serverUpdate(size: string, widths: readonly number[], atMost: number): RowDefinition {
  return {
    name: `server/update/${size}`,
    unit: 'ms',
    what: 'processor time of the coordinator for one update; baseline: its bytes hashed and written to disk once',
    asked: [{ of: 'value', atMost }],
    measure: (context) => withScratchFolder((folder) => measureUpdates(widths, folder, context)),
  };
}

interface Node {
  readonly identity: Identity;
  readonly api: CoordinatorApi;
}

async function measureUpdates(
  widths: readonly number[],
  folder: string,
  { progress }: RowContext,
): Promise<Measured> {
  return withChildren(async (start) => {
    const server = await startCoordinator(start, folder);
    const { operator, api } = await connectOperator(server);
    progress(`${COHORT} participants`);
    const nodes: Node[] = [];
    for (let index = 0; index < COHORT; index += 1) nodes.push(await enrolOne(operator, api, index));
    const authored = await authorJob(planOf(widths), operator.federationId);
    const updates = await sealedUpdates(authored.manifest);
    // A node counts as live once it has asked for work.
    for (const { api: node } of nodes) await node.call('nextTasks', { query: {} });
    await submitJob(authored, api);
    const values: number[] = [];
    const baselines: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      progress(`round ${round} of ${ROUNDS}`);
      const value = await deliver(nodes, updates, server.pid);
      const baseline = await writeOnce(updates, join(folder, `round-${round}`));
      if (round <= WARM_UP) continue;
      values.push(value);
      baselines.push(baseline);
    }
    return { values, baselines, more: { bytes: updates[0]?.length ?? 0 } };
  });
}

/** Milliseconds of the coordinator's processor time for an update, over all of the cohort but the last, who ends the round. */
async function deliver(nodes: readonly Node[], updates: readonly Uint8Array[], pid: number): Promise<number> {
  const tasks: TrainTask[] = [];
  for (const { api } of nodes) {
    const { tasks: offered } = await api.call('nextTasks', { query: { wait: '20' } });
    for (const task of offered) if (task.type === 'train') tasks.push(task);
  }
  const put = async (index: number) => {
    const [node, task, body] = [nodes[index], tasks[index], updates[index]];
    if (!node || !task || !body) throw new Error('a participant was not chosen');
    await node.api.call('putUpdate', { params: attemptParams(task), body });
  };
  const before = usageOf(pid).cpuMs;
  for (let index = 0; index < nodes.length - 1; index += 1) await put(index);
  const spent = usageOf(pid).cpuMs - before;
  await put(nodes.length - 1);
  return spent / (nodes.length - 1);
}

async function enrolOne(operator: Identity, api: CoordinatorApi, index: number): Promise<Node> {
  const { server, federationId, coordinatorKey } = operator;
  const body = {
    role: 'participant',
    organisationId: `organisation-${index}`,
    lifetimeSeconds: 600,
  } as const;
  const invite = await api.call('createInvite', { body });
  const link = { server, federationId, coordinatorKey, ...invite };
  const identity = await enrol(link, `participant-${index}`, systemClock, { exchange: nodeExchange });
  return { identity, api: await connect(identity, systemClock, { exchange: nodeExchange }) };
}

function planOf(widths: readonly number[]) {
  return {
    name: 'updates',
    purpose: 'benchmark of the coordinator',
    forward: mlp(widths, new RandomNumbers(seededRandom(new Uint8Array(32)))),
    training: {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'sgd' },
      learningRate: 0.1,
      learningRateDecay: 1,
      batchSize: 10,
      epochs: 1,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: ROUNDS,
    cohort: { size: COHORT, minimum: COHORT },
    clipNorm: 10,
    weighting: 'uniform',
    weightMax: 1,
    deadlines: { collectSeconds: 600, evaluateSeconds: 60 },
    aggregation: 'plain',
    maxAttempts: 1,
    evaluateEvery: 0,
  } as const;
}

/** Different ones, as participants send them. */
async function sealedUpdates({ codec, parameters }: JobManifest): Promise<Uint8Array[]> {
  const delta = Float32Array.from({ length: parameters }, (_, i) => 0.01 * Math.sin(i));
  const { width, secondBlock } = layoutOf(codec, parameters);
  const updates: Uint8Array[] = [];
  for (let index = 0; index < COHORT; index += 1) {
    const payload = encodeUpdate({ delta, weight: 1, counters: [] }, codec, primitives.random);
    const header = encodeHeader({ kind: 'update', width, length: parameters, secondBlock });
    updates.push(concatBytes(header, payload));
  }
  return updates;
}

/** Milliseconds of this process's own processor time for an update. */
async function writeOnce(updates: readonly Uint8Array[], prefix: string): Promise<number> {
  const seconds = await cpuSeconds(() => {
    for (const update of updates) {
      createHash('sha256').update(update).digest();
      const file = openSync(`${prefix}-${randomBytes(8).toString('hex')}`, 'wx', 0o600);
      writeSync(file, update);
      fsyncSync(file);
      closeSync(file);
    }
  });
  return (1000 * seconds) / updates.length;
}
