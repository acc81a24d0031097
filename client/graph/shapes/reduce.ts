/**
 * Shapes of reductions.
 */
import { intAttribute } from '../attribute.ts';
import { type DType, normalizeAxes, reducedShape, type Shape, type TensorType } from '../tensor-type.ts';
import {
  atMostInputs,
  expectOneOf,
  integersInput,
  requiredInput,
  type ShapeQuery,
  type ShapeRule,
} from './shape-rule.ts';

const FLOAT = ['float32'] as const;
const NUMERIC = ['float32', 'int32', 'int64'] as const;

interface Reduction {
  readonly dtypes: readonly DType[];
  /** Whether the operator leaves a single element as it is, which is what it means to reduce no axis. */
  readonly keepsOne: boolean;
  /** Whether there is a result for no elements at all. */
  readonly takesNone: boolean;
}

function reduction({ dtypes, keepsOne, takesNone }: Reduction): ShapeRule {
  return (query) => {
    atMostInputs(query, 2);
    const { dtype, shape } = expectOneOf(query, requiredInput(query, 0), dtypes);
    const keepDims = intAttribute(query.attributes, 'keepdims', 1) !== 0;
    const asked = integersInput(query, 1) ?? [];
    if (asked.length === 0 && intAttribute(query.attributes, 'noop_with_empty_axes', 0) !== 0)
      return keepsOne ? { dtype, shape } : query.fail('noop_with_empty_axes without axes');
    const axes = reducedAxes(query, shape, asked.length > 0 ? asked : [...shape.keys()], takesNone);
    return { dtype, shape: reducedShape(shape, axes, keepDims) };
  };
}

/** The place of an element along one axis. */
function place(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const { shape } = expectOneOf(query, requiredInput(query, 0), NUMERIC);
  const axes = reducedAxes(query, shape, [intAttribute(query.attributes, 'axis', 0)], false);
  const keepDims = intAttribute(query.attributes, 'keepdims', 1) !== 0;
  return { dtype: 'int64', shape: reducedShape(shape, axes, keepDims) };
}

function reducedAxes(
  query: ShapeQuery,
  shape: Shape,
  asked: readonly number[],
  takesNone: boolean,
): readonly number[] {
  const axes = normalizeAxes(asked, shape.length) ?? query.fail(`axes ${asked} of shape [${shape}]`);
  if (!takesNone && axes.some((axis) => shape[axis] === 0)) query.fail(`no elements in shape [${shape}]`);
  return axes;
}

export const REDUCE_SHAPES = {
  ArgMax: place,
  ArgMin: place,
  ReduceL2: reduction({ dtypes: FLOAT, keepsOne: false, takesNone: true }),
  ReduceLogSumExp: reduction({ dtypes: FLOAT, keepsOne: true, takesNone: false }),
  ReduceMax: reduction({ dtypes: NUMERIC, keepsOne: true, takesNone: false }),
  ReduceMean: reduction({ dtypes: FLOAT, keepsOne: true, takesNone: false }),
  ReduceMin: reduction({ dtypes: NUMERIC, keepsOne: true, takesNone: false }),
  ReduceProd: reduction({ dtypes: NUMERIC, keepsOne: true, takesNone: true }),
  ReduceSum: reduction({ dtypes: NUMERIC, keepsOne: true, takesNone: true }),
} satisfies Record<string, ShapeRule>;
