/**
 * What the accountants take for DP-SGD, a Gaussian under Poisson sampling: a figure at 10,000 steps by each, and the least
 * noise for a budget by the losses.
 */
import { ACCOUNTANTS, type AccountantName, calibrateNoise } from '../../../protocol/dp/accountants.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';
import { cpuMsInTurns, type Repetition, type Samples } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

const RATE = 0.01;
const DELTA = 1e-5;
/** Losses are asked for in both directions, which add-or-remove-one tells apart. */
const RELATION = 'add-or-remove-one';

export const pldEpsilon10000: RowDefinition = {
  name: 'privacy/pld/q.01-s1-T1e4',
  unit: 's',
  what: 'processor time of epsilon by privacy losses on the grid of 1e-4, both directions, 10^4 steps; baseline: 100 steps',
  asked: [{ of: 'value', atMost: 0.8 }],
  measure: () => secondsInTurns(epsilonBy('pld', 10_000), epsilonBy('pld', 100), 5),
};

export const rdpEpsilon10000: RowDefinition = {
  name: 'privacy/rdp/q.01-s1-T1e4',
  unit: 's',
  what: 'processor time of epsilon by Renyi divergences, 10^4 steps; baseline: 100 steps',
  asked: [{ of: 'value', atMost: 0.05 }],
  measure: () => secondsInTurns(epsilonBy('rdp', 10_000, 10), epsilonBy('rdp', 100, 10), 7),
};

export const calibrateEps1: RowDefinition = {
  name: 'privacy/calibrate/eps1-q.01-T1000',
  unit: 's',
  what: 'processor time of the least noise for epsilon 1 at 1000 steps by privacy losses; baseline: one epsilon of them',
  asked: [{ of: 'value', atMost: 5 }],
  measure: () =>
    secondsInTurns(
      async () => {
        calibrateNoise(ACCOUNTANTS.pld, (noise) => dpSgd(noise, 1000), RELATION, 1, DELTA);
        return { units: 1 };
      },
      epsilonBy('pld', 1000),
      3,
    ),
};

function dpSgd(noiseMultiplier: number, count: number): DpEvent {
  const event: DpEvent = { type: 'poisson', q: RATE, event: { type: 'gaussian', noiseMultiplier } };
  return { type: 'repeat', count, event };
}

function epsilonBy(name: AccountantName, count: number, times = 1): Repetition {
  return async () => {
    for (let i = 0; i < times; i += 1) ACCOUNTANTS[name](dpSgd(1, count), RELATION, DELTA);
    return { units: times };
  };
}

async function secondsInTurns(value: Repetition, baseline: Repetition, runs: number): Promise<Samples> {
  const { values, baselines } = await cpuMsInTurns(value, baseline, runs);
  return { values: values.map((ms) => ms / 1000), baselines: baselines.map((ms) => ms / 1000) };
}
