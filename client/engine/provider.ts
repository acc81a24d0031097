/**
 * The border to ONNX Runtime: all that training asks of it. SPEC.md section 6.4.
 *
 * A provider makes sessions from models, a session turns named tensors into named tensors; nothing else of a runtime
 * is used, so another one - WebGPU in a browser, say - takes its place by these two interfaces. Each implementation
 * passes `test/contract/execution-provider.ts`.
 */
import type { ProviderName } from '../../schemas/provider.ts';
import type { BorderArray } from '../graph/border-array.ts';

/** Values in row-major order; `data` holds exactly the product of `shape`. */
export type Tensor =
  | { readonly type: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly type: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly type: 'int64'; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly type: 'bool'; readonly shape: readonly number[]; readonly data: Uint8Array };

export type Tensors = Readonly<Record<string, Tensor>>;

/** The tensor of these values; nothing is copied. */
export function tensorOf(shape: readonly number[], data: BorderArray): Tensor {
  return data instanceof Int32Array ? { type: 'int32', shape, data } : { type: 'float32', shape, data };
}

export interface Session {
  /**
   * Runs the whole model once. Equal feeds give equal bits, every time.
   *
   * Feeds are read until the promise settles and never written to. Outputs are buffers of their own, which belong to
   * the caller and may be fed to a later run; no run ever writes to them again.
   * Throws `graphMalformed` when the model cannot be run on these feeds.
   */
  run(feeds: Tensors): Promise<Tensors>;

  /** Frees the model. Later runs throw; releasing twice is permitted. */
  release(): Promise<void>;
}

/** Values that stay on a device from run to run: the parameters and the optimiser's state of one training. */
export interface HeldValues {
  /**
   * Runs the model once on each of the feeds and on the values held. Every output `<name>_next` then takes the place of
   * the value `name`, on the device. @returns the other outputs, run by run; they are waited for together
   * Throws as `Session.run`, and `deviceLost`, after which nothing is held.
   */
  run(feeds: readonly Tensors[]): Promise<Tensors[]>;
  /** Copies what is held from the device. Throws `deviceLost`. */
  read(): Promise<Tensors>;
  /** Frees them. Releasing twice is permitted. */
  release(): void;
}

/** A session whose state stays on the device. */
export interface HoldingSession {
  /** @param values of every held name; copied at the first run. May be called for several trainings at a time. */
  hold(values: Tensors): HeldValues;
  /** Frees the model. */
  release(): Promise<void>;
}

export interface ExecutionProvider {
  readonly name: ProviderName;
  readonly threads: number;
  /** Why this one was chosen, for people; at most 200 characters. */
  readonly reason: string;

  /**
   * @param model a serialised ONNX ModelProto; attacker-controlled unless compiled here
   * Throws `graphMalformed`.
   */
  createSession(model: Uint8Array): Promise<Session>;

  /**
   * Only where the memory of the device is not that of the processor: single steps with the state left there are then
   * faster than many steps in one run.
   * @param model has an input and an output `<name>_next` for every held name
   * Throws `graphMalformed`.
   */
  createHoldingSession?(model: Uint8Array, held: readonly string[]): Promise<HoldingSession>;
}

export interface ProviderOptions {
  /** Threads within one operator, at least 1. A provider may use fewer; results do not depend on it. */
  readonly threads: number;
}

/** A provider that may or may not be there, in a list of which the best comes first. */
export interface ProviderCandidate {
  readonly name: ProviderName;
  /** Whether it may be chosen without having been asked for. */
  readonly automatic: boolean;
  /** Throws `providerUnavailable`. Loads the runtime, so it is called only for a provider that is considered. */
  load(options: ProviderOptions): Promise<ExecutionProvider>;
}
