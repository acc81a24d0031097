/**
 * Two ways to run the batches of a lot: several in one run of a Scan that adds their gradients, or, on a device with memory
 * of its own, one by one, added here in the same order and in float32 as well.
 */
import type { CompiledLotGradient } from '../graph/compiled.ts';
import type { BatchBuffer } from './batch-buffer.ts';
import type { MaskBuffer } from './mask-buffer.ts';
import { floatsOf } from './parameters.ts';
import { type ExecutionProvider, type Tensors, tensorOf } from './provider.ts';

export interface LotRun {
  /** By parameter: the sums of the gradients of all batches. They belong to the caller. */
  readonly gradients: readonly Float32Array[];
  /** [count], the mean loss of each batch. */
  readonly losses: Float32Array;
}

export interface LotRuns {
  /**
   * @param feeds parameters and clipNorm
   * @param from  position of the first batch in the buffers
   * @param count how many batches, at least 1
   */
  run(feeds: Tensors, batches: BatchBuffer, masks: MaskBuffer, from: number, count: number): Promise<LotRun>;
  release(): Promise<void>;
}

/** Throws `graphMalformed` when the provider refuses the graph. */
export function loadLotRuns(provider: ExecutionProvider, gradient: CompiledLotGradient): Promise<LotRuns> {
  return provider.createHoldingSession ? singleRuns(provider, gradient) : scannedRuns(provider, gradient);
}

async function scannedRuns(
  provider: ExecutionProvider,
  { run, parameters }: CompiledLotGradient,
): Promise<LotRuns> {
  const session = await provider.createSession(run());
  // Runs only read what they are fed, so all of them begin with the same zeros.
  const zeros = Object.fromEntries(
    parameters.map(({ name, shape, size }) => [`${name}_gradient`, tensorOf(shape, new Float32Array(size))]),
  );
  return {
    async run(feeds, batches, masks, from, count) {
      const outputs = await session.run({
        ...feeds,
        ...zeros,
        ...batches.stacked(count, from),
        ...masks.stacked(count, from),
      });
      return {
        gradients: parameters.map(({ name }) => floatsOf(outputs, `${name}_gradient_next`)),
        losses: floatsOf(outputs, 'losses'),
      };
    },
    release: () => session.release(),
  };
}

async function singleRuns(
  provider: ExecutionProvider,
  { bytes, parameters }: CompiledLotGradient,
): Promise<LotRuns> {
  const session = await provider.createSession(bytes);
  return {
    async run(feeds, batches, masks, from, count) {
      const losses = new Float32Array(count);
      let gradients: readonly Float32Array[] = [];
      for (let at = 0; at < count; at += 1) {
        const outputs = await session.run({
          ...feeds,
          ...batches.single(from + at),
          ...masks.single(from + at),
        });
        const ofBatch = parameters.map(({ name }) => floatsOf(outputs, `${name}_gradient`));
        if (at === 0) gradients = ofBatch;
        else for (const [index, sum] of gradients.entries()) add(sum, ofBatch[index] as Float32Array);
        losses[at] = floatsOf(outputs, 'loss')[0] ?? Number.NaN;
      }
      return { gradients, losses };
    },
    release: () => session.release(),
  };
}

function add(sum: Float32Array, part: Float32Array): void {
  for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] as number) + (part[i] as number);
}
