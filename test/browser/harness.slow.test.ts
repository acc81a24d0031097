// covers: sim/browser/find-chromium.ts, sim/browser/bundle-page.ts, sim/browser/site.ts, sim/browser/page-entry.ts
import { expect, test } from 'vitest';
import { findChromium } from '../../sim/browser/find-chromium.ts';
import { entryOf } from '../../sim/browser/page-entry.ts';
import { bundle } from './bundle.ts';
import { inChromium } from './chromium.ts';

test('a CHROME_PATH that is no program is said, with what to do', () => {
  expect(findChromium({ CHROME_PATH: process.execPath })).toEqual({ path: process.execPath });
  expect(findChromium({ CHROME_PATH: '/nowhere' })).toEqual({
    missing: expect.stringMatching(/\/nowhere.*CHROME_PATH/),
  });
});

inChromium('a page of the harness', (chromium) => {
  test('is isolated, has WebGPU and WebAssembly, and evaluates no strings', async () => {
    const site = await chromium.serve(await bundle(new URL('./harness-page.ts', import.meta.url)));
    const opened = await chromium.open(site.url);
    const entry = entryOf<typeof import('./harness-page.ts')>(opened);
    expect(await entry.sum(1, 2)).toBe(3);
    expect(await entry.isolated()).toBe(true);
    expect(await entry.instantiates()).toBe(true);
    expect(await entry.hasAdapter()).toBe(true);
    expect(await entry.language()).toBe('en-US');
    expect(opened.errors).toEqual([]);

    expect(await entry.evaluates()).toBe(false);
    const elsewhere = await chromium.serve(new Map());
    expect(await entry.reaches(site.url)).toBe(true);
    expect(await entry.reaches(elsewhere.url)).toBe(false);
    // Both refusals are told on the console, and count as errors of the page unless taken out.
    expect(opened.errors.splice(0).length).toBeGreaterThan(0);
    await expect(entry.fails()).rejects.toThrow('on purpose');
  });
});
