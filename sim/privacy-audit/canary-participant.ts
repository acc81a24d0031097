/**
 * A participant that is a canary: its update is a direction of its own in each round, many times longer than C, or zero
 * where it is out. What comes after training - clipping, rounding, noise, masks - is the code of every participant.
 */
import type { JobSource } from '../../client/job-cache.ts';
import type { RandomNumbers } from '../../protocol/random.ts';
import type { PlantedNode } from '../simulate.ts';
import { type AuditLayout, canaryRange, featuresOf } from './audit-layout.ts';

/** [d], of length 1: uniform among the directions of the parameters of canaries, zero elsewhere. */
export function canaryDirection(layout: AuditLayout, numbers: RandomNumbers): Float32Array {
  const direction = new Float32Array(featuresOf(layout) * layout.classes);
  const [from, to] = canaryRange(layout);
  let squares = 0;
  for (let i = from; i < to; i += 1) {
    direction[i] = numbers.normal();
    squares += (direction[i] as number) ** 2;
  }
  return direction.map((x) => x / Math.sqrt(squares));
}

/** @param update [d] what it is to have learnt in every round */
export function plantCanary(update: Float32Array, node: PlantedNode): PlantedNode {
  const { jobs } = node;
  const source: JobSource = {
    async trainer(...request) {
      const { job } = await jobs.trainer(...request);
      return { job, trainer: { train: async ({ parameters }) => learnt(parameters, update) } };
    },
    evaluator: (...request) => jobs.evaluator(...request),
    done: (task) => jobs.done?.(task),
  };
  return { ...node, jobs: source };
}

function learnt(model: Float32Array, update: Float32Array) {
  const parameters = model.map((x, i) => x + (update[i] as number));
  return { parameters, losses: new Float32Array(1), steps: 1, examplesSeen: 0 };
}
