import { expect, test } from 'vitest';
import type { OrtRuntime } from '../../../client/engine/ort-session.ts';
import { loadWebRuntime } from '../../../client/engine/web-runtime.ts';

test('a build is loaded with its threads, and says nothing by itself', async () => {
  const build = { env: { wasm: {} } } as OrtRuntime;
  const loaded = await loadWebRuntime({ asked: 'wasm', threads: 3 }, async () => build);
  expect(loaded).toBe(build);
  expect(loaded.env).toMatchObject({ logLevel: 'fatal', wasm: { numThreads: 3 } });
});

test('a build that cannot be loaded is named by what was asked for', async () => {
  const cause = new Error('no such file');
  const loading = loadWebRuntime({ asked: 'webgpu', threads: 1 }, () => Promise.reject(cause));
  await expect(loading).rejects.toMatchObject({
    code: 'providerUnavailable',
    detail: { asked: 'webgpu', reason: 'onnxruntime-web could not be loaded' },
    cause,
  });
});
