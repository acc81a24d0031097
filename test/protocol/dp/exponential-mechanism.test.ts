/** Choices against their law, and against the weights of a plain twin. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CandidateRange,
  choiceBase,
  chooseCandidate,
} from '../../../protocol/dp/exponential-mechanism.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { chiSquareRatio } from './chi-square.ts';

const random = (seed: number) => seededRandom(new Uint8Array(32).fill(seed));
const range = (score: number, size: number): CandidateRange => ({ score, size: BigInt(size) });

/** Candidates are numbered through; a plain twin with floats. */
function lawOf(ranges: readonly CandidateRange[], decay: number): Map<number, number> {
  const weights = ranges.flatMap(({ score, size }) =>
    new Array<number>(Number(size)).fill(Math.exp(-decay * score)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return new Map(weights.map((weight, at) => [at, weight / total]));
}

function drawn(ranges: readonly CandidateRange[], epsilon: number, sensitivity: number, seed: number) {
  const firsts = ranges.map((_, at) => ranges.slice(0, at).reduce((sum, { size }) => sum + Number(size), 0));
  const base = choiceBase(epsilon, sensitivity, 1000);
  const source = random(seed);
  return Array.from({ length: 6000 }, () => {
    const choice = chooseCandidate(ranges, base, source);
    return (firsts[choice.range] as number) + Number(choice.offset);
  });
}

test.each<[string, CandidateRange[], number, number]>([
  ['a few scores', [range(3, 1), range(0, 1), range(1, 2), range(4, 3)], 2, 1],
  ['no perfect candidate', [range(5, 2), range(7, 1), range(6, 4)], 1, 1],
  ['a larger sensitivity', [range(0, 1), range(2, 5), range(9, 30)], 1.5, 3],
  ['one score alone', [range(40, 5)], 1, 1],
])('choices of %s have their law, and no other', (_, ranges, epsilon, sensitivity) => {
  const draws = drawn(ranges, epsilon, sensitivity, ranges.length);
  const decay = epsilon / (2 * sensitivity);
  expect(chiSquareRatio(draws, lawOf(ranges, decay))).toBeLessThan(1);
  // A mechanism with twice the decay is another one, but where all scores are equal.
  if (ranges.length > 1) expect(chiSquareRatio(draws, lawOf(ranges, 2 * decay))).toBeGreaterThan(2);
});

test('the base costs at most what was asked for, and nearly as much', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.02, max: 50, noNaN: true }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 2 ** 50 }),
      (epsilon, sensitivity, domain) => {
        const base = choiceBase(epsilon, sensitivity, domain);
        expect(base.epsilon).toBeLessThanOrEqual(epsilon);
        expect(base.epsilon).toBeGreaterThan(epsilon * 0.999);
        expect(base.x < 1n << BigInt(base.y)).toBe(true);
        // So many candidates at the limit weigh next to nothing beside a perfect one.
        const weight = (-base.scoreLimit * base.epsilon) / (2 * sensitivity);
        expect(weight + Math.log(domain)).toBeLessThan(-40 * Math.LN2 + 1e-9);
      },
    ),
  );
});

test('scores beyond the limit are those at the limit, for a domain of any size', () => {
  const base = choiceBase(1, 1, 2 ** 50);
  const ranges = [{ score: 1e9, size: 2n ** 49n }, range(0, 1), { score: 2e9, size: 2n ** 49n }];
  const source = random(5);
  for (let turn = 0; turn < 50; turn += 1) expect(chooseCandidate(ranges, base, source).range).toBe(1);
  const far = [
    { score: 1e9, size: 2n ** 49n },
    { score: 2e9, size: 2n ** 49n },
  ];
  const chosen = Array.from({ length: 200 }, () => chooseCandidate(far, base, source).range);
  expect(new Set(chosen).size).toBe(2);
});

test('an epsilon too small for the domain is refused, a larger one is not', () => {
  expect(() => choiceBase(1e-4, 1, 2 ** 20)).toThrow(expect.objectContaining({ code: 'statisticRefused' }));
  expect(choiceBase(0.01, 1, 2 ** 20).scoreLimit).toBeLessThan(2 ** 15);
});
