/**
 * Softmax regression in typed arrays: what participants of a large cohort train in a few microseconds each. Simulations of a
 * thousand of them, many times over, use it; the train step of a job is compiled from its graph instead.
 *
 *   p = softmax(x W),   gradient of W = x^T (p - y) / n,   W [inputs, 10]
 */
import type { UnitImages } from './unit-images.ts';

export const CLASSES = 10;

export interface LocalSteps {
  /** Steps over all examples of the participant. */
  readonly steps: number;
  readonly learningRate: number;
}

/**
 * What a participant's training moves the model by.
 * @param model [inputs * 10], not modified
 * @param rows  of the participant
 * @param delta [inputs * 10] is overwritten
 */
export function trainLocally(
  model: Float64Array,
  { inputs, features, labels }: UnitImages,
  rows: Uint32Array,
  { steps, learningRate }: LocalSteps,
  delta: Float32Array,
): void {
  // Rows span all that training can reach: delta = sum_i x_i c_i, so that steps need only their inner products.
  const n = rows.length;
  const logits = new Float64Array(n * CLASSES);
  const products = new Float64Array(n * n);
  const coefficients = new Float64Array(n * CLASSES);
  const errors = new Float64Array(n * CLASSES);
  for (let i = 0; i < n; i += 1) {
    const own = features.subarray((rows[i] as number) * inputs, ((rows[i] as number) + 1) * inputs);
    addLogits(model, own, logits.subarray(i * CLASSES, (i + 1) * CLASSES));
    for (let j = 0; j <= i; j += 1) {
      const other = features.subarray((rows[j] as number) * inputs, ((rows[j] as number) + 1) * inputs);
      let product = 0;
      for (let k = 0; k < inputs; k += 1) product += (own[k] as number) * (other[k] as number);
      products[i * n + j] = product;
      products[j * n + i] = product;
    }
  }
  for (let step = 0; step < steps; step += 1) {
    for (let i = 0; i < n; i += 1) {
      const error = errors.subarray(i * CLASSES, (i + 1) * CLASSES);
      softmax(logits.subarray(i * CLASSES, (i + 1) * CLASSES), error);
      const label = labels[rows[i] as number] as number;
      error[label] = (error[label] as number) - 1;
    }
    const scale = -learningRate / n;
    for (let i = 0; i < n * CLASSES; i += 1)
      coefficients[i] = (coefficients[i] as number) + scale * (errors[i] as number);
    if (step + 1 === steps) break;
    for (let i = 0; i < n; i += 1)
      for (let j = 0; j < n; j += 1) {
        const product = scale * (products[i * n + j] as number);
        for (let c = 0; c < CLASSES; c += 1)
          logits[i * CLASSES + c] =
            (logits[i * CLASSES + c] as number) + product * (errors[j * CLASSES + c] as number);
      }
  }
  delta.fill(0);
  for (let i = 0; i < n; i += 1) {
    const start = (rows[i] as number) * inputs;
    for (let k = 0; k < inputs; k += 1) {
      const x = features[start + k] as number;
      if (x === 0) continue;
      for (let c = 0; c < CLASSES; c += 1) {
        const at = k * CLASSES + c;
        delta[at] = (delta[at] as number) + x * (coefficients[i * CLASSES + c] as number);
      }
    }
  }
}

/** Share of right answers in [0, 1]. */
export function accuracyOf(model: Float64Array, { count, inputs, features, labels }: UnitImages): number {
  let right = 0;
  const logits = new Float64Array(CLASSES);
  for (let i = 0; i < count; i += 1) {
    logits.fill(0);
    addLogits(model, features.subarray(i * inputs, (i + 1) * inputs), logits);
    let best = 0;
    for (let c = 1; c < CLASSES; c += 1) if ((logits[c] as number) > (logits[best] as number)) best = c;
    if (best === labels[i]) right += 1;
  }
  return right / count;
}

function addLogits(model: Float64Array, row: Float32Array, logits: Float64Array): void {
  for (let k = 0; k < row.length; k += 1) {
    const x = row[k] as number;
    if (x === 0) continue;
    for (let c = 0; c < CLASSES; c += 1)
      logits[c] = (logits[c] as number) + x * (model[k * CLASSES + c] as number);
  }
}

function softmax(logits: Float64Array, shares: Float64Array): void {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (let c = 0; c < CLASSES; c += 1) {
    const share = Math.exp((logits[c] as number) - largest);
    shares[c] = share;
    sum += share;
  }
  for (let c = 0; c < CLASSES; c += 1) shares[c] = (shares[c] as number) / sum;
}
