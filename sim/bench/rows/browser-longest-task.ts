/**
 * Whether a page that trains still reacts: the longest task of its main thread from the beginning of a job to the end of
 * its last round, while the 2NN of McMahan et al. (AISTATS 2017) is trained on WebAssembly in its worker.
 *
 * Baseline: an empty page of the same browser at the same time, with the same timer.
 */
import type { Browser } from 'playwright-core';
import { EMPTY_PAGE } from '../../browser/bundle-page.ts';
import { serveSite } from '../../browser/site.ts';
import { joinInTab } from '../../browser/tab-node.ts';
import { withBrowser, withFreshPage } from '../bench-browser.ts';
import type { Measured, RowDefinition } from '../row.ts';
import { type TabFederation, withTabFederation } from '../tab-federation.ts';
import { type TabJob, trainTab } from '../tab-training.ts';
import { longestTasks } from '../task-trace.ts';
import { longestGap, watchGaps } from '../timer-gaps.ts';

const RUNS = 5;
const JOB: TabJob = { sizes: [784, 200, 200, 10], rounds: 5, epochs: 5 };

export const browserLongestTask: RowDefinition = {
  name: 'browser/longest-task',
  unit: 'ms',
  what:
    'processor time of the longest main-thread task of a page whose worker trains 784-200-200-10 on MNIST for 5 rounds; ' +
    'wallMs: longest gap of a 4-ms timer there, idleWallMs: in an empty page at the same time; baseline: the empty page',
  asked: [{ of: 'value', atMost: 50 }],
  measure: ({ signal, progress }) =>
    withBrowser((browser) =>
      withTabFederation(async (federation) => {
        const runs: LongestTask[] = [];
        for (let run = 1; run <= RUNS; run += 1) {
          runs.push(await longestTaskOf(JOB, browser, federation, signal));
          progress(`${run} of ${RUNS}: ${runs.at(-1)?.taskMs.toFixed(1)} ms`);
        }
        return measuredOf(runs);
      }),
    ),
};

export interface LongestTask {
  readonly taskMs: number;
  readonly idleTaskMs: number;
  readonly wallMs: number;
  readonly idleWallMs: number;
}

/** In a tab that has just joined: the first chart of a page costs most. */
export async function longestTaskOf(
  job: TabJob,
  browser: Browser,
  federation: TabFederation,
  signal: AbortSignal,
): Promise<LongestTask> {
  const site = await serveSite(new Map([['index.html', new TextEncoder().encode(EMPTY_PAGE)]]));
  try {
    return await withFreshPage(browser, (page) =>
      withFreshPage(browser, async (empty) => {
        for (const watched of [page, empty]) await watchGaps(watched);
        await empty.goto(site.url);
        await page.goto(await federation.invite());
        await joinInTab(page, { name: 'tab', data: 'sample', allowPlain: true });
        const [taskMs = Number.NaN, idleTaskMs = Number.NaN] = await longestTasks(
          browser,
          [page, empty],
          async () => {
            for (const watched of [page, empty]) await longestGap(watched);
            await trainTab(job, federation, signal);
          },
        );
        return { taskMs, idleTaskMs, wallMs: await longestGap(page), idleWallMs: await longestGap(empty) };
      }),
    );
  } finally {
    await site.close();
  }
}

function measuredOf(runs: readonly LongestTask[]): Measured {
  const longest = (key: keyof LongestTask) => Math.max(...runs.map((run) => run[key]));
  return {
    values: runs.map(({ taskMs }) => taskMs),
    baselines: runs.map(({ idleTaskMs }) => idleTaskMs),
    more: { wallMs: longest('wallMs'), idleWallMs: longest('idleWallMs') },
  };
}
