/**
 * A headless Chromium for the time of a measurement. Without WebGPU, which is made of software here: it would tell of
 * this machine's processor and of nothing that a participant has.
 */
import type { Browser, Page } from 'playwright-core';
import { launchChromium, newProfile, requireChromium } from '../browser/launch-chromium.ts';

/** Starts it, hands it to `work`, and ends it, whatever happens. Throws `browserMissing`. */
export async function withBrowser<Result>(work: (browser: Browser) => Promise<Result>): Promise<Result> {
  const browser = await launchChromium(requireChromium(), { webgpu: false });
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}

/** A page in a profile of its own, whose cache and storage are empty; both are closed after `work`. */
export async function withFreshPage<Result>(
  browser: Browser,
  work: (page: Page) => Promise<Result>,
): Promise<Result> {
  const context = await newProfile(browser);
  try {
    return await work(await context.newPage());
  } finally {
    await context.close();
  }
}
