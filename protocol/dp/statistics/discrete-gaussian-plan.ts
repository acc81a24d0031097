/**
 * The least discrete Gaussian noise with which a statistic costs no more than what was asked: by moments, which a ledger adds up
 * even for questions that depend on earlier answers. Canonne, Kamath, Steinke 2020.
 */
import type { DpEvent } from '../../../schemas/dp-event.ts';
import { SIGMA_MAX } from '../../../schemas/privacy.ts';
import { HanseError } from '../../problem.ts';
import { leastEnough } from '../bisection.ts';
import { SIGMA_MIN, tableSlack } from '../discrete-gaussian-sampler.ts';
import { rdpEpsilon } from '../rdp-accountant.ts';
import { checkDelta, checkEpsilon, refused } from './limits.ts';

export interface DiscreteGaussianPlan {
  /** Adjacency: add-or-remove-one. */
  readonly event: DpEvent;
  /** Of one draw, in steps. */
  readonly sigma: number;
}

/** Of sigma; a table is made for each one that is used. */
const SIGMA_STEPS = 64;
/** Of delta, for what tables of noise are beside their law. */
const SLACK_SHARE = 1e-6;

/**
 * @param draws   of noise that an answer holds at most: delta has (1 + e^epsilon) times the slack of the table for each
 * @param eventAt what an answer with such a sigma costs, by a law of noise that is exact
 * @throws `statisticRefused`; `noiseTableTooLarge` where what suffices has no table
 */
export function planDiscreteGaussian(
  epsilon: number,
  delta: number,
  draws: number,
  eventAt: (sigma: number) => DpEvent,
): DiscreteGaussianPlan {
  checkEpsilon(epsilon);
  checkDelta(delta);
  const isEnough = (sigma: number) =>
    rdpEpsilon(eventAt(sigma), 'add-or-remove-one', delta * (1 - SLACK_SHARE)) <= epsilon;
  const sigma = Math.max(SIGMA_MIN, Math.ceil(leastEnough(isEnough, 1, 1e-4) * SIGMA_STEPS) / SIGMA_STEPS);
  if (!(sigma <= SIGMA_MAX)) throw new HanseError('noiseTableTooLarge', { sigma, most: SIGMA_MAX });
  const slack = (1 + Math.exp(epsilon)) * draws * tableSlack(sigma);
  if (!(slack <= delta * SLACK_SHARE)) throw refused('epsilon', 'too large for a delta so small');
  const events: DpEvent[] = [eventAt(sigma), { type: 'epsilonDelta', epsilon: 0, delta: slack }];
  return { event: { type: 'compose', events }, sigma };
}
