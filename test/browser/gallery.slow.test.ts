/** Every model of the gallery trains on WebGPU to what it trains to on the processor. */
import { beforeAll, expect, test } from 'vitest';
import { BUILT_IN_MODELS } from '../../client/commands/built-in-models.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import { floatsOf } from '../../client/graph/tensor-bytes.ts';
import { entryOf, type PageEntry } from '../../sim/browser/page-entry.ts';
import { largestDifference } from '../fixtures/largest-difference.ts';
import { bundle } from './bundle.ts';
import { inChromium } from './chromium.ts';
import { GALLERY, trainExhibit } from './gallery.ts';

const TOLERANCE = 1e-4;

inChromium('the gallery on WebGPU', (chromium) => {
  let url: string;
  beforeAll(async () => {
    ({ url } = await chromium.serve(await bundle(new URL('./gallery-page.ts', import.meta.url))));
  });

  test('is whole', () => {
    expect(Object.keys(GALLERY).sort()).toEqual(Object.keys(BUILT_IN_MODELS).sort());
  });

  test.each(Object.keys(GALLERY))('%s', async (name) => {
    const entry: PageEntry<typeof import('./gallery-page.ts')> = entryOf(await chromium.open(url));
    const got = floatsOf(Buffer.from(await entry.parametersAfter(name), 'base64'));
    const { before, after } = await trainExhibit(name, await loadCpuProvider({ threads: 1 }));
    expect(largestDifference(got, after)).toBeLessThan(TOLERANCE);
    expect(largestDifference(got, before)).toBeGreaterThan(100 * TOLERANCE);
  });
});
