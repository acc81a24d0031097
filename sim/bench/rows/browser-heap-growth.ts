/**
 * Whether a tab that stays open grows: what the JavaScript of its page and of its worker holds after 55 rounds of a job,
 * above what it held after 5. Rounds go on while it is counted, so an update that is being made may be in it or not.
 *
 * Baseline: what it held after 5 rounds.
 */
import type { Browser } from 'playwright-core';
import { joinInTab } from '../../browser/tab-node.ts';
import { withBrowser, withFreshPage } from '../bench-browser.ts';
import { median } from '../measure.ts';
import type { RowDefinition } from '../row.ts';
import { type TabFederation, withTabFederation } from '../tab-federation.ts';
import { type TabHeap, tabHeap } from '../tab-heap.ts';
import { type TabJob, trainTab } from '../tab-training.ts';

const RUNS = 3;
const FIRST_ROUNDS = 5;
const JOB: TabJob = { sizes: [784, 32, 10], rounds: FIRST_ROUNDS + 50, epochs: 1 };
const MEGABYTE = 1e6;

export const browserHeapGrowth: RowDefinition = {
  name: 'browser/heap-growth',
  unit: 'MB',
  what:
    'growth of the JavaScript heaps of page and worker over 50 rounds of 784-32-10 on MNIST, garbage collected; ' +
    'buffersMB: growth of what array buffers hold beside them; baseline: the heaps after 5 rounds',
  asked: [
    { of: 'value', atMost: 5 },
    { of: 'buffersMB', atMost: 5 },
  ],
  measure: ({ signal, progress }) =>
    withBrowser((browser) =>
      withTabFederation(async (federation) => {
        const values: number[] = [];
        const baselines: number[] = [];
        const buffers: number[] = [];
        for (let run = 1; run <= RUNS; run += 1) {
          const [early, late] = await heapsOf(JOB, FIRST_ROUNDS, browser, federation, signal);
          values.push((late.usedBytes - early.usedBytes) / MEGABYTE);
          baselines.push(early.usedBytes / MEGABYTE);
          buffers.push((late.bufferBytes - early.bufferBytes) / MEGABYTE);
          progress(`${run} of ${RUNS}: ${values.at(-1)?.toFixed(2)} MB`);
        }
        return { values, baselines, more: { buffersMB: median(buffers) } };
      }),
    ),
};

/** Of a tab that has just joined: after the first rounds of its job, and after the last. */
export async function heapsOf(
  job: TabJob,
  firstRounds: number,
  browser: Browser,
  federation: TabFederation,
  signal: AbortSignal,
): Promise<[early: TabHeap, late: TabHeap]> {
  return withFreshPage(browser, async (page) => {
    await page.goto(await federation.invite());
    await joinInTab(page, { name: 'tab', data: 'sample', allowPlain: true });
    let early: Promise<TabHeap> | undefined;
    await trainTab(job, federation, signal, (rounds) => {
      if (rounds < firstRounds || early) return;
      early = tabHeap(page);
      early.catch(() => {}); // thrown below, once the job is over
    });
    if (early === undefined) throw new Error(`a job of ${job.rounds} rounds has no round ${firstRounds}`);
    return [await early, await tabHeap(page)];
  });
}
