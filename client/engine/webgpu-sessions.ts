/** What the providers `webgpu` of a browser and of Node have in common: how their sessions are made, and why there is none. */
import { HanseError } from '../../protocol/problem.ts';

/**
 * Layouts stay as graphs have them: left to choose, ONNX Runtime 1.30 puts transpositions around convolutions and moves some
 * past comparisons, where they are of booleans, which no shader transposes, so that each step goes to the processor and back.
 */
export const ON_WEBGPU = { name: 'webgpu', preferredLayout: 'NCHW' } as const;

/** Refuses models of which a part would run on the processor. */
export const NO_FALLBACK = { session: { disable_cpu_ep_fallback: '1' } } as const;

export function webgpuUnavailable(reason: string, cause?: unknown): HanseError<'providerUnavailable'> {
  return new HanseError('providerUnavailable', { asked: 'webgpu', reason }, { cause });
}
