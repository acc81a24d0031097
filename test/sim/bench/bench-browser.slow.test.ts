// covers: sim/bench/bench-browser.ts, sim/bench/usable-after.ts, sim/bench/train-step-worker.ts, sim/bench/rows/browser-train-step.ts
import type { Browser } from 'playwright-core';
import { describe, expect, inject, test } from 'vitest';
import { withBrowser, withFreshPage } from '../../../sim/bench/bench-browser.ts';
import { measureTrainStep } from '../../../sim/bench/rows/browser-train-step.ts';
import { usableAfter } from '../../../sim/bench/usable-after.ts';
import { EMPTY_PAGE } from '../../../sim/browser/bundle-page.ts';
import { serveSite } from '../../../sim/browser/site.ts';

/** On a machine that has other things to do. */
const PATIENT = { timeout: 240_000 };
const found = inject('chromium');
const reason = 'missing' in found ? ` (skipped: ${found.missing})` : '';

describe.skipIf(reason !== '')(`a browser that is measured${reason}`, PATIENT, () => {
  test('ends with the work, also if that fails; pages share nothing', async () => {
    let kept: Browser | undefined;
    const site = await serveSite(new Map([['index.html', new TextEncoder().encode(EMPTY_PAGE)]]));
    const work = withBrowser(async (browser) => {
      kept = browser;
      const visit = () =>
        withFreshPage(browser, async (page) => {
          await page.goto(site.url);
          return page.evaluate(() => [localStorage.getItem('seen'), localStorage.setItem('seen', 'yes')][0]);
        });
      expect([await visit(), await visit()]).toEqual([null, null]);
      expect(browser.contexts()).toHaveLength(0);
      expect(browser.isConnected()).toBe(true);
      throw new Error('the work failed');
    });
    await expect(work).rejects.toThrow('the work failed');
    expect(kept?.isConnected()).toBe(false);
    await site.close();
  });

  test('a page is usable when what is waited for is there, and not before', async () => {
    const html = `${EMPTY_PAGE}<input disabled>`;
    const site = await serveSite(new Map([['index.html', new TextEncoder().encode(html)]]));
    await withBrowser((browser) =>
      withFreshPage(browser, async (page) => {
        let isUsable = false;
        const waiting = usableAfter(page, site.url, 'input:enabled').then((seconds) => {
          isUsable = true;
          return seconds;
        });
        await page.locator('input').waitFor();
        const shown = await page.evaluate(
          () =>
            new Promise<number>((resolve) => {
              requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
            }),
        );
        expect(isUsable).toBe(false);
        await page.evaluate(() => document.querySelector('input')?.removeAttribute('disabled'));
        expect(1000 * (await waiting)).toBeGreaterThan(shown);
      }),
    );
    await site.close();
  });

  test('a train step is measured in its page and in Node', async () => {
    const { values, baselines } = await measureTrainStep({ rows: 64, epochs: 1, runs: 2 });
    expect([values.length, baselines.length]).toEqual([2, 2]);
    for (const milliseconds of [...values, ...baselines]) expect(milliseconds).toBeGreaterThan(0);
  });
});
