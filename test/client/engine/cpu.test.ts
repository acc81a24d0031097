// covers: client/engine/cpu.ts, client/engine/ort-session.ts, client/engine/provider.ts
import { describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../../client/engine/provider.ts';
import { isProblem } from '../../../protocol/problem.ts';
import { executionProviderContract } from '../../contract/execution-provider.ts';

const cpu = await loadCpuProvider({ threads: 1 }).catch((error: unknown) => {
  if (!isProblem(error, 'providerUnavailable')) throw error;
  console.warn(`skipped: ${error.message}`);
  return undefined;
});

describe.skipIf(cpu === undefined)('cpu', () => {
  executionProviderContract(async () => cpu as ExecutionProvider);

  test('says what it is', () => {
    expect(cpu).toMatchObject({ name: 'cpu', threads: 1 });
    expect(cpu?.reason).toMatch(/^native ONNX Runtime \d+\.\d+/);
  });
});
