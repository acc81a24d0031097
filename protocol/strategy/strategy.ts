/**
 * What a strategy is: the optimiser on the coordinator's side of federated learning. SPEC.md 7.1; Reddi et al., ICLR
 * 2021, Algorithm 1, where the mean update takes the place of a gradient.
 *
 * A strategy is a pure function from state, model and mean update to the next state and model. It computes in float64
 * with addition, multiplication, division and square root alone, which IEEE 754 rounds alike everywhere, and rounds
 * each result to float32 once; so the next model follows from the logged inputs to the bit. The state is float32 as
 * well: what is stored is all there is, and a restart changes nothing.
 */
import { HanseError } from '../problem.ts';
import type { MeanUpdate } from '../ring/sum.ts';
import { floatsOf } from '../vector.ts';

/** What a strategy remembers from round to round: blocks of d float32 numbers, one after the other. */
export type StrategyState = Float32Array<ArrayBuffer>;

export interface Step {
  readonly state: StrategyState;
  /** [d] the next model. */
  readonly model: Float32Array<ArrayBuffer>;
}

export interface Strategy {
  /** Whether `init` is empty, so that there is nothing to store. */
  readonly isStateless: boolean;
  /** The state before the first round of a model of d = `length` parameters. */
  init(length: number): StrategyState;
  /**
   * One step. Modifies none of its arguments and returns arrays of its own. Throws `aggregateInvalid` if a parameter
   * or a number of the state leaves the range of float32, RangeError if lengths do not match.
   *
   * @param model [d] the model that the cohort trained from
   * @param mean  [d] the mean update, model after training minus model before
   */
  apply(state: StrategyState, model: Float32Array, mean: MeanUpdate): Step;
  /** The float32 values to store. */
  encode(state: StrategyState): Float32Array<ArrayBuffer>;
  /** The inverse, from the stored bytes, little-endian. Throws `invalidLength` for another model's state. */
  decode(bytes: Uint8Array, length: number): StrategyState;
}

/** What distinguishes one strategy from another. */
export interface StrategyRule {
  /** Blocks of d numbers in the state. */
  readonly blocks: number;
  /** The number a block is filled with before the first round. */
  initial(block: number): number;
  /**
   * Fills `next` and the blocks of `nextState` from the current ones, number by number, for a part of the parameters; all
   * are of one length and none alias. Loops are to be in functions of a module: what V8 compiles of a closure that is made
   * anew each round is gone by the next one.
   */
  step(
    model: Float32Array,
    mean: Float64Array,
    state: readonly Float32Array[],
    next: Float32Array,
    nextState: readonly Float32Array[],
  ): void;
}

/**
 * Parameters at a time, a multiple of 32 as `MeanUpdate` wants: with their mean and state they are still in the cache when
 * they are looked at again.
 */
const PART = 8192;

/** A strategy from its rule: allocation, lengths, finiteness and bytes are the same for all. */
export function defineStrategy(rule: StrategyRule): Strategy {
  const blocksOf = (state: StrategyState, length: number): Float32Array[] =>
    Array.from({ length: rule.blocks }, (_, block) => state.subarray(block * length, (block + 1) * length));
  return {
    isStateless: rule.blocks === 0,
    init(length) {
      const state = new Float32Array(rule.blocks * length);
      blocksOf(state, length).forEach((values, block) => {
        values.fill(rule.initial(block));
      });
      return state;
    },
    apply(state, model, mean) {
      const length = model.length;
      if (mean.length !== length || state.length !== rule.blocks * length)
        throw new RangeError(`${length} parameters, mean of ${mean.length}, state of ${state.length}`);
      const next: Step = { state: new Float32Array(state.length), model: new Float32Array(length) };
      const [before, after] = [blocksOf(state, length), blocksOf(next.state, length)];
      for (let start = 0; start < length; start += PART) {
        const end = Math.min(start + PART, length);
        const part = (values: Float32Array) => values.subarray(start, end);
        const [made, remembered] = [part(next.model), after.map(part)];
        rule.step(part(model), mean.subarray(start, end), before.map(part), made, remembered);
        requireFinite('parameter', made);
        for (const block of remembered) requireFinite('number in the state of the strategy', block);
      }
      return next;
    },
    encode: (state) => state.slice(),
    decode(bytes, length) {
      const expected = 4 * rule.blocks * length;
      if (bytes.length !== expected)
        throw new HanseError('invalidLength', { what: 'state of the strategy', expected, got: bytes.length });
      return floatsOf(bytes).slice() as StrategyState;
    },
  };
}

function requireFinite(what: string, values: Float32Array): void {
  // 0 * x is NaN for infinities and NaN, and NaN survives every sum. Four sums, as each waits for its last addition.
  const whole = values.length & ~3;
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    s0 += 0 * (values[i] as number);
    s1 += 0 * (values[i + 1] as number);
    s2 += 0 * (values[i + 2] as number);
    s3 += 0 * (values[i + 3] as number);
  }
  for (let i = whole; i < values.length; i += 1) s0 += 0 * (values[i] as number);
  if (s0 + s1 + s2 + s3 !== 0)
    throw new HanseError('aggregateInvalid', { reason: `a ${what} is not a finite number` });
}
