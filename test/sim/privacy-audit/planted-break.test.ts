import { describe, expect, test } from 'vitest';
import { authorJob } from '../../../client/author-job.ts';
import type { JobSource } from '../../../client/job-cache.ts';
import type { RandomSource } from '../../../protocol/random.ts';
import type { Codec } from '../../../schemas/codec.ts';
import type { TrainTask } from '../../../schemas/task.ts';
import { PLANTED_BREAKS, type PlantedBreak, plantBreak } from '../../../sim/privacy-audit/planted-break.ts';
import type { PlantedNode } from '../../../sim/simulate.ts';

import { smallPlan } from '../../fixtures/small-job.ts';

const NOISE = { type: 'discreteGaussian', sigma: 400 } as const;
const done: string[] = [];

async function honestNode() {
  const manifest = await authorJob(smallPlan(), 'fed-0123456789abcdef').then((authored) => authored.manifest);
  const codec: Codec = { ...manifest.codec, noise: NOISE };
  const trainer = { train: () => Promise.reject(new Error('not here')) };
  const job = { jobId: 'a', manifest: { ...manifest, codec }, checkExamples: () => {} };
  const jobs = {
    trainer: async () => ({ job, trainer }),
    evaluator: async () => ({ job, evaluator: trainer }),
    done: ({ jobId }: TrainTask) => done.push(jobId),
  } as unknown as JobSource;
  const asked: number[][] = [];
  const randomFor = async ({ round, attempt }: TrainTask): Promise<RandomSource> => {
    asked.push([round, attempt]);
    return { fill: () => {} };
  };
  return { node: { jobs, randomFor } satisfies PlantedNode, codec, trainer, asked };
}

const TASK = { jobId: 'a', round: 7, attempt: 2 } as TrainTask;
const API = {} as Parameters<JobSource['trainer']>[1];

async function codecWith(fault: PlantedBreak) {
  const { node, codec, trainer, asked } = await honestNode();
  const planted = plantBreak(fault, node);
  const got = await planted.jobs.trainer(TASK, API, new AbortController().signal);
  expect(got.trainer).toBe(trainer);
  await planted.randomFor(TASK);
  planted.jobs.done?.(TASK);
  return { before: codec, after: got.job.manifest.codec, asked };
}

describe('a planted fault changes one thing', () => {
  test.each([
    ['noise10', 40],
    ['halved', 200],
  ] as const)('%s: the noise', async (fault, sigma) => {
    const { before, after, asked } = await codecWith(fault);
    expect(after).toEqual({ ...before, noise: { ...NOISE, sigma } });
    expect(asked).toEqual([[7, 2]]);
  });

  test('noclip: the norm to which is clipped, and the grid stays', async () => {
    const { before, after, asked } = await codecWith('noclip');
    expect(after.clipNorm).toBeGreaterThan(20 * before.clipNorm);
    expect({ ...after, clipNorm: before.clipNorm }).toEqual(before);
    expect(asked).toEqual([[7, 2]]);
  });

  test('seed: the stream', async () => {
    const { before, after, asked } = await codecWith('seed');
    expect(after).toEqual(before);
    expect(asked).toEqual([[1, 1]]);
  });

  test('and every job that is over is told to be so', async () => {
    done.length = 0;
    for (const fault of PLANTED_BREAKS) await codecWith(fault);
    expect(done).toHaveLength(PLANTED_BREAKS.length);
  });
});
