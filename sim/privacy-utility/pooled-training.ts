/**
 * Example-level DP-SGD where one owner has all data, which is also what participants with secret lots compute together:
 * Abadi et al., CCS 2016. The lots, clipping and rounding are those of jobs; the noise is the rounded Gaussian of somebody
 * who is trusted, the owner. SPEC.md 12.4, 12.10.
 */
import { primitives } from '#primitives';
import type { Examples } from '../../client/data/examples.ts';
import { Evaluator } from '../../client/engine/evaluator.ts';
import { LotTrainer } from '../../client/engine/lot-trainer.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { compileEvaluation } from '../../client/graph/compile-evaluation.ts';
import { compileLotGradient } from '../../client/graph/compile-lot-gradient.ts';
import type { ForwardGraph } from '../../client/graph/forward-graph.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { nativeSeededRandom } from '../../client/native-key-stream.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { calibrateNoise } from '../../protocol/dp/accountants.ts';
import { LARGER_LOT, sensitivityOf } from '../../protocol/dp/job-privacy.ts';
import { pldEpsilon } from '../../protocol/dp/pld-accountant.ts';
import { roundedGaussianSampler } from '../../protocol/dp/rounded-gaussian.ts';
import { roundLotSum } from '../../protocol/ring/lot-sum.ts';
import type { DpEvent } from '../../schemas/dp-event.ts';

export interface PooledTraining {
  readonly forward: ForwardGraph;
  /** q. */
  readonly rate: number;
  readonly rounds: number;
  /** C, of the gradient of an example. */
  readonly clipNorm: number;
  readonly learningRate: number;
  readonly momentum: number;
  /** Share of the rounds, at the end, whose models are averaged. */
  readonly averaged: number;
  readonly batchSize: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly seed: string;
  readonly signal?: AbortSignal;
  readonly onRound?: (round: number) => void;
}

export interface TrainedPool {
  readonly accuracy: number;
  readonly epsilon: number;
  readonly noiseMultiplier: number;
  readonly parameters: number;
}

const LOSS = { type: 'softmax_ce' } as const;
/** Of a round, added to delta: a rounded sum is longer than D, or a lot larger than what is computed. SPEC.md 12.3. */
const LOST = 1e-12 + LARGER_LOT;
/** Nothing is cut: there is no ring. */
const BOUND = 0x7fff_ffff;
const FINENESS = 20;

/** @param test what the released model is measured on, once */
export async function trainPooled(
  training: PooledTraining,
  examples: Examples,
  test: Examples,
  provider: ExecutionProvider,
): Promise<TrainedPool> {
  const { forward, rate, rounds, clipNorm, batchSize, seed } = training;
  const model = initialParameters(forward);
  const parameters = model.length;
  const levels = FINENESS * Math.sqrt(parameters);
  const grid = clipNorm / levels;
  const codec = { clipNorm, grid, weightMax: 1, lot: { rate, bound: BOUND } };
  const sensitivity = sensitivityOf({ codec, parameters, batchSize });
  const noise = calibrate(training);
  const random = nativeSeededRandom(await primitives.sha256(utf8(`HANSE pooled\0${seed}`)));
  const sampler = roundedGaussianSampler(noise.noiseMultiplier * sensitivity, random);
  const trainer = await LotTrainer.create(
    provider,
    compileLotGradient(forward, { loss: LOSS, batchSize, unit: 'example' }),
  );
  const exact = Float64Array.from(model);
  const velocity = new Float64Array(parameters);
  const released = new Float64Array(parameters);
  const steps = new Float64Array(parameters);
  const firstAveraged = rounds - Math.max(1, Math.round(training.averaged * rounds));
  try {
    for (let round = 0; round < rounds; round += 1) {
      model.set(exact);
      const { sum } = await trainer.sum({
        ...{ parameters: model, examples, rate, clipNorm, random },
        ...(training.signal && { signal: training.signal }),
      });
      roundLotSum(sum, grid, BOUND, random, (block, start) => steps.set(block, start));
      sampler.addTo(steps);
      const scale = grid / (rate * examples.count);
      for (let i = 0; i < parameters; i += 1) {
        velocity[i] = training.momentum * (velocity[i] as number) + scale * (steps[i] as number);
        exact[i] = (exact[i] as number) + training.learningRate * (velocity[i] as number);
        if (round >= firstAveraged)
          released[i] = (released[i] as number) + (exact[i] as number) / (rounds - firstAveraged);
      }
      training.onRound?.(round + 1);
    }
  } finally {
    await trainer.release();
  }
  const evaluator = await Evaluator.create(
    provider,
    compileEvaluation(forward, { loss: LOSS, batchSize: 500 }),
  );
  const { accuracy } = await evaluator.evaluate({ parameters: Float32Array.from(released), examples: test });
  await evaluator.release();
  return { ...noise, accuracy: accuracy ?? Number.NaN, parameters };
}

/** A round is one sampled Gaussian: rounding what is normal is post-processing. */
function calibrate({ rate, rounds, epsilon, delta }: PooledTraining) {
  const eventOf = (noiseMultiplier: number): DpEvent => ({
    type: 'repeat',
    count: rounds,
    event: {
      type: 'compose',
      events: [
        { type: 'poisson', q: rate, event: { type: 'gaussian', noiseMultiplier } },
        { type: 'epsilonDelta', epsilon: 0, delta: LOST },
      ],
    },
  });
  return calibrateNoise(pldEpsilon, eventOf, 'replace-special', epsilon, delta);
}
