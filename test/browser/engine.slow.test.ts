// covers: client/engine/webgpu.ts, client/engine/webgpu-device.ts, client/engine/webgpu-sessions.ts, client/engine/web-wasm.ts, client/engine/web-providers.ts, client/engine/step-runs.ts
import { beforeAll, expect, test } from 'vitest';
import { entryOf } from '../../sim/browser/page-entry.ts';
import type { Site } from '../../sim/browser/site.ts';
import { bundle } from './bundle.ts';
import { inChromium } from './chromium.ts';

type Entry = typeof import('./engine-page.ts');

inChromium('execution providers of a browser', (chromium) => {
  let site: Site;
  beforeAll(async () => {
    site = await chromium.serve(await bundle(new URL('./engine-page.ts', import.meta.url)));
  });

  const open = async () => {
    const opened = await chromium.open(site.url);
    return { ...opened, entry: entryOf<Entry>(opened) };
  };

  test('WebGPU is chosen where there is an adapter, even one in software', async () => {
    const { entry } = await open();
    expect(await entry.choose()).toEqual({
      name: 'webgpu',
      threads: 1,
      reason: expect.stringMatching(/^the best available: ONNX Runtime .* on WebGPU: .*swiftshader/i),
      considered: [expect.objectContaining({ name: 'webgpu', available: true })],
    });
  });

  test('else WebAssembly, with threads, and why is said; the other build is not fetched', async () => {
    const { entry, page } = await open();
    const fetched: string[] = [];
    page.on('request', (request) => fetched.push(request.url()));
    expect(await entry.choose(true)).toEqual({
      name: 'wasm',
      threads: 2,
      reason: expect.stringMatching(/^the best available: ONNX Runtime .* as WebAssembly$/),
      considered: [
        { name: 'webgpu', available: false, reason: 'this browser has no WebGPU' },
        expect.objectContaining({ name: 'wasm', available: true }),
      ],
    });
    expect(fetched.filter((url) => /jspi|asyncify|jsep/.test(url))).toEqual([]);
  });

  test('a train step runs on the graphics card alone; a model that cannot is refused if asked to', async () => {
    const { entry } = await open();
    const { losses, refused } = await entry.trainsStrictly();
    expect(losses).toHaveLength(50);
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
    expect(refused).toContain('CPU EP');
  });

  test('fifty rounds leave no buffer behind', async () => {
    const { entry } = await open();
    const counts = await entry.buffersOver(50);
    expect(counts[0]).toBeGreaterThan(0);
    expect(counts.slice(5, 50)).toEqual(Array.from({ length: 45 }, () => counts[5]));
  });

  test('a device that is lost in mid-step is told, and the next training has another', async () => {
    const { entry } = await open();
    const { losses, ...rest } = await entry.losesDevice();
    expect(rest).toEqual({ lost: 'deviceLost', isSame: true, devices: 4 });
    expect(new Set(losses as number[]).size).toBe(1);
  });

  test.each(['wasm', 'webgpu'] as const)('%s keeps the contract', async (name) => {
    const { entry } = await open();
    const results = await entry.contract(name);
    expect(results.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(20);
  });
});
