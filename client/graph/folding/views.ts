/**
 * Operators that only arrange elements, of any type: the reference kernel arranges the numbers of the elements, which
 * says for each element of the result where it comes from.
 */
import { stringAttribute } from '../attribute.ts';
import type { Kernel } from '../reference/kernel.ts';
import { KERNELS } from '../reference/kernels.ts';
import type { NdArray } from '../reference/nd-array.ts';
import type { Constant } from '../tensor-type.ts';
import { blank, elementCopier, type FoldingQuery, type FoldingRule, known } from './folding-rule.ts';

/** The same elements in their order. */
const reshaped: FoldingRule = (query) => {
  const [type] = query.outputs;
  return type && [{ ...known(query, 0), shape: type.shape }];
};

/** An input whose elements have the numbers from `first` on. */
interface Source {
  readonly constant: Constant;
  readonly first: number;
}

/**
 * @param arranged which inputs hold the elements; the others say where they go
 */
function arrangement(kernel: Kernel, arranged: (index: number) => boolean): FoldingRule {
  return (query) => {
    const sources: Source[] = [];
    let numbered = 0;
    const arrays = query.inputs.map((constant, index): NdArray | undefined => {
      if (!constant) return undefined;
      const { shape, data } = constant;
      if (!arranged(index)) return { shape, data: Float64Array.from(data, Number) };
      const first = numbered;
      numbered += data.length;
      sources.push({ constant, first });
      return { shape, data: Float64Array.from({ length: data.length }, (_, at) => first + at) };
    });
    const owners = new Uint16Array(numbered);
    sources.forEach(({ constant, first }, owner) => {
      owners.fill(owner, first, first + constant.data.length);
    });
    const [type] = query.outputs;
    if (!type) return undefined;
    const result = kernel(arrays, query.attributes, type.shape, type.dtype);
    const places = 'data' in result ? [result] : result;
    return query.outputs.map((output, index) => {
      const constant = blank(output);
      const copy = elementCopier(constant);
      places[index]?.data.forEach((place, at) => {
        const source = sources[owners[place] ?? 0];
        if (source) copy(source.constant, place - source.first, at);
      });
      return constant;
    });
  };
}

const isFirst = (index: number) => index === 0;

/** What is put around is a zero unless it is given, and then known like the rest. */
const pad: FoldingRule = (query) => {
  const [data, pads, value, axes] = query.inputs;
  if (!data) return undefined;
  const around = value ?? blank({ dtype: data.dtype, shape: [] });
  const inputs = axes ? [data, pads, around, axes] : [data, pads, around];
  return arrangement(KERNELS.Pad, (index) => index === 0 || index === 2)({ ...query, inputs });
};

const scatter: FoldingRule = (query: FoldingQuery) =>
  stringAttribute(query.attributes, 'reduction', 'none') === 'none'
    ? arrangement(KERNELS.ScatterElements, (index) => index !== 1)(query)
    : undefined;

export const VIEW_FOLDINGS = {
  Concat: arrangement(KERNELS.Concat, () => true),
  Expand: arrangement(KERNELS.Expand, isFirst),
  Flatten: reshaped,
  Gather: arrangement(KERNELS.Gather, isFirst),
  GatherElements: arrangement(KERNELS.GatherElements, isFirst),
  Identity: reshaped,
  Pad: pad,
  Reshape: reshaped,
  ScatterElements: scatter,
  Slice: arrangement(KERNELS.Slice, isFirst),
  Split: arrangement(KERNELS.Split, isFirst),
  Squeeze: reshaped,
  Transpose: arrangement(KERNELS.Transpose, isFirst),
  Unsqueeze: reshaped,
} satisfies Record<string, FoldingRule>;
