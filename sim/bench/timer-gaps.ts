/**
 * For how long a page does not react, as a person feels it who scrolls or clicks: the longest time between two ticks of
 * a timer that should tick every 4 ms. Entries `longtask` of the browser tell of 50 ms and more alone; a gap holds
 * whatever keeps the page from its turn, and so is never too small.
 */
import type { Page } from 'playwright-core';

const TICK_MS = 4;

/** From the next navigation of the page on. */
export async function watchGaps(page: Page): Promise<void> {
  await page.addInitScript(watch, TICK_MS);
}

/** Milliseconds; since the last call, or since the navigation. */
export function longestGap(page: Page): Promise<number> {
  return page.evaluate(() => {
    const watched = globalThis as unknown as Watched;
    const longest = watched.longestGapMs;
    watched.longestGapMs = 0;
    return longest;
  });
}

interface Watched {
  longestGapMs: number;
}

/** Runs in the page, before anything of it. */
function watch(tickMs: number): void {
  const watched = globalThis as unknown as Watched;
  watched.longestGapMs = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    watched.longestGapMs = Math.max(watched.longestGapMs, now - last);
    last = now;
  }, tickMs);
}
