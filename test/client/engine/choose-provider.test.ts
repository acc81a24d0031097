// covers: client/engine/choose-provider.ts, client/engine/node-providers.ts, client/engine/cuda.ts, client/engine/probe-model.ts
import { describe, expect, test } from 'vitest';
import { chooseProvider, considerAll } from '../../../client/engine/choose-provider.ts';
import { loadCudaProvider } from '../../../client/engine/cuda.ts';
import { NODE_PROVIDERS } from '../../../client/engine/node-providers.ts';
import { probeModel } from '../../../client/engine/probe-model.ts';
import type { ProviderCandidate } from '../../../client/engine/provider.ts';
import { HanseError } from '../../../protocol/problem.ts';
import type { ProviderName } from '../../../schemas/provider.ts';

function present(name: ProviderName, automatic = true): ProviderCandidate {
  const createSession = async () => {
    throw new Error('never used here');
  };
  return {
    name,
    automatic,
    load: async ({ threads }) => ({ name, threads, reason: `a ${name}`, createSession }),
  };
}

function absent(name: ProviderName): ProviderCandidate {
  return {
    name,
    automatic: true,
    load: async () => {
      throw new HanseError('providerUnavailable', { asked: name, reason: 'not installed' });
    },
  };
}

describe('chooseProvider', () => {
  test('auto takes the first that is there and says what it passed over', async () => {
    const candidates = [present('cuda', false), absent('cpu'), present('wasm'), present('webgpu')];
    const { provider, considered } = await chooseProvider('auto', { candidates, threads: 3 });
    expect(provider).toMatchObject({ name: 'wasm', threads: 3, reason: 'the best available: a wasm' });
    expect(considered).toEqual([
      { name: 'cpu', available: false, reason: 'not installed' },
      { name: 'wasm', available: true, reason: 'a wasm' },
    ]);
  });

  test('takes the one asked for, even if it is never automatic, and looks at no other', async () => {
    const candidates = [present('cpu'), present('cuda', false)];
    const { provider, considered } = await chooseProvider('cuda', { candidates });
    expect(provider).toMatchObject({ name: 'cuda', threads: 1, reason: 'asked for: a cuda' });
    expect(considered).toHaveLength(1);
  });

  test('does not put another in the place of the one asked for', async () => {
    const candidates = [absent('cpu'), present('wasm')];
    await expect(chooseProvider('wasm', { candidates })).resolves.toBeDefined();
    await expect(chooseProvider('cpu', { candidates })).rejects.toMatchObject({
      code: 'providerUnavailable',
      detail: { asked: 'cpu', reason: 'not installed' },
    });
    await expect(chooseProvider('webgpu', { candidates })).rejects.toMatchObject({
      code: 'providerUnavailable',
      detail: { asked: 'webgpu', reason: 'this build does not have it' },
    });
  });

  test('names every reason when none is there', async () => {
    await expect(
      chooseProvider('auto', { candidates: [absent('cpu'), absent('wasm')] }),
    ).rejects.toMatchObject({
      detail: { asked: 'auto', reason: 'cpu: not installed; wasm: not installed' },
    });
  });

  test('a fault that is no absence is not hidden', async () => {
    const load = async () => {
      throw new TypeError('a bug');
    };
    const candidates = [{ name: 'cpu', automatic: true, load } as const, present('wasm')];
    await expect(chooseProvider('auto', { candidates })).rejects.toThrow(TypeError);
  });
});

test('considerAll() looks at every candidate', async () => {
  const considered = await considerAll({
    candidates: [present('cpu'), absent('wasm'), present('cuda', false)],
  });
  expect(considered.map(({ name, available }) => [name, available])).toEqual([
    ['cpu', true],
    ['wasm', false],
    ['cuda', true],
  ]);
});

describe('NODE_PROVIDERS', () => {
  test('always end in one that works: WebAssembly', async () => {
    const { provider } = await chooseProvider('wasm', { candidates: NODE_PROVIDERS });
    expect(provider).toMatchObject({ name: 'wasm', threads: 1 });
    expect(provider.reason.length).toBeLessThanOrEqual(200);
    const { provider: best } = await chooseProvider('auto', { candidates: NODE_PROVIDERS });
    expect(['cpu', 'wasm']).toContain(best.name);
  });

  test('no graphics card is taken without having been asked for', () => {
    const automatic = NODE_PROVIDERS.filter((candidate) => candidate.automatic);
    expect(automatic.map(({ name }) => name)).toEqual(['cpu', 'wasm']);
    expect(NODE_PROVIDERS.map(({ name }) => name)).toEqual(['cpu', 'wasm', 'cuda', 'webgpu']);
  });
});

test('cuda loads, or says why not', async () => {
  // The probe itself is sound: elsewhere it runs.
  const { provider } = await chooseProvider('wasm', { candidates: NODE_PROVIDERS });
  const session = await provider.createSession(probeModel());
  const x = { type: 'float32', shape: [1], data: Float32Array.of(7) } as const;
  expect(await session.run({ x })).toEqual({ y: { ...x, data: Float32Array.of(14) } });
  await session.release();

  const outcome = await loadCudaProvider({ threads: 1 }).then(
    ({ name }) => name,
    (error: unknown) => error,
  );
  if (outcome === 'cuda') return;
  expect(outcome).toMatchObject({ code: 'providerUnavailable', detail: { asked: 'cuda' } });
});
