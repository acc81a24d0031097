/**
 * The accountant of Renyi differential privacy (Mironov 2017): every event has a curve of divergences over fixed orders,
 * curves add up under composition, adaptive or not, and the sum becomes an epsilon for a delta. What no theorem covers is
 * refused. Deltas of events that are (epsilon, delta)-DP add up and are taken off the delta that is asked for.
 */
import type { DpEvent, Neighbouring } from '../../schemas/dp-event.ts';
import { HanseError } from '../problem.ts';
import { rdpOfExponential, rdpOfRandomizedResponse } from './rdp-choice.ts';
import { epsilonOfCurve, type RdpCurve } from './rdp-curve.ts';
import { divergenceOfDistributed, rdpOfSampledShares } from './rdp-distributed.ts';
import { rdpOfFixedSize } from './rdp-fixed-size.ts';
import { isSymmetricNoise, rdpOfNoise, rdpOfPure, type SymmetricNoise } from './rdp-noise.ts';
import { rdpOfPoisson } from './rdp-poisson.ts';

/** 1.1 to 10.9 by tenths, 11 to 63, and four far ones. */
export const RDP_ORDERS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, at) => (at + 11) / 10),
  ...Array.from({ length: 53 }, (_, at) => at + 11),
  128,
  256,
  512,
  1024,
];

/**
 * @param neighbouring the relation for which the curve holds
 * @throws `eventUnsupported` where no sound bound is known
 */
export function rdpCurve(
  event: DpEvent,
  neighbouring: Neighbouring,
  orders: readonly number[] = RDP_ORDERS,
): RdpCurve {
  switch (event.type) {
    case 'gaussian':
    case 'laplace':
    case 'discreteLaplace':
    case 'discreteGaussian':
      return pure(
        orders,
        orders.map((a) => rdpOfNoise(event, a)),
      );
    case 'epsilonDelta':
      return {
        ...pure(
          orders,
          orders.map((a) => rdpOfPure(event.epsilon, a)),
        ),
        delta: event.delta,
      };
    case 'distributedDiscreteGaussian':
    case 'distributedSkellam':
      return pure(orders, orders.map(divergenceOfDistributed(event)));
    case 'exponential':
      return pure(
        orders,
        orders.map((a) => rdpOfExponential(event.epsilon, a)),
      );
    case 'randomizedResponse':
      if (neighbouring !== 'replace-one')
        throw unsupported(event, `only known for replace-one, not for ${neighbouring}`);
      return pure(
        orders,
        orders.map((a) => rdpOfRandomizedResponse(event.noiseParameter, event.numBuckets, a)),
      );
    case 'treeAggregation': {
      if (neighbouring !== 'replace-special')
        throw unsupported(event, `only known for replace-special, not for ${neighbouring}`);
      const levels = Math.floor(Math.log2(event.steps)) + 1;
      return pure(
        orders,
        orders.map((a) => (levels * a) / 2 / event.noiseMultiplier ** 2),
      );
    }
    case 'poisson': {
      if (neighbouring === 'replace-one')
        throw unsupported(event, 'not known for replace-one, but for adding, removing or zeroing');
      const { q, event: whole } = event;
      if (whole.type === 'distributedDiscreteGaussian' || whole.type === 'distributedSkellam') {
        const divergence = divergenceOfDistributed(whole);
        return pure(
          orders,
          orders.map((a) => rdpOfSampledShares(divergence, q, a)),
        );
      }
      const noise = sampled(event);
      return pure(
        orders,
        orders.map((a) => rdpOfPoisson(noise, event.q, a)),
      );
    }
    case 'fixedSize':
      if (neighbouring !== 'replace-one')
        throw unsupported(event, `only known for replace-one, not for ${neighbouring}`);
      return pure(orders, rdpOfFixedSize(sampled(event), event.sampleSize / event.populationSize, orders));
    case 'repeat': {
      const once = rdpCurve(event.event, neighbouring, orders);
      return {
        orders,
        divergences: once.divergences.map((divergence) => event.count * divergence),
        delta: event.count * once.delta,
      };
    }
    case 'compose':
      return event.events
        .map((one) => rdpCurve(one, neighbouring, orders))
        .reduce((sum, one) => ({
          orders,
          divergences: sum.divergences.map(
            (divergence, at) => divergence + (one.divergences[at] ?? Infinity),
          ),
          delta: sum.delta + one.delta,
        }));
    case 'truncatedPoissonGaussian':
      throw unsupported(event, 'no bound of its divergence is known');
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

/** Epsilon of an event under a neighbouring relation. Throws `eventUnsupported`. */
export function rdpEpsilon(event: DpEvent, neighbouring: Neighbouring, delta: number): number {
  return epsilonOfCurve(rdpCurve(event, neighbouring), delta);
}

function pure(orders: readonly number[], divergences: readonly number[]): RdpCurve {
  return { orders, divergences, delta: 0 };
}

function sampled(event: Extract<DpEvent, { type: 'poisson' | 'fixedSize' }>): SymmetricNoise {
  if (isSymmetricNoise(event.event)) return event.event;
  throw unsupported(event, `amplification of ${event.event.type} by sampling is not known`);
}

function unsupported({ type }: DpEvent, reason: string): HanseError {
  return new HanseError('eventUnsupported', { event: type, accountant: 'rdp', reason });
}
