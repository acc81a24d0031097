/**
 * What secure aggregation adds to a round of the demo: wall time of a round of its ten processes that train, from the
 * cohort to the release, as the coordinator records it.
 *
 * Baseline: the same demo with plain sums, in turns.
 */
import { join } from 'node:path';
import type { JobStatus } from '../../../schemas/job.ts';
import { type DemoOptions, runDemo } from '../../demo/run-demo.ts';
import { median } from '../measure.ts';
import type { RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const PARTICIPANTS = 10;
const ROUNDS = 24;
/** Not counted: nodes compile and connect. */
const WARM_UP = 4;
const RUNS = 3;

export const secureDemoOverhead: RowDefinition = {
  name: 'secagg/demo-overhead',
  unit: 'ms',
  what: 'wall time of a round of the demo, ten participants that train; baseline: with plain sums',
  asked: [{ of: 'ratio', atMost: 1.3 }],
  measure: ({ progress, signal }) =>
    withScratchFolder(async (folder) => {
      const measured = { secure: [] as number[], plain: [] as number[] };
      for (let run = 0; run < RUNS; run += 1)
        for (const way of ['secure', 'plain'] as const) {
          progress(`${way}, ${run + 1} of ${RUNS}`);
          const dataDir = join(folder, `${way}-${run}`);
          measured[way].push(median(await roundTimes(dataDir, way === 'plain', signal)));
        }
      return { values: measured.secure, baselines: measured.plain };
    }),
};

/** Milliseconds of the rounds that nobody measures. */
async function roundTimes(dataDir: string, isPlain: boolean, signal: AbortSignal): Promise<number[]> {
  const options: DemoOptions = {
    rounds: ROUNDS,
    participants: PARTICIPANTS,
    partition: { type: 'iid' },
    seed: '1',
    port: 0,
    dataDir,
    keep: false,
    browser: 0,
    drop: 0,
    isPlain,
    isPrivate: false,
    isTampered: false,
  };
  const quiet = { signal, isTerminal: false, json: true, print: () => {}, note: () => {}, event: () => {} };
  let job: JobStatus | undefined;
  await runDemo(options, quiet, (view) => {
    job = view.job;
  });
  return (job?.rounds ?? [])
    .filter(({ round, metrics }) => round > WARM_UP && metrics === null)
    .map(({ openedAt, endedAt }) => Date.parse(endedAt) - Date.parse(openedAt));
}
