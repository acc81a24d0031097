/**
 * Participants that break their promise, for whoever wants to see that an audit finds it. They are made by putting others in
 * the place of honest ones; the code of participants knows nothing of them.
 */
import type { JobSource } from '../../client/job-cache.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { PlantedNode } from '../simulate.ts';
import type { AuditTest } from './audit-report.ts';

/** A tenth of the noise, half of it, no clipping, one random stream for all rounds. */
export type PlantedBreak = 'noise10' | 'halved' | 'noclip' | 'seed';

export const PLANTED_BREAKS: readonly PlantedBreak[] = ['noise10', 'halved', 'noclip', 'seed'];

/** So many times C is longer than what a canary gives, and the ring still holds it. */
const UNCLIPPED = 32;

/** The tests of an audit that are there to find each; what another may find besides is not counted on. */
export const FOUND_BY: Readonly<Record<PlantedBreak, readonly AuditTest[]>> = {
  noise10: ['variance', 'canaries'],
  halved: ['variance'],
  noclip: ['canaries'],
  seed: ['correlation'],
};

/** The same node with the fault. */
export function plantBreak(fault: PlantedBreak, node: PlantedNode): PlantedNode {
  switch (fault) {
    case 'noise10':
      return { ...node, jobs: withCodec(node.jobs, (codec) => withNoise(codec, 1 / 10)) };
    case 'halved':
      return { ...node, jobs: withCodec(node.jobs, (codec) => withNoise(codec, 1 / 2)) };
    case 'noclip':
      return {
        ...node,
        jobs: withCodec(node.jobs, (codec) => ({ ...codec, clipNorm: UNCLIPPED * codec.clipNorm })),
      };
    case 'seed':
      return { ...node, randomFor: (task) => node.randomFor({ ...task, round: 1, attempt: 1 }) };
    default:
      fault satisfies never;
      throw new Error('unreachable');
  }
}

function withNoise(codec: Codec, factor: number): Codec {
  const { noise } = codec;
  return noise ? { ...codec, noise: { ...noise, sigma: noise.sigma * factor } } : codec;
}

/** Jobs as the node would have them, but for their codec. */
function withCodec(jobs: JobSource, change: (codec: Codec) => Codec): JobSource {
  return {
    async trainer(...request) {
      const { job, trainer } = await jobs.trainer(...request);
      const { manifest } = job;
      const codec = change(manifest.codec);
      const checkExamples: typeof job.checkExamples = (...given) => job.checkExamples(...given);
      return { job: { ...job, manifest: { ...manifest, codec }, checkExamples }, trainer };
    },
    evaluator: (...request) => jobs.evaluator(...request),
    done: (task) => jobs.done?.(task),
  };
}
