/**
 * Kernels of operators that work on each element by itself.
 */
import { intAttribute } from '../attribute.ts';
import { erf } from './erf.ts';
import { elementwise, type Kernel, present } from './kernel.ts';
import { mapElements } from './nd-array.ts';

/** Halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const above = x - down;
  if (above !== 0.5) return above < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

const div: Kernel = (inputs, _attributes, _shape, dtype) =>
  mapElements(inputs.map(present), (a = 0, b = 0) => (dtype === 'float32' ? a / b : Math.trunc(a / b)));

/** The sign is that of the divisor, or with fmod that of the dividend. */
const mod: Kernel = (inputs, attributes) => {
  const isTruncated = intAttribute(attributes, 'fmod', 0) !== 0;
  return mapElements(inputs.map(present), (a = 0, b = 0) => {
    const rest = a % b;
    return isTruncated || rest === 0 || Math.sign(rest) === Math.sign(b) ? rest : rest + b;
  });
};

const clip: Kernel = ([array, low, high]) => {
  const lowest = low?.data[0] ?? Number.NEGATIVE_INFINITY;
  const highest = high?.data[0] ?? Number.POSITIVE_INFINITY;
  return mapElements([present(array)], (x = 0) => Math.min(Math.max(x, lowest), highest));
};

const cast: Kernel = ([array], _attributes, _shape, dtype) =>
  mapElements([present(array)], (x = 0) => {
    if (dtype === 'bool') return Number(x !== 0);
    return dtype === 'float32' ? x : Math.trunc(x);
  });

export const ELEMENTWISE_KERNELS = {
  Abs: elementwise((x = 0) => Math.abs(x)),
  Add: elementwise((a = 0, b = 0) => a + b),
  And: elementwise((a, b) => Number(a && b)),
  Cast: cast,
  Ceil: elementwise((x = 0) => Math.ceil(x)),
  Clip: clip,
  Cos: elementwise((x = 0) => Math.cos(x)),
  Div: div,
  Equal: elementwise((a, b) => Number(a === b)),
  Erf: elementwise((x = 0) => erf(x)),
  Exp: elementwise((x = 0) => Math.exp(x)),
  Floor: elementwise((x = 0) => Math.floor(x)),
  Greater: elementwise((a = 0, b = 0) => Number(a > b)),
  GreaterOrEqual: elementwise((a = 0, b = 0) => Number(a >= b)),
  Identity: elementwise((x = 0) => x),
  IsNaN: elementwise((x) => Number(Number.isNaN(x))),
  Less: elementwise((a = 0, b = 0) => Number(a < b)),
  LessOrEqual: elementwise((a = 0, b = 0) => Number(a <= b)),
  Log: elementwise((x = 0) => Math.log(x)),
  Max: elementwise((...values) => Math.max(...values)),
  Min: elementwise((...values) => Math.min(...values)),
  Mod: mod,
  Mul: elementwise((a = 0, b = 0) => a * b),
  Neg: elementwise((x = 0) => -x),
  Not: elementwise((a) => Number(!a)),
  Or: elementwise((a, b) => Number(a || b)),
  Pow: elementwise((a = 0, b = 0) => a ** b),
  Reciprocal: elementwise((x = 0) => 1 / x),
  Round: elementwise((x = 0) => roundHalfEven(x)),
  Sign: elementwise((x = 0) => Math.sign(x)),
  Sin: elementwise((x = 0) => Math.sin(x)),
  Sqrt: elementwise((x = 0) => Math.sqrt(x)),
  Sub: elementwise((a = 0, b = 0) => a - b),
  Where: elementwise((condition, a = 0, b = 0) => (condition ? a : b)),
  Xor: elementwise((a, b) => Number(a !== b)),
} satisfies Record<string, Kernel>;
