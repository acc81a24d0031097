import { describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../../client/engine/provider.ts';
import { loadWasmProvider } from '../../../client/engine/wasm.ts';
import { isProblem } from '../../../protocol/problem.ts';
import { executionProviderContract, relativeDistance, trainMlp } from '../../contract/execution-provider.ts';

describe('wasm', () => {
  executionProviderContract(() => loadWasmProvider());

  test('says what it is', async () => {
    const provider = await loadWasmProvider();
    expect(provider).toMatchObject({ name: 'wasm', threads: 1 });
    expect(provider.reason).toMatch(/^ONNX Runtime \d+\.\d+.* as WebAssembly$/);
  });

  test('arrives where native ONNX Runtime arrives, but for the last bits', async (context) => {
    const cpu = await loadCpuProvider({ threads: 1 }).catch((error: unknown) => {
      if (!isProblem(error, 'providerUnavailable')) throw error;
      return context.skip(error.message);
    });
    const [here, native] = [
      await trainMlp(await loadWasmProvider()),
      await trainMlp(cpu as ExecutionProvider),
    ];
    expect(here.steps).toBe(50);
    expect(relativeDistance(here.parameters, native.parameters)).toBeLessThan(1e-5);
    expect(relativeDistance(here.losses, native.losses)).toBeLessThan(1e-5);
  });
});
