import { expect, test } from 'vitest';
import { pldEpsilon } from '../../../protocol/dp/pld-accountant.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { calibrateCohort } from '../../../sim/privacy-utility/cohort-calibration.ts';

test('sampled noise of a coordinator is judged by its losses, and needs less than shares do', () => {
  const training = { rate: 0.1, rounds: 100, dimension: 1970, delta: 1e-5 };
  const central = calibrateCohort(training, { type: 'central' }, 2);
  expect(pldEpsilon(central.event, 'replace-special', 1e-5)).toBe(central.epsilonModel);
  expect(central.epsilonModel).toBeLessThanOrEqual(2);
  expect(central.epsilonModel).toBeGreaterThan(1.999);
  // The bound of divergences is above the losses, for the same event.
  expect(rdpEpsilon(central.event, 'replace-special', 1e-5)).toBeGreaterThan(2);
  const source = { type: 'distributed', law: 'discreteGaussian', parties: 100 } as const;
  expect(calibrateCohort(training, source, 2).multiplier).toBeGreaterThan(central.multiplier);
});
