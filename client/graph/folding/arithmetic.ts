/**
 * Exact arithmetic, element by element: float32 rounded once per operation (IEEE 754-2019, section 4.3; computing in
 * float64 and rounding afterwards gives the same for + - * / and the square root, Figueroa 1995), int32 and int64
 * modulo 2^32 and 2^64, comparisons and logic.
 */
import { intAttribute } from '../attribute.ts';
import { element, generate } from '../reference/nd-array.ts';
import { type Constant, type DType, elementCount, type Shape, sameShape } from '../tensor-type.ts';
import { blank, elementCopier, type FoldingQuery, type FoldingRule, known } from './folding-rule.ts';

/** Where each element of a result comes from in an operand that is broadcast to it. */
type Places = (at: number) => number;

function placesOf({ shape, data }: Constant, target: Shape): Places {
  if (sameShape(shape, target)) return (at) => at;
  if (data.length === 1) return () => 0;
  const iota = { shape, data: Float64Array.from({ length: data.length }, (_, index) => index) };
  const places = generate(target, (index) => element(iota, index)).data;
  return (at) => places[at] ?? 0;
}

interface Operation {
  readonly float?: (...operands: number[]) => number;
  readonly integer?: (...operands: bigint[]) => bigint;
}

function arithmetic({ float, integer }: Operation): FoldingRule {
  return (query) => {
    const [type] = query.outputs;
    if (!type) return undefined;
    const result = blank(type);
    if (result.data instanceof Float32Array) return float && computed(query, result, result.data, float);
    return integer && wrapped(query, result, integer);
  };
}

/** Not folded where something becomes no number: which NaN that is depends on the machine. */
function computed(
  query: FoldingQuery,
  result: Constant,
  data: Float32Array,
  f: (...operands: number[]) => number,
): Constant[] | undefined {
  const operands = operandsOf(query, result.shape, Number);
  for (let at = 0; at < data.length; at += 1) {
    const value = f(...operands(at));
    if (Number.isNaN(value)) return undefined;
    data[at] = value;
  }
  return [result];
}

function wrapped(query: FoldingQuery, result: Constant, f: (...operands: bigint[]) => bigint): Constant[] {
  const operands = operandsOf(query, result.shape, BigInt);
  const { data } = result;
  for (let at = 0; at < data.length; at += 1) {
    const value = f(...operands(at));
    if (data instanceof BigInt64Array) data[at] = value;
    else data[at] = Number(BigInt.asIntN(32, value));
  }
  return [result];
}

/** The operands of one element of the result; those left out are skipped. */
function operandsOf<T>(
  { inputs }: FoldingQuery,
  shape: Shape,
  convert: (element: number | bigint) => T,
): (at: number) => T[] {
  const given = inputs
    .filter((input) => input !== undefined)
    .map((input) => ({ data: input.data, places: placesOf(input, shape) }));
  return (at) => given.map(({ data, places }) => convert(data[places(at)] ?? 0));
}

/** A truth value of each pair or of each single element. */
function truth(holds: (...operands: (number | bigint)[]) => boolean): FoldingRule {
  return (query) => {
    const shape = query.outputs[0]?.shape ?? [];
    const operands = operandsOf(query, shape, (value) => value);
    const data = Uint8Array.from({ length: elementCount(shape) }, (_, at) => Number(holds(...operands(at))));
    return [{ dtype: 'bool', shape, data }];
  };
}

/** Which of two zeros a maximum is, differs between machines; that of anything else does not. */
function extreme(pick: (...values: number[]) => number): (...values: number[]) => number {
  return (...values) => {
    const best = pick(...values);
    const isTornZero = best === 0 && values.some((value) => value === 0 && !Object.is(value, best));
    return isTornZero ? Number.NaN : best;
  };
}

function bigExtreme(isBetter: (a: bigint, b: bigint) => boolean): (...values: bigint[]) => bigint {
  return (...values) => values.reduce((best, value) => (isBetter(value, best) ? value : best));
}

/** Halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const isUp = x - down > 0.5 || (x - down === 0.5 && down % 2 !== 0);
  const rounded = isUp ? down + 1 : down;
  // What rounds to zero keeps its sign.
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

const mod: FoldingRule = (query) => {
  const isTruncated = intAttribute(query.attributes, 'fmod', 0) !== 0;
  const integer = (a = 0n, b = 1n) => {
    const rest = a % b;
    return isTruncated || rest === 0n || rest < 0n === b < 0n ? rest : rest + b;
  };
  return arithmetic({ integer })(query);
};

const cast: FoldingRule = (query) => {
  const [type] = query.outputs;
  const source = known(query, 0);
  if (!type || source.dtype === type.dtype) return [source];
  const result = blank(type);
  for (let at = 0; at < source.data.length; at += 1) {
    const converted = convert(source.data[at] ?? 0, type.dtype);
    if (converted === undefined) return undefined;
    if (result.data instanceof BigInt64Array) result.data[at] = BigInt(converted);
    else result.data[at] = Number(converted);
  }
  return [result];
};

/** undefined where the result is not defined, or would be rounded twice. */
function convert(value: number | bigint, to: DType): number | bigint | undefined {
  if (to === 'bool') return Number(Number(value) !== 0);
  if (to === 'float32') return Math.abs(Number(value)) <= 2 ** 53 ? Number(value) : undefined;
  const whole = typeof value === 'bigint' ? value : Math.trunc(value);
  const limit = to === 'int32' ? 2 ** 31 : 2 ** 63;
  return whole >= -limit && whole < limit ? whole : undefined;
}

const where: FoldingRule = (query) => {
  const [type] = query.outputs;
  if (!type) return undefined;
  const [condition, yes, no] = [known(query, 0), known(query, 1), known(query, 2)];
  const result = blank(type);
  const copy = elementCopier(result);
  const [asked, ifYes, ifNo] = [condition, yes, no].map((operand) => placesOf(operand, type.shape));
  for (let at = 0; at < result.data.length; at += 1) {
    const holds = condition.data[asked?.(at) ?? 0];
    copy(holds ? yes : no, (holds ? ifYes : ifNo)?.(at) ?? 0, at);
  }
  return [result];
};

export const ARITHMETIC_FOLDINGS = {
  Abs: arithmetic({ float: Math.abs, integer: (a = 0n) => (a < 0n ? -a : a) }),
  Add: arithmetic({ float: (a = 0, b = 0) => a + b, integer: (a = 0n, b = 0n) => a + b }),
  And: truth((a, b) => Boolean(a && b)),
  Cast: cast,
  Ceil: arithmetic({ float: Math.ceil }),
  Div: arithmetic({ float: (a = 0, b = 0) => a / b, integer: (a = 0n, b = 1n) => a / b }),
  Equal: truth((a, b) => a === b),
  Floor: arithmetic({ float: Math.floor }),
  Greater: truth((a = 0, b = 0) => a > b),
  GreaterOrEqual: truth((a = 0, b = 0) => a >= b),
  IsNaN: truth((a) => Number.isNaN(a)),
  Less: truth((a = 0, b = 0) => a < b),
  LessOrEqual: truth((a = 0, b = 0) => a <= b),
  Max: arithmetic({ float: extreme(Math.max), integer: bigExtreme((a, b) => a > b) }),
  Min: arithmetic({ float: extreme(Math.min), integer: bigExtreme((a, b) => a < b) }),
  Mod: mod,
  Mul: arithmetic({ float: (a = 0, b = 0) => a * b, integer: (a = 0n, b = 0n) => a * b }),
  Neg: arithmetic({ float: (a = 0) => -a, integer: (a = 0n) => -a }),
  Not: truth((a) => !a),
  Or: truth((a, b) => Boolean(a || b)),
  Reciprocal: arithmetic({ float: (a = 0) => 1 / a }),
  Round: arithmetic({ float: (a = 0) => roundHalfEven(a) }),
  Sign: arithmetic({
    float: (a = 0) => (Object.is(a, -0) ? Number.NaN : Math.sign(a)),
    integer: (a = 0n) => (a > 0n ? 1n : a < 0n ? -1n : 0n),
  }),
  Sqrt: arithmetic({ float: Math.sqrt }),
  Sub: arithmetic({ float: (a = 0, b = 0) => a - b, integer: (a = 0n, b = 0n) => a - b }),
  Where: where,
  Xor: truth((a, b) => Boolean(a) !== Boolean(b)),
} satisfies Record<string, FoldingRule>;
