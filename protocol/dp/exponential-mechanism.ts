/**
 * The exponential mechanism with exact probabilities: weights are powers of a fraction x / 2^y, so that every one of them
 * and their sum are integers, and no float takes part in the choice. Ilvento 2020 (arXiv:1912.04222), "Implementing the
 * exponential mechanism with base-2 differential privacy".
 *
 * Scores are integers, 0 the best; all above a limit that is known beforehand count as the limit, which changes no
 * sensitivity. P[candidate] is proportional to (x / 2^y)^score.
 */
import { HanseError } from '../problem.ts';
import type { RandomSource } from '../random.ts';
import { ExactRandom } from './exact-random.ts';

/** How much less likely a candidate becomes with each unit of its score, and how far that goes. */
export interface ChoiceBase {
  /** 2^y / 2 <= x < 2^y, or less for a large epsilon. */
  readonly x: bigint;
  readonly y: number;
  /** Scores above it count as it. */
  readonly scoreLimit: number;
  /** The range of the losses: 2 sensitivity ln(2^y / x), at most what was asked for. */
  readonly epsilon: number;
}

/** Candidates with one score. */
export interface CandidateRange {
  /** An integer, at least 0. */
  readonly score: number;
  /** How many, at least 1. */
  readonly size: bigint;
}

/** Digits of the base beyond its distance from 1. */
const BASE_BITS = 12;
/** All candidates at the limit together weigh no more than a 2^40th of a perfect one. */
const LIMIT_BITS = 40;
/** Integers of the sum have y times as many bits. */
const SCORE_LIMIT_MAX = 2 ** 15;

/**
 * @param epsilon     above 0
 * @param sensitivity of the score: what one unit can change, an integer, at least 1
 * @param domain      number of candidates, at least 1
 * @throws `statisticRefused` for a domain too large for so small an epsilon
 */
export function choiceBase(epsilon: number, sensitivity: number, domain: number): ChoiceBase {
  const decay = epsilon / (2 * sensitivity);
  const y = BASE_BITS + Math.max(0, Math.ceil(Math.max(-Math.log2(decay), decay * Math.LOG2E)));
  const x = Math.ceil(Math.exp(-decay) * 2 ** y * (1 + 2 ** -50));
  const scoreLimit = Math.ceil((Math.log2(domain) + LIMIT_BITS) / (y - Math.log2(x)));
  // With so many digits a base of 1 would take a decay below 2^-40.
  if (!(y <= 50 && scoreLimit <= SCORE_LIMIT_MAX))
    throw new HanseError('statisticRefused', {
      what: 'epsilon',
      reason: `too small to choose one of ${domain} candidates of which a person can move ${sensitivity} ranks`,
    });
  return { x: BigInt(x), y, scoreLimit, epsilon: -2 * sensitivity * Math.log(x / 2 ** y) };
}

/** A candidate: which range it is of, and where in it. */
export interface Choice {
  readonly range: number;
  /** In [0, size of the range). */
  readonly offset: bigint;
}

/**
 * One candidate by its weight. With W_u candidates of score u and m the largest, S_u = W_u 2^(y(m-u)) + x S_(u+1) and a
 * uniform integer below S_0 is walked down; what is left of it, divided by x, is uniform below S_(u+1). Its time depends on
 * scores and choice.
 * @param ranges at least one
 */
export function chooseCandidate(
  ranges: readonly CandidateRange[],
  { x, y, scoreLimit }: ChoiceBase,
  random: RandomSource,
): Choice {
  const scores = ranges.map(({ score }) => Math.min(score, scoreLimit));
  const most = scores.reduce((largest, score) => Math.max(largest, score), 0);
  const sizes = new Array<bigint>(most + 1).fill(0n);
  ranges.forEach(({ size }, at) => {
    const score = scores[at] as number;
    sizes[score] = (sizes[score] as bigint) + size;
  });
  const weightOf = (score: number) => (sizes[score] as bigint) << BigInt(y * (most - score));
  let total = 0n;
  for (let score = most; score >= 0; score -= 1) total = weightOf(score) + x * total;
  const exact = new ExactRandom(random);
  let drawn = exact.below(total);
  let chosen = 0;
  for (; chosen < most; chosen += 1) {
    const weight = weightOf(chosen);
    if (drawn < weight) break;
    drawn = (drawn - weight) / x;
  }
  let offset = exact.below(sizes[chosen] as bigint);
  for (const [range, { size }] of ranges.entries()) {
    if (scores[range] !== chosen) continue;
    if (offset < size) return { range, offset };
    offset -= size;
  }
  throw new Error('unreachable');
}
