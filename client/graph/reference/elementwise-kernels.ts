/**
 * Kernels of operators that work on each element by itself.
 */
import { intAttribute } from '../attribute.ts';
import { erf } from './erf.ts';
import { elementwise, type Kernel, present } from './kernel.ts';
import { mapElements } from './nd-array.ts';

/** Halves go to the even neighbour; what becomes 0 keeps its sign. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const above = x - down;
  const isDown = above === 0.5 ? down % 2 === 0 : above < 0.5;
  return (isDown ? down : down + 1) || 0 * Math.sign(x);
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

const isInfinite: Kernel = ([array], attributes) => {
  const positive = intAttribute(attributes, 'detect_positive', 1) !== 0;
  const negative = intAttribute(attributes, 'detect_negative', 1) !== 0;
  return mapElements([present(array)], (x = 0) =>
    Number((positive && x === Number.POSITIVE_INFINITY) || (negative && x === Number.NEGATIVE_INFINITY)),
  );
};

const cast: Kernel = ([array], _attributes, _shape, dtype) =>
  mapElements([present(array)], (x = 0) => {
    if (dtype === 'bool') return Number(x !== 0);
    return dtype === 'float32' ? x : Math.trunc(x);
  });

export const ELEMENTWISE_KERNELS = {
  Abs: elementwise((x = 0) => Math.abs(x)),
  Acos: elementwise((x = 0) => Math.acos(x)),
  Acosh: elementwise((x = 0) => Math.acosh(x)),
  Add: elementwise((a = 0, b = 0) => a + b),
  And: elementwise((a, b) => Number(a && b)),
  Asin: elementwise((x = 0) => Math.asin(x)),
  Asinh: elementwise((x = 0) => Math.asinh(x)),
  Atan: elementwise((x = 0) => Math.atan(x)),
  Atanh: elementwise((x = 0) => Math.atanh(x)),
  Cast: cast,
  Ceil: elementwise((x = 0) => Math.ceil(x)),
  Clip: clip,
  Cos: elementwise((x = 0) => Math.cos(x)),
  Cosh: elementwise((x = 0) => Math.cosh(x)),
  Div: div,
  Equal: elementwise((a, b) => Number(a === b)),
  Erf: elementwise((x = 0) => erf(x)),
  Exp: elementwise((x = 0) => Math.exp(x)),
  Floor: elementwise((x = 0) => Math.floor(x)),
  Greater: elementwise((a = 0, b = 0) => Number(a > b)),
  GreaterOrEqual: elementwise((a = 0, b = 0) => Number(a >= b)),
  Identity: elementwise((x = 0) => x),
  IsInf: isInfinite,
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
  Sinh: elementwise((x = 0) => Math.sinh(x)),
  Sqrt: elementwise((x = 0) => Math.sqrt(x)),
  Sub: elementwise((a = 0, b = 0) => a - b),
  Tan: elementwise((x = 0) => Math.tan(x)),
  Where: elementwise((condition, a = 0, b = 0) => (condition ? a : b)),
  Xor: elementwise((a, b) => Number(a !== b)),
} satisfies Record<string, Kernel>;
