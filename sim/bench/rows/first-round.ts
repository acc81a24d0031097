/**
 * How long it takes until fifty participants have trained together once: from the start of the coordinator to the
 * release of the first round, over loopback. Each is a process of its own that runs `hanse join` with 100 images of
 * MNIST; the model is the 2NN of McMahan et al. (AISTATS 2017), 199,210 parameters, and a participant takes two steps.
 *
 * Baseline: as many processes of bare Node, started at once, until each has said a word.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authorJob, submitJob } from '../../../client/author-job.ts';
import { followJob, unfinished } from '../../../client/commands/job.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { formatInviteLink } from '../../../protocol/invite-link.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { connectOperator, startCoordinator } from '../bench-coordinator.ts';
import { type Child, type StartChild, withChildren } from '../child.ts';
import type { Measured, RowContext, RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const PARTICIPANTS = 50;
const ROWS = 100;
const REPETITIONS = 3;

export const firstRound50: RowDefinition = {
  name: `round/first/${PARTICIPANTS}`,
  unit: 's',
  what:
    'wall time from the start of a coordinator to the end of the first round of 50 processes of `hanse join`, 2NN on ' +
    'MNIST; baseline: as many processes of bare Node',
  asked: [{ of: 'value', atMost: 15 }],
  async measure({ progress, signal }: RowContext): Promise<Measured> {
    const values: number[] = [];
    const baselines: number[] = [];
    let more: Times = { coordinator: 0, enrolled: 0 };
    for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
      const { total, ...times } = await withScratchFolder((folder) => firstRound(folder, signal));
      more = times;
      values.push(total);
      baselines.push(await bareProcesses());
      progress(`${repetition} of ${REPETITIONS}: ${total.toFixed(1)} s`);
    }
    return { values, baselines, more };
  },
};

/** Seconds since the start of the coordinator; a type, since rows take numbers by any name. */
type Times = {
  /** It answers. */
  readonly coordinator: number;
  /** All participants wait for work. */
  readonly enrolled: number;
};

async function firstRound(folder: string, signal: AbortSignal): Promise<Times & { readonly total: number }> {
  const since = stopwatch();
  return withChildren(async (start) => {
    const { operator, api } = await connectOperator(await startCoordinator(start, folder));
    const coordinator = since();
    const joining: Promise<unknown>[] = [];
    for (let index = 0; index < PARTICIPANTS; index += 1) {
      const organisationId = `organisation-${index}`;
      const body = { role: 'participant', organisationId, lifetimeSeconds: 600 } as const;
      const link = formatInviteLink({ ...operator, ...(await api.call('createInvite', { body })) });
      joining.push((await joinWith(link, index, folder, start)).next());
    }
    const { jobId } = await submitJob(await authorJob(plan(), operator.federationId), api);
    await Promise.all(joining);
    const enrolled = since();
    // Without pauses, which would be part of what is measured.
    const job = await followJob(api, jobId, signal, () => undefined, 0);
    if (job.phase !== 'finished') throw unfinished(job);
    return { coordinator, enrolled, total: since() };
  });
}

async function joinWith(link: string, index: number, folder: string, start: StartChild): Promise<Child> {
  const rows = join(folder, `rows-${index}.json`);
  await writeFile(rows, JSON.stringify(Array.from({ length: ROWS }, (_, row) => ROWS * index + row)));
  const data = ['--data', 'mnist:train', '--rows', rows];
  const identity = ['--identity', join(folder, `node-${index}.json`), '--name', `participant-${index}`];
  return start('../../bin/hanse.js', ['join', link, ...data, ...identity, '--allow-plain', '--json']);
}

function plan() {
  return {
    name: 'first round',
    purpose: 'benchmark of a federation that begins',
    forward: mlp([784, 200, 200, 10], new RandomNumbers(seededRandom(new Uint8Array(32)))),
    training: {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'sgd' },
      learningRate: 0.1,
      learningRateDecay: 1,
      batchSize: 50,
      epochs: 1,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: 1,
    cohort: { size: PARTICIPANTS, minimum: PARTICIPANTS },
    clipNorm: 10,
    weighting: 'uniform',
    weightMax: 1,
    deadlines: { collectSeconds: 120, evaluateSeconds: 60 },
    aggregation: 'plain',
    maxAttempts: 1,
    evaluateEvery: 0,
  } as const;
}

async function bareProcesses(): Promise<number> {
  const since = stopwatch();
  return withChildren(async (start) => {
    const children = Array.from({ length: PARTICIPANTS }, () => start('./bare-process.js', []));
    await Promise.all(children.map((child) => child.next()));
    return since();
  });
}

/** Seconds from now on. */
function stopwatch(): () => number {
  const begun = performance.now();
  return () => (performance.now() - begun) / 1000;
}
