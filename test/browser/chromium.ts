/**
 * A real Chromium for tests. How to use it, in a file `test/browser/<name>.slow.test.ts`:
 *
 *     inChromium('sums in a tab', (chromium) => {
 *       test('adds', async () => {
 *         const site = await chromium.serve(await bundle(new URL('./sum-page.ts', import.meta.url)));
 *         const opened = await chromium.open(site.url);
 *         expect(await entryOf<typeof import('./sum-page.ts')>(opened).sum(1, 2)).toBe(3);
 *       });
 *     });
 *
 * `sum-page.ts` is bundled by Vite as the product is, with its workers and WebAssembly, and its exports are called
 * from the test through `entryOf` of `sim/browser/page-entry.ts`. Pages are isolated (threads work) and stand under the
 * policy that the coordinator sends, so what would be refused in production is refused here. `open` takes the address of
 * any server.
 *
 * Everything a page throws or logs as an error fails its test at the end, unless taken out of `page.errors` first.
 * Where no browser can be had, the suites are skipped and the set-up says how to get one.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject } from 'vitest';
import { launchChromium, newProfile } from '../../sim/browser/launch-chromium.ts';
import { type Site, serveSite } from '../../sim/browser/site.ts';

/** Shaders are compiled in software, on a machine that has other things to do. */
const PATIENT = { timeout: 240_000 };

export interface OpenedPage {
  /** Of playwright: its locators, keyboard, screenshots, accessibility. */
  readonly page: Page;
  /** What the page threw or logged as an error since it was opened. */
  readonly errors: string[];
}

export interface Chromium {
  /** Serves files from loopback until the suite ends; see `sim/browser/site.ts` for the headers. */
  serve(files: ReadonlyMap<string, Uint8Array>): Promise<Site>;
  /** A page in a profile of its own, closed after the test, or in the profile of `context`. */
  open(url: string, context?: BrowserContext): Promise<OpenedPage>;
  /** A profile - storage, cookies, cache - for several pages; closed after the test. */
  profile(): Promise<BrowserContext>;
}

/** Declares a suite that has a browser of its own, started before its first test. */
export function inChromium(name: string, declare: (chromium: Chromium) => void): void {
  const found = inject('chromium');
  if ('missing' in found) {
    describe.skip(`${name} (skipped: ${found.missing})`, () => declare(unreachable));
    return;
  }
  describe(name, PATIENT, () => {
    let browser: Browser;
    const sites: Site[] = [];
    const contexts: BrowserContext[] = [];
    const opened: OpenedPage[] = [];

    beforeAll(async () => {
      browser = await launchChromium(found);
    });
    afterEach(async () => {
      const errors = opened.splice(0).flatMap((page) => page.errors);
      for (const context of contexts.splice(0)) await context.close();
      expect(errors).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
      for (const site of sites) await site.close();
    });

    const profile = async () => {
      const context = await newProfile(browser);
      contexts.push(context);
      return context;
    };
    declare({
      profile,
      serve: async (files) => {
        const site = await serveSite(files);
        sites.push(site);
        return site;
      },
      open: async (url, context) => {
        const page = await (context ?? (await profile())).newPage();
        const errors: string[] = [];
        page.on('pageerror', (error) => errors.push(String(error)));
        page.on('console', (message) => {
          if (message.type() === 'error') errors.push(message.text());
        });
        opened.push({ page, errors });
        await page.goto(url);
        return { page, errors };
      },
    });
  });
}

const unreachable: Chromium = {
  profile: () => Promise.reject(new Error('no browser')),
  serve: () => Promise.reject(new Error('no browser')),
  open: () => Promise.reject(new Error('no browser')),
};
