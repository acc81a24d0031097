// covers: protocol/dp/noise-of-model.ts, protocol/dp/promised-terms.ts
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deviationOfSum } from '../../../protocol/dp/central-noise.ts';
import { epsilonOfJob, jobPrivacy } from '../../../protocol/dp/job-privacy.ts';
import { noiseOfModel, usefulCohort } from '../../../protocol/dp/noise-of-model.ts';
import { planOfJob } from '../../../protocol/dp/privacy-plan.ts';
import { type PromiseFigures, promisedTerms } from '../../../protocol/dp/promised-terms.ts';
import { isProblem } from '../../../protocol/problem.ts';

const EXAMPLES: PromiseFigures = {
  ...{ unit: 'example', noise: 'discreteGaussian', units: 6000, participants: 10, cohort: 10 },
  ...{ isPlain: false, rounds: 40, lotRate: 0.05, parameters: 10_000, clipNorm: 0.5, batchSize: 64 },
  ...{ weightMax: 65_536, delta: 1e-5, wanted: { epsilon: 2 } },
};
const { lotRate: _, ...ALL } = EXAMPLES;
const PARTICIPANTS: PromiseFigures = { ...ALL, unit: 'participant', participants: 1000, cohort: 1000 };

const planOf = (figures: PromiseFigures) =>
  planOfJob(promisedTerms(figures), { units: figures.units, participants: figures.participants });

describe('a plan', () => {
  test('states what the accountant finds, and where it comes from', () => {
    const plan = planOf(EXAMPLES);
    const privacy = jobPrivacy(promisedTerms(EXAMPLES));
    if (!privacy) throw new Error('no promise');
    expect(plan.epsilonServer).toBeCloseTo(epsilonOfJob(privacy.total, 1e-5), 12);
    expect(plan.epsilonModel).toBe(plan.epsilonServer);
    expect(plan.epsilonServer).toBeLessThanOrEqual(2);
    expect(plan.epsilonServer).toBeGreaterThan(1.999);
    const { neighbouring, accountant, units, lotRate, cohort, parties } = plan;
    expect({ neighbouring, accountant, units, lotRate, cohort, parties }).toEqual({
      ...{ neighbouring: 'replace-special', accountant: 'rdp', units: 60_000, lotRate: 0.05, cohort: 10 },
      // A threshold of 7, of which 3 may collude.
      parties: 4,
    });
    expect(plan.excess).toBeCloseTo(Math.sqrt(10 / 4), 12);
    expect(plan.noiseMultiplier).toBeCloseTo((plan.noise.sigma * 2) / plan.sensitivity, 12);
    const { accountant: rest, ...others } = plan.deltaParts;
    expect(others).toEqual({ largerLots: 40 * 1e-12, longerSums: 40 * 1e-12, tables: 40 * 1e-13 });
    expect(rest + 84e-12).toBeCloseTo(1e-5, 17);
    expect(planOf(PARTICIPANTS).deltaParts).toMatchObject({
      largerLots: 0,
      longerSums: 0,
      tables: 40 * 1e-13,
    });
  });

  test('epsilon rises with rounds, and falls with noise and with those on whose noise it counts', () => {
    for (const plan of [planOf(EXAMPLES), planOf(PARTICIPANTS)]) {
      const rounds = plan.byRounds.map((at) => at.rounds);
      expect(rounds).toEqual([...new Set(rounds)].toSorted((a, b) => a - b));
      expect(rounds).toEqual(expect.arrayContaining([1, 10, 20, 40]));
      expect(plan.byRounds.at(-1)).toEqual({ rounds: 40, epsilon: plan.epsilonServer });
      const epsilons = plan.byRounds.map(({ epsilon }) => epsilon);
      expect(epsilons).toEqual(epsilons.toSorted((a, b) => a - b));
      const others = [plan.byNoise, plan.byCohort].map((rows) => rows.map(({ epsilon }) => epsilon));
      for (const row of others) {
        expect(row).toEqual(row.toSorted((a, b) => b - a));
        expect(row[2]).toBeCloseTo(plan.epsilonModel, 12);
        expect(row[0]).toBeGreaterThan(row[4] as number);
      }
    }
  });

  test('of figures with noise is the plan of the epsilon that it has', () => {
    const { noiseMultiplier, epsilonModel } = planOf(EXAMPLES);
    const again = planOf({ ...EXAMPLES, wanted: { noiseMultiplier } });
    expect(again.epsilonModel).toBeCloseTo(epsilonModel, 9);
    expect(again.noise.sigma).toBeCloseTo(planOf(EXAMPLES).noise.sigma, 6);
    // Where each update has to protect itself, it has all the noise.
    const plain = planOf({ ...EXAMPLES, isPlain: true });
    expect(plain.parties).toBe(1);
    expect(plain.noise.sigma).toBeGreaterThan(1.9 * again.noise.sigma * (plain.levels / again.levels));
  });

  test('tells nothing of the model where nobody says how many units there are', () => {
    const { units: _units, ...unknown } = EXAMPLES;
    const plan = planOf(unknown);
    expect(plan).toMatchObject({ units: null, model: null, usefulCohort: null, isUseful: null });
    expect(plan.byNoise.every(({ drift }) => drift === null)).toBe(true);
    expect(planOf({ ...PARTICIPANTS, units: 7 }).units).toBe(1000);
  });

  test('ten participants as units destroy a model, a thousand do not, and examples of ten do not', () => {
    const ten = planOf({ ...PARTICIPANTS, participants: 10, cohort: 10, wanted: { epsilon: 8 } });
    expect(ten.isUseful).toBe(false);
    expect(ten.usefulCohort).toBeGreaterThan(20);
    expect(planOf({ ...PARTICIPANTS, wanted: { epsilon: 8 } }).isUseful).toBe(true);
    expect(planOf(EXAMPLES).isUseful).toBe(true);
  });
});

