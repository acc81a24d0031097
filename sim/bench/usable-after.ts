/**
 * How long a person waits for a page: from the beginning of the navigation until a part of the page is there and a frame
 * with it has been drawn, by the clock of the page itself.
 */
import type { Page } from 'playwright-core';

/**
 * @param page     of an empty profile
 * @param selector of what has to be there
 * @returns seconds
 */
export async function usableAfter(page: Page, url: string, selector: string): Promise<number> {
  await page.addInitScript(watchFor, selector);
  await page.goto(url, { waitUntil: 'commit' });
  const milliseconds = await page.evaluate(() => (globalThis as unknown as Watched).usableAfter);
  return milliseconds / 1000;
}

interface Watched {
  usableAfter: Promise<number>;
}

/** Runs in the page, before anything of it. */
function watchFor(selector: string): void {
  (globalThis as unknown as Watched).usableAfter = new Promise((resolve) => {
    const drawn = () => setTimeout(() => resolve(performance.now()));
    const look = () => {
      if (document.querySelector(selector)) requestAnimationFrame(drawn);
      else requestAnimationFrame(look);
    };
    look();
  });
}
