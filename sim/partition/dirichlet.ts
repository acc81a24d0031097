/**
 * Label skew of adjustable strength: for each label, the shares of the participants are drawn from Dir(alpha, ...,
 * alpha). A small alpha gives each label to few participants, a large one approaches the IID split.
 *
 * Hsu, Qi, Brown, "Measuring the effects of non-identical data distribution for federated visual classification",
 * 2019, for alpha as the measure of skew; the draw per label is that of Yurochkin et al., ICML 2019, which covers all
 * examples exactly once and is what most published results use.
 */
import type { RandomNumbers } from '../../protocol/random.ts';
import { requireEnough } from './cut.ts';

/**
 * A participant that the draw leaves without examples is given one from whoever then has most, so none is empty.
 *
 * @param labels one per example
 * @param alpha  concentration, > 0 and finite
 * @returns for each participant the ascending indices of its examples; sizes differ as the draw has it
 * Throws `usage` when there are fewer examples than participants.
 */
export function partitionDirichlet(
  labels: Int32Array,
  participants: number,
  numbers: RandomNumbers,
  alpha: number,
): Uint32Array[] {
  requireEnough(labels.length, participants, participants);
  const parts: number[][] = Array.from({ length: participants }, () => []);
  for (const examples of examplesByLabel(labels)) {
    numbers.shuffle(examples);
    const shares = drawDirichlet(alpha, participants, numbers);
    let cumulative = 0;
    let start = 0;
    for (const [participant, share] of shares.entries()) {
      cumulative += share;
      const last = participant === participants - 1;
      const end = last
        ? examples.length
        : Math.min(examples.length, Math.round(cumulative * examples.length));
      for (const example of examples.slice(start, end)) parts[participant]?.push(example);
      start = end;
    }
  }
  fillEmpty(parts);
  return parts.map((part) => Uint32Array.from(part).sort());
}

/**
 * One draw from the symmetric Dirichlet distribution: gamma variates divided by their sum. Logarithms are kept until
 * the end, because for small alpha all of the variates may be smaller than the smallest number.
 */
export function drawDirichlet(alpha: number, size: number, numbers: RandomNumbers): Float64Array {
  const logs = Float64Array.from({ length: size }, () => drawLogGamma(alpha, numbers));
  const largest = logs.reduce((a, b) => Math.max(a, b));
  const weights = logs.map((log) => Math.exp(log - largest));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/**
 * Natural logarithm of a Gamma(shape, 1) variate. Marsaglia, Tsang, "A simple method for generating gamma variables",
 * ACM TOMS 2000; for shape < 1 by their boost: Gamma(shape) = Gamma(shape + 1) U^(1/shape).
 */
export function drawLogGamma(shape: number, numbers: RandomNumbers): number {
  if (shape < 1) {
    return drawLogGamma(shape + 1, numbers) + Math.log(1 - numbers.unit()) / shape;
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = numbers.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const u = 1 - numbers.unit(); // in (0, 1], so that its logarithm is finite
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d) + Math.log(v);
  }
}

/** The indices of each label, labels ascending. */
function examplesByLabel(labels: Int32Array): number[][] {
  const byLabel = new Map<number, number[]>();
  for (const [index, label] of labels.entries()) {
    const examples = byLabel.get(label);
    if (examples === undefined) byLabel.set(label, [index]);
    else examples.push(index);
  }
  return [...byLabel].sort(([a], [b]) => a - b).map(([, examples]) => examples);
}

function fillEmpty(parts: number[][]): void {
  for (const part of parts) {
    if (part.length > 0) continue;
    const richest = parts.reduce((most, other) => (other.length > most.length ? other : most));
    const given = richest.pop();
    if (given !== undefined) part.push(given);
  }
}
