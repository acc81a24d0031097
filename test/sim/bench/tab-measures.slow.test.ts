// covers: sim/bench/tab-heap.ts, sim/bench/timer-gaps.ts, sim/bench/tab-training.ts, sim/bench/rows/browser-longest-task.ts, sim/bench/rows/browser-heap-growth.ts, sim/bench/rows/browser-interactive.ts
/** What the rows of a tab measure: each measure first notices what was planted, then reads a tab of the product. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { withFreshPage } from '../../../sim/bench/bench-browser.ts';
import { heapsOf } from '../../../sim/bench/rows/browser-heap-growth.ts';
import { FORM } from '../../../sim/bench/rows/browser-interactive.ts';
import { longestTaskOf } from '../../../sim/bench/rows/browser-longest-task.ts';
import { tabHeap } from '../../../sim/bench/tab-heap.ts';
import { longestTasks } from '../../../sim/bench/task-trace.ts';
import { longestGap, watchGaps } from '../../../sim/bench/timer-gaps.ts';
import { usableAfter } from '../../../sim/bench/usable-after.ts';
import { EMPTY_PAGE } from '../../../sim/browser/bundle-page.ts';
import { launchChromium } from '../../../sim/browser/launch-chromium.ts';
import { type Site, serveSite } from '../../../sim/browser/site.ts';
import { isBuilt } from '../../e2e/hanse-process.ts';
import { SmallFederation } from '../../e2e/small-federation.ts';

/** On a machine that has other things to do. */
const PATIENT = { timeout: 240_000 };
const found = inject('chromium');
const reason = 'missing' in found ? ` (skipped: ${found.missing})` : '';

/** A worker that keeps what it is told to, and answers when it does. */
const HOLDER = `
  const held = [];
  onmessage = ({ data: [kind, count] }) => {
    if (kind === 'buffer') held.push(new Uint8Array(count));
    else held.push(Array.from({ length: count }, (_, at) => ({ at })));
    postMessage('held');
  };`;
const STARTER = `globalThis.worker = new Worker('/holder.js');`;

describe.skipIf(reason !== '')(`measures of a tab${reason}`, PATIENT, () => {
  let browser: Browser;
  let site: Site;

  beforeAll(async () => {
    if ('missing' in found) throw new Error(found.missing);
    browser = await launchChromium(found, { webgpu: false });
    const text = (content: string) => new TextEncoder().encode(content);
    site = await serveSite(
      new Map([
        ['index.html', text(`${EMPTY_PAGE}<script src="/starter.js"></script>`)],
        ['starter.js', text(STARTER)],
        ['holder.js', text(HOLDER)],
      ]),
    );
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const holdInWorker = (page: Page, kind: 'objects' | 'buffer', count: number) =>
    page.evaluate(
      (message) =>
        new Promise<void>((resolve) => {
          const { worker } = globalThis as unknown as { worker: Worker };
          worker.onmessage = () => resolve();
          worker.postMessage(message);
        }),
      [kind, count] as const,
    );

  test('a heap grows by what page and worker hold, and not by what they drop', async () => {
    await withFreshPage(browser, async (page) => {
      await page.goto(site.url);
      await holdInWorker(page, 'objects', 1);
      const before = await tabHeap(page);
      expect(before.workers).toBe(1);
      await page.evaluate(() => Array.from({ length: 1e6 }, (_, at) => ({ at })).length);
      const dropped = await tabHeap(page);
      expect(dropped.usedBytes - before.usedBytes).toBeLessThan(2e6);
      await holdInWorker(page, 'objects', 5e5);
      const inWorker = await tabHeap(page);
      expect(inWorker.usedBytes - dropped.usedBytes).toBeGreaterThan(5e6);
      await page.evaluate(() => {
        Object.assign(globalThis, { held: Array.from({ length: 5e5 }, (_, at) => ({ at })) });
      });
      const inPage = await tabHeap(page);
      expect(inPage.usedBytes - inWorker.usedBytes).toBeGreaterThan(5e6);
      await holdInWorker(page, 'buffer', 7e6);
      const inBuffer = await tabHeap(page);
      expect(inBuffer.bufferBytes - inPage.bufferBytes).toBeGreaterThanOrEqual(7e6);
    });
  });

  test('a page that is held is told from one that is not, by its tasks and by its timer', async () => {
    await withFreshPage(browser, (busy) =>
      withFreshPage(browser, async (idle) => {
        for (const page of [busy, idle]) {
          await watchGaps(page);
          await page.goto(site.url);
        }
        const [held = Number.NaN, free = Number.NaN] = await longestTasks(browser, [busy, idle], () =>
          busy.evaluate(() => {
            const values = Float64Array.from({ length: 3e6 }, (_, at) => Math.sin(at));
            Object.assign(globalThis, { sorted: values.sort() });
          }),
        );
        expect(held).toBeGreaterThan(free);

        const blockedMs = await busy.evaluate(async () => {
          const from = performance.now();
          while (performance.now() - from < 60);
          const blocked = performance.now() - from;
          await new Promise((resolve) => setTimeout(resolve, 20)); // the timer that is late has its turn before
          return blocked;
        });
        expect(await longestGap(busy)).toBeGreaterThanOrEqual(blockedMs);
      }),
    );
  });

  test.skipIf(!isBuilt)('a tab of the product is measured (needs the build)', async () => {
    const small = new SmallFederation();
    try {
      await small.serve();
      const federation = {
        federationId: small.operator?.federationId ?? '',
        api: await small.api(),
        invite: () => small.invite('participant'),
      };
      const { signal } = new AbortController();
      const link = await federation.invite();
      expect(await withFreshPage(browser, (page) => usableAfter(page, link, FORM))).toBeGreaterThan(0);

      const job = { sizes: [784, 4, 10], rounds: 3, epochs: 1 };
      const { taskMs, wallMs } = await longestTaskOf(job, browser, federation, signal);
      expect(taskMs).toBeGreaterThan(0);
      expect(wallMs).toBeGreaterThan(0);

      const [early, late] = await heapsOf(job, 1, browser, federation, signal);
      for (const heap of [early, late]) {
        expect(heap.workers).toBe(1);
        expect(heap.usedBytes).toBeGreaterThan(1e6);
        expect(heap.bufferBytes).toBeGreaterThan(784_000); // the digits
      }
      await expect(heapsOf({ ...job, rounds: 1 }, 2, browser, federation, signal)).rejects.toThrow(
        'no round 2',
      );
    } finally {
      await small.end();
    }
  });
});
