/**
 * Activations that are written as others, with the defaults of their specifications:
 *
 *   PRelu            x where x >= 0, else s x, s being learnt              He et al., ICCV 2015
 *   Gelu             x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2          Hendrycks and Gimpel, arXiv 1606.08415
 *     or about       x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
 *   HardSwish        x max(0, min(1, x / 6 + 1 / 2))                       Howard et al., ICCV 2019
 *   Mish             x tanh(softplus x)                                    Misra, BMVC 2020
 *   Selu             gamma elu(x; alpha)                                   Klambauer et al., NeurIPS 2017
 *   Celu             alpha elu(x / alpha; 1)                               Barron, arXiv 1704.07483
 *   ThresholdedRelu  x where x > alpha, else 0
 *   Softsign         x / (1 + |x|)
 *   LogSoftmax       x - m - log sum exp(x - m), m the largest of x
 */
import { float, floatAttribute } from '../attribute.ts';
import type { GradientRule } from '../gradients/gradient-rule.ts';
import type { Value } from '../graph.ts';
import { broadcastShapes, sameShape } from '../tensor-type.ts';
import {
  atMostInputs,
  axisAttribute,
  floatInput,
  type LoweringQuery,
  type LoweringRule,
} from './lowering-rule.ts';

const ROOT_HALF = Math.SQRT1_2;
const ROOT_TWO_OVER_PI = 0.7978845608028654;
const GELU_CUBIC = 0.044715;
const HALF_LOG_PI = 0.5723649429247001;
/** Defaults of the specification, float32 numbers. */
const SELU_ALPHA = 1.6732631921768188;
const SELU_GAMMA = 1.0507010221481323;

/** The rule of an activation of one float input. */
function ofOne(build: (query: LoweringQuery, x: Value) => Value): LoweringRule {
  return (query) => {
    atMostInputs(query, 1);
    return build(query, floatInput(query, 0));
  };
}

function prelu(query: LoweringQuery): Value {
  atMostInputs(query, 2);
  const { g } = query;
  const x = floatInput(query, 0);
  const slope = floatInput(query, 1);
  if (!sameShape(broadcastShapes([x.shape, slope.shape]) ?? [], x.shape))
    query.fail(`slope [${slope.shape}] does not broadcast to [${x.shape}]`);
  return g.where(g.apply('Less', [x, g.scalar(0)]), g.mul(x, slope), x);
}

function gelu(query: LoweringQuery, x: Value): Value {
  const { g, attributes } = query;
  const kind = attributes.approximate;
  const approximate = kind === undefined ? 'none' : kind.kind === 'string' ? kind.value : '';
  if (approximate === 'none') {
    const error = g.apply('Erf', [g.mul(x, g.scalar(ROOT_HALF))]);
    const share = g.add(g.mul(error, g.scalar(0.5)), g.scalar(0.5));
    return query.closeGradient(g.mul(x, share), geluGradient);
  }
  if (approximate !== 'tanh')
    return query.fail(`approximate ${JSON.stringify(approximate)}; none and tanh are known`);
  // x (1 + c x^2) spares a multiplication on the way back.
  const bent = g.mul(x, g.add(g.mul(g.mul(x, x), g.scalar(GELU_CUBIC)), g.scalar(1)));
  const squashed = g.apply('Tanh', [g.mul(bent, g.scalar(ROOT_TWO_OVER_PI))]);
  const half = g.mul(x, g.scalar(0.5));
  return g.mul(half, g.add(squashed, g.scalar(1)));
}

/**
 * Of x Phi(x), of which Phi(x) is there: Phi(x) + x phi(x), with u = x / sqrt 2 and x phi(x) = u exp(-u^2 - log(pi) / 2).
 * Six operators where the rules of its parts make ten.
 */
const geluGradient: GradientRule = ({ g, upstream, input }) => [
  () => {
    const u = g.mul(input(0), g.scalar(ROOT_HALF));
    const bell = g.apply('Exp', [g.sub(g.scalar(-HALF_LOG_PI), g.mul(u, u))]);
    return g.mul(upstream, g.add(input(1), g.mul(u, bell)));
  },
];

function celu({ g, attributes, fail }: LoweringQuery, x: Value): Value {
  const alpha = floatAttribute(attributes, 'alpha', 1);
  if (!(alpha > 0)) return fail(`alpha ${alpha} is not positive`);
  if (alpha === 1) return g.apply('Elu', [x]);
  return g.mul(g.apply('Elu', [g.div(x, g.scalar(alpha))]), g.scalar(alpha));
}

function logSoftmax(query: LoweringQuery, x: Value): Value {
  const { g } = query;
  const axes = [axisAttribute(query, x, -1)];
  // The shift cancels, whatever it is.
  const shifted = g.sub(x, query.stopGradient(g.reduce('ReduceMax', x, axes, true)));
  const sum = g.reduce('ReduceSum', g.apply('Exp', [shifted]), axes, true);
  return g.sub(shifted, g.apply('Log', [sum]));
}

export const ACTIVATION_LOWERINGS = {
  Celu: ofOne(celu),
  Gelu: ofOne(gelu),
  HardSwish: ofOne(({ g }, x) =>
    g.mul(x, g.apply('HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) })),
  ),
  LogSoftmax: ofOne(logSoftmax),
  Mish: ofOne(({ g }, x) => g.mul(x, g.apply('Tanh', [g.apply('Softplus', [x])]))),
  PRelu: prelu,
  Selu: ofOne(({ g, attributes }, x) => {
    const alpha = float(floatAttribute(attributes, 'alpha', SELU_ALPHA));
    const gamma = floatAttribute(attributes, 'gamma', SELU_GAMMA);
    return g.mul(g.apply('Elu', [x], { alpha }), g.scalar(gamma));
  }),
  Softsign: ofOne(({ g }, x) => g.div(x, g.add(g.apply('Abs', [x]), g.scalar(1)))),
  ThresholdedRelu: ofOne(({ g, attributes }, x) => {
    const threshold = g.scalar(floatAttribute(attributes, 'alpha', 1));
    return g.where(g.apply('Greater', [x, threshold]), x, g.scalar(0));
  }),
} satisfies Record<string, LoweringRule>;
