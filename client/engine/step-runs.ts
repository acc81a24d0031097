/**
 * Two ways to run the steps of a training: many in one run of a Scan, with parameters that come out of one run and go
 * into the next; or one by one, with parameters that stay on the device, of which only the loss comes back.
 */
import type { CompiledEpoch } from '../graph/compiled.ts';
import { elementCount } from '../graph/tensor-type.ts';
import type { BatchBuffer } from './batch-buffer.ts';
import type { MaskBuffer } from './mask-buffer.ts';
import { floatsOf } from './parameters.ts';
import { type ExecutionProvider, type Tensor, type Tensors, tensorOf } from './provider.ts';

/** What one run is fed with, besides the state: its first `count` batches, masks and rates. */
export interface StepFeeds {
  /** 1 to `StepRuns.limit`, and to what the buffers have room for. */
  readonly count: number;
  readonly batches: BatchBuffer;
  readonly masks: MaskBuffer;
  /** [at least count], the learning rate of each step. */
  readonly rates: Float32Array;
  /** Of the gradient of each example; undefined in a train step that does not clip. */
  readonly clipNorm: number | undefined;
}

/** The steps of one training, from the first to the last. */
export interface StepRun {
  /** @returns [count], the loss of each step */
  advance(feeds: StepFeeds): Promise<Float32Array>;
  /** Parameters and state as they are now, under their names. */
  read(): Promise<Tensors>;
  /** Frees what is held on a device. */
  release(): void;
}

/** A session in which trainings run. */
export interface StepRuns {
  /** Most steps that one run may hold, as far as the runtime is concerned. */
  readonly limit: number;
  /** @param parameters under their names; the optimiser's state begins at zero */
  begin(parameters: Tensors): StepRun;
  release(): Promise<void>;
}

/** Waiting for a device takes milliseconds, so losses are read together; a tab that is hidden or stopped waits for them. */
const HELD_STEPS = 16;

/** Throws `graphMalformed` when the provider refuses the graph. */
export function loadSteps(provider: ExecutionProvider, epoch: CompiledEpoch): Promise<StepRuns> {
  return provider.createHoldingSession ? heldSteps(provider, epoch) : scannedSteps(provider, epoch);
}

async function scannedSteps(provider: ExecutionProvider, epoch: CompiledEpoch): Promise<StepRuns> {
  const session = await provider.createSession(epoch.bytes);
  return {
    limit: Number.POSITIVE_INFINITY,
    begin(parameters) {
      let state: Tensors = { ...parameters, ...zeros(epoch) };
      return {
        async advance({ count, batches, masks, rates, clipNorm }) {
          const outputs = await session.run({
            ...state,
            ...batches.stacked(count),
            ...masks.stacked(count),
            lr: tensorOf([count], rates.subarray(0, count)),
            ...(clipNorm !== undefined && {
              clipNorm: tensorOf([count], new Float32Array(count).fill(clipNorm)),
            }),
          });
          state = nextState(outputs, epoch);
          return floatsOf(outputs, 'losses');
        },
        read: async () => state,
        release: () => {},
      };
    },
    release: () => session.release(),
  };
}

async function heldSteps(provider: ExecutionProvider, epoch: CompiledEpoch): Promise<StepRuns> {
  const names = [...epoch.parameters, ...epoch.state].map(({ name }) => name);
  const session = await provider.createHoldingSession?.(epoch.step().bytes, names);
  if (session === undefined) throw new Error('the provider holds no values');
  return {
    limit: HELD_STEPS,
    begin(parameters) {
      const held = session.hold({ ...parameters, ...zeros(epoch) });
      return {
        async advance({ count, batches, masks, rates, clipNorm }) {
          const feeds = Array.from({ length: count }, (_, at) => ({
            ...batches.single(at),
            ...masks.single(at),
            lr: tensorOf([], rates.subarray(at, at + 1)),
            ...(clipNorm !== undefined && { clipNorm: tensorOf([], Float32Array.of(clipNorm)) }),
          }));
          const outputs = await held.run(feeds);
          return Float32Array.from(outputs, (output) => floatsOf(output, 'loss')[0] ?? Number.NaN);
        },
        read: () => held.read(),
        release: () => held.release(),
      };
    },
    release: () => session.release(),
  };
}

function zeros({ state }: CompiledEpoch): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const { name, shape } of state) {
    tensors[name] = { type: 'float32', shape, data: new Float32Array(elementCount(shape)) };
  }
  return tensors;
}

/** What went out of one run as `<name>_next` goes into the next as `<name>`. */
function nextState(outputs: Tensors, { parameters, state }: CompiledEpoch): Record<string, Tensor> {
  const next: Record<string, Tensor> = {};
  for (const { name, shape } of [...parameters, ...state]) {
    next[name] = { type: 'float32', shape, data: floatsOf(outputs, `${name}_next`) };
  }
  return next;
}
