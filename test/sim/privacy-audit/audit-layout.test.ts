import { describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { LotTrainer } from '../../../client/engine/lot-trainer.ts';
import { compileLotGradient } from '../../../client/graph/compile-lot-gradient.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { seededRandom } from '../../../protocol/random.ts';
import {
  type AuditLayout,
  auditExamples,
  auditModel,
  canaryRange,
  featuresOf,
  nullRange,
} from '../../../sim/privacy-audit/audit-layout.ts';

const LAYOUT: AuditLayout = { dataFeatures: 2, canaryFeatures: 3, nullFeatures: 4, classes: 2 };
const DATA = { count: 2, features: Float32Array.of(1, 2, 3, 4), targets: Int32Array.of(0, 1) };

describe('the world of an audit', () => {
  test('data, canaries and nobody lie one after the other', () => {
    expect(featuresOf(LAYOUT)).toBe(9);
    expect(canaryRange(LAYOUT)).toEqual([4, 10]);
    expect(nullRange(LAYOUT)).toEqual([10, 18]);
    expect(initialParameters(auditModel(LAYOUT))).toEqual(new Float32Array(18));
  });

  test('each row has its own features alone', () => {
    const { features, targets, count } = auditExamples(LAYOUT, DATA, [{ feature: 3, value: 7, label: 1 }]);
    expect(count).toBe(3);
    expect([...features]).toEqual([
      1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0,
    ]);
    expect([...targets]).toEqual([0, 1, 1]);
  });

  test('a canary moves its own parameters by C, one that is out nothing, and nobody those of nobody', async () => {
    const provider = await loadCpuProvider({ threads: 1 });
    const forward = auditModel(LAYOUT);
    const gradient = compileLotGradient(forward, {
      loss: { type: 'softmax_ce' },
      batchSize: 4,
      unit: 'example',
    });
    const trainer = await LotTrainer.create(provider, gradient);
    const sumOf = async (value: number) => {
      const examples = auditExamples(LAYOUT, DATA, [{ feature: 3, value, label: 1 }]);
      // Another model than the first one: noise has moved all of it.
      const parameters = Float32Array.from({ length: 18 }, (_, i) => 0.01 * i);
      const random = seededRandom(new Uint8Array(32));
      const { sum } = await trainer.sum({ parameters, examples, rate: 1, clipNorm: 0.5, random });
      return sum;
    };
    const [inside, out] = [await sumOf(100), await sumOf(0)];
    await trainer.release();
    const difference = [...inside].map((x, i) => x - (out[i] as number));
    expect(Math.hypot(...difference)).toBeGreaterThan(0.499);
    expect(Math.hypot(...difference)).toBeLessThanOrEqual(0.5);
    expect(difference.flatMap((x, i) => (x === 0 ? [] : [i]))).toEqual([6, 7]);
    expect(inside.slice(...nullRange(LAYOUT)).every((x) => x === 0)).toBe(true);
    expect(out.slice(...canaryRange(LAYOUT)).every((x) => x === 0)).toBe(true);
    expect(out.slice(0, 4).every((x) => x !== 0)).toBe(true);
  });
});