describe('noise of a model', () => {
  const sum = {
    codec: { clipNorm: 2, grid: 0.5 },
    deviation: deviationOfSum({ type: 'discreteGaussian', sigma: 20 }, 16),
    parameters: 900,
    units: 40,
  };

  test('by hand', () => {
    // 20 * 4 steps a coordinate, 40 of the model, 1200 for 900 of them, 30 in the mean of 40; 25 rounds of at most 2.
    expect(noiseOfModel({ ...sum, rounds: 25 })).toEqual({ noise: 30, signal: 2, drift: 3 });
    expect(usefulCohort(16, { drift: 3 })).toBe(48);
    // Of 25 draws that take each other away but for one, a fifth.
    expect(noiseOfModel({ ...sum, rounds: 25, draws: 1 }).drift).toBeCloseTo(0.6, 12);
  });

  test('a cohort that is called useful is, with the same noise counted on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 1, max: 1e4, noNaN: true }),
        (n, sigma) => {
          // The same multiplier: the noise of each falls as one over the root of how many there are.
          const at = (updates: number) =>
            noiseOfModel({
              ...{ ...sum, rounds: 9, units: updates },
              deviation: deviationOfSum({ type: 'skellam', sigma: sigma * Math.sqrt(n / updates) }, updates),
            });
          const needed = usefulCohort(n, at(n));
          expect(at(needed).drift).toBeLessThanOrEqual(1 + 1e-12);
          if (needed > 1) expect(at(needed - 1).drift).toBeGreaterThan(1 - 1e-12);
        },
      ),
    );
  });
});

describe('figures that cannot be', () => {
  const codeOf = (change: Partial<PromiseFigures>, from = EXAMPLES) => {
    try {
      planOf({ ...from, ...change });
      return 'none';
    } catch (error) {
      return isProblem(error) ? error.code : error;
    }
  };

  test.each<readonly [string, Partial<PromiseFigures>, Partial<PromiseFigures>]>([
    ['deltaTooLarge', { delta: 1 / 60_000 }, { delta: 1 / 60_001 }],
    ['noiseTooSmall', { wanted: { noiseMultiplier: 0 } }, { wanted: { noiseMultiplier: 0.5 } }],
    ['noiseTooSmall', { wanted: { noiseMultiplier: -1 } }, {}],
    ['noiseTooSmall', { wanted: { noiseMultiplier: Number.NaN } }, {}],
    ['noiseTableTooLarge', { wanted: { noiseMultiplier: 1e5 } }, { wanted: { noiseMultiplier: 4 } }],
    ['invalidFormat', { lotRate: 0 }, { lotRate: 1 }],
    ['invalidFormat', { lotRate: 1.01 }, {}],
    ['invalidFormat', { lotRate: -0.1 }, {}],
    ['invalidFormat', { clipNorm: 0 }, { clipNorm: 1e-3 }],
    ['invalidFormat', { delta: 0 }, {}],
    ['invalidFormat', { wanted: { epsilon: 0 } }, { wanted: { epsilon: 0.5 } }],
    ['invalidFormat', { unit: 'participant' }, {}],
    ['budgetUnreachable', { delta: 1e-11 }, { delta: 1e-9 }],
    ['budgetUnreachable', { delta: 1e-11, wanted: { noiseMultiplier: 1 } }, {}],
    ['manifestInvalid', { cohort: 2 }, { cohort: 3 }],
    ['manifestInvalid', { minimum: 11 }, { minimum: 10 }],
    ['manifestInvalid', { colluders: 4 }, { colluders: 3 }],
    ['ringOverflow', { cohort: 10_000_000, isPlain: true }, { cohort: 10_000, isPlain: true }],
  ])('%s: %o, and not %o', (code, change, right) => {
    expect(codeOf(change)).toBe(code);
    expect(codeOf(right)).toBe('none');
  });

  test('delta is compared with the participants where these are the units', () => {
    expect(codeOf({ delta: 1e-3 }, PARTICIPANTS)).toBe('deltaTooLarge');
    expect(codeOf({ delta: 0.99e-3 }, PARTICIPANTS)).toBe('none');
  });

  test('a job that promises nothing has no plan', () => {
    const terms = promisedTerms(EXAMPLES);
    const federation = { units: 1, participants: 10 };
    expect(() => planOfJob({ ...terms, privacyUnit: 'none' }, federation)).toThrow(RangeError);
    expect(planOfJob(terms, federation).unit).toBe('example');
  });
});
