// covers: sim/privacy-audit/run-audit.ts, sim/privacy-audit/audit-report.ts, sim/privacy-audit/canary-participant.ts, sim/privacy-audit/describe-report.ts
/**
 * Whether an audit finds what it is there to find. Seeds are fixed: a test of this kind passes always or never.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../../client/engine/provider.ts';
import type { AuditReport } from '../../../sim/privacy-audit/audit-report.ts';
import { describeReport } from '../../../sim/privacy-audit/describe-report.ts';
import type { PlantedBreak } from '../../../sim/privacy-audit/planted-break.ts';
import { type AuditOptions, runAudit } from '../../../sim/privacy-audit/run-audit.ts';
import { clouds } from '../../fixtures/small-job.ts';

let provider: ExecutionProvider;
beforeAll(async () => {
  provider = await loadCpuProvider({ threads: 1 });
});

function audit(fault?: PlantedBreak, overrides: Partial<AuditOptions> = {}, broken = Infinity) {
  return runAudit({
    ...{ unit: 'example', epsilon: 2, delta: 1e-5, rate: 0.5, noise: 'discreteGaussian' },
    ...{ canaries: 400, rounds: 6, participants: 3, seed: 'audit', provider },
    signal: new AbortController().signal,
    ...(fault && { planted: { fault, participants: broken } }),
    ...overrides,
  });
}

describe('a job about examples', () => {
  let honest: AuditReport;
  beforeAll(async () => {
    honest = await audit();
  });

  test('that keeps its promise is accused by no test', () => {
    expect(honest).toMatchObject({
      unit: 'example',
      claim: { epsilon: 2, delta: 1e-5, neighbouring: 'replace-special', rounds: 6, survivors: 3 },
      variance: { verdict: 'asPromised', coordinates: 24_000 },
      correlation: { verdict: 'independent', vectors: 6 },
      canaries: { verdict: 'withinClaim', canaries: 400, confidence: 0.95 },
      alarms: [],
    });
    expect(Math.abs(honest.variance.ratio - 1)).toBeLessThan(0.03);
    expect(describeReport(honest).at(-1)).toBe('nothing refutes the claim');
  });

  test('with a tenth of its noise is found by the variance, and by canaries', async () => {
    const found = await audit('noise10');
    expect(found.alarms).toEqual(['variance', 'canaries']);
    expect(found.variance.ratio).toBeCloseTo(0.01, 3);
    expect(found.canaries.epsilon).toBeGreaterThanOrEqual(found.canaries.power.tenth);
    expect(found.estimate.epsilon).toBeGreaterThan(3 * honest.estimate.epsilon);
  });

  test('with half of its noise is found by the variance', async () => {
    const found = await audit('halved');
    expect(found.alarms).toEqual(['variance']);
    expect(found.variance.ratio).toBeCloseTo(0.25, 1);
    expect(describeReport(found).at(-1)).toContain('there is less noise than the manifest says');
  });

  test('with gradients that are not clipped is found by canaries', async () => {
    const found = await audit('noclip');
    expect(found.alarms).toEqual(['canaries']);
    expect(found.canaries).toMatchObject({ verdict: 'beyondClaim', right: found.canaries.guesses });
    // The noise is that of the honest run, to the bit: nothing else was changed.
    expect(found.variance).toEqual(honest.variance);
  });

  test('with a random stream that begins anew in each round is found by correlation', async () => {
    const found = await audit('seed');
    expect(found.alarms).toEqual(['correlation']);
    expect(found.correlation.commonShare).toBeCloseTo(1, 6);
  });

  test('of whose participants one alone does so, or halves its noise, is found too', async () => {
    const one = await audit('seed', {}, 1);
    expect(one.alarms).toEqual(['correlation']);
    expect(one.correlation.commonShare).toBeCloseTo(1 / 3, 1);
    expect((await audit('halved', {}, 1)).alarms).toEqual(['variance']);
  });

  test('with Skellam noise, and with data beside the canaries, is accused by no test', async () => {
    const data = { ...clouds(60), name: 'data' };
    expect((await audit(undefined, { noise: 'skellam', data, canaries: 100 })).alarms).toEqual([]);
  });

  test('whose claim is beyond what so few canaries can refute is told so', async () => {
    const found = await audit('noclip', { canaries: 20, epsilon: 4, rounds: 2 });
    expect(found.canaries.most).toBeLessThan(4);
    expect(found.alarms).toEqual([]);
    expect(describeReport(found).join('\n')).toContain('no alarm is possible at this claim');
  });
});

describe('a job about participants', () => {
  const small = { unit: 'participant', epsilon: 1, canaries: 24, rounds: 2 } as const;

  test('that keeps its promise is accused by no test', async () => {
    const honest = await audit(undefined, small);
    expect(honest).toMatchObject({ unit: 'participant', claim: { survivors: 27 }, alarms: [] });
    expect(Math.abs(honest.variance.ratio - 1)).toBeLessThan(0.06);
  });

  test('whose updates are not clipped is found by canaries', async () => {
    const found = await audit('noclip', small);
    expect(found.alarms).toEqual(['canaries']);
    expect(found.canaries.right).toBe(found.canaries.guesses);
  });
});

test('an audit that is stopped has no result', async () => {
  const stopped = audit(undefined, { signal: AbortSignal.abort() });
  await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
});
