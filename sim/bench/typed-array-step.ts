/**
 * One SGD step of a network with one hidden layer in plain JavaScript, as fast as loops over typed arrays make it: what
 * compiled graphs are measured against.
 *
 *   h = relu(x W0 + b0),  z = h W1 + b1,  loss = mean of -log softmax(z)[label];  theta -= rate * gradient
 *
 * An honest opponent: it skips inputs that are zero, four of five pixels of MNIST, in the forward pass and in the
 * gradient of W0; walks weights row by row; and adds the gradient of each example straight into the parameters, once
 * the errors of the whole batch are known, so that no gradient is ever stored. It trains nothing in the product.
 */

export interface MlpWidths {
  readonly inputs: number;
  readonly hidden: number;
  readonly classes: number;
}

export interface StepExamples {
  /** [count, inputs] */
  readonly features: Float32Array;
  /** [count], class labels. */
  readonly targets: Int32Array;
}

export class TypedArrayStep {
  readonly #widths: MlpWidths;
  /** [batch, hidden] activations. */
  readonly #h: Float32Array;
  /** [batch, hidden] errors before relu. */
  readonly #dh: Float32Array;
  /** [batch, classes] logits, then errors. */
  readonly #dz: Float32Array;

  /** @param batchSize the most examples of a step */
  constructor(widths: MlpWidths, batchSize: number) {
    this.#widths = widths;
    this.#h = new Float32Array(batchSize * widths.hidden);
    this.#dh = new Float32Array(batchSize * widths.hidden);
    this.#dz = new Float32Array(batchSize * widths.classes);
  }

  /**
   * @param parameters W0, b0, W1, b1 row-major in one vector; changed in place
   * @param from the batch is the examples from..from + count
   * @returns mean loss of the batch before the step
   */
  run(parameters: Float32Array, examples: StepExamples, from: number, count: number, rate: number): number {
    let loss = 0;
    for (let e = 0; e < count; e += 1) {
      this.#forward(parameters, examples.features, from + e, e);
      loss += this.#errors(parameters, examples.targets[from + e] as number, e);
    }
    for (let e = 0; e < count; e += 1)
      this.#descend(parameters, examples.features, from + e, e, rate / count);
    return loss / count;
  }

  #forward(parameters: Float32Array, features: Float32Array, example: number, e: number): void {
    const { inputs, hidden, classes } = this.#widths;
    const h = this.#h;
    const z = this.#dz;
    const first = e * hidden;
    const b0 = inputs * hidden;
    for (let j = 0; j < hidden; j += 1) h[first + j] = parameters[b0 + j] as number;
    for (let i = 0; i < inputs; i += 1) {
      const x = features[example * inputs + i] as number;
      if (x === 0) continue;
      const row = i * hidden;
      for (let j = 0; j < hidden; j += 1)
        h[first + j] = (h[first + j] as number) + x * (parameters[row + j] as number);
    }
    const w1 = b0 + hidden;
    const b1 = w1 + hidden * classes;
    for (let k = 0; k < classes; k += 1) z[e * classes + k] = parameters[b1 + k] as number;
    for (let j = 0; j < hidden; j += 1) {
      const activation = Math.max(h[first + j] as number, 0);
      h[first + j] = activation;
      if (activation === 0) continue;
      const row = w1 + j * classes;
      for (let k = 0; k < classes; k += 1)
        z[e * classes + k] = (z[e * classes + k] as number) + activation * (parameters[row + k] as number);
    }
  }

  /** From logits to the errors of both layers. Returns the loss of the example. */
  #errors(parameters: Float32Array, label: number, e: number): number {
    const { inputs, hidden, classes } = this.#widths;
    const dz = this.#dz;
    const first = e * classes;
    let largest = -Infinity;
    for (let k = 0; k < classes; k += 1) largest = Math.max(largest, dz[first + k] as number);
    const logit = (dz[first + label] as number) - largest;
    let sum = 0;
    for (let k = 0; k < classes; k += 1) {
      const exponential = Math.exp((dz[first + k] as number) - largest);
      dz[first + k] = exponential;
      sum += exponential;
    }
    for (let k = 0; k < classes; k += 1)
      dz[first + k] = (dz[first + k] as number) / sum - (k === label ? 1 : 0);
    const w1 = inputs * hidden + hidden;
    for (let j = 0; j < hidden; j += 1) {
      let error = 0;
      if ((this.#h[e * hidden + j] as number) > 0) {
        const row = w1 + j * classes;
        for (let k = 0; k < classes; k += 1)
          error += (parameters[row + k] as number) * (dz[first + k] as number);
      }
      this.#dh[e * hidden + j] = error;
    }
    return Math.log(sum) - logit;
  }

  /** theta -= rate * gradient of one example. */
  #descend(parameters: Float32Array, features: Float32Array, example: number, e: number, rate: number): void {
    const { inputs, hidden, classes } = this.#widths;
    const dh = this.#dh;
    const dz = this.#dz;
    const first = e * hidden;
    for (let i = 0; i < inputs; i += 1) {
      const step = rate * (features[example * inputs + i] as number);
      if (step === 0) continue;
      const row = i * hidden;
      for (let j = 0; j < hidden; j += 1)
        parameters[row + j] = (parameters[row + j] as number) - step * (dh[first + j] as number);
    }
    const b0 = inputs * hidden;
    for (let j = 0; j < hidden; j += 1)
      parameters[b0 + j] = (parameters[b0 + j] as number) - rate * (dh[first + j] as number);
    const w1 = b0 + hidden;
    for (let j = 0; j < hidden; j += 1) {
      const step = rate * (this.#h[first + j] as number);
      if (step === 0) continue;
      const row = w1 + j * classes;
      for (let k = 0; k < classes; k += 1)
        parameters[row + k] = (parameters[row + k] as number) - step * (dz[e * classes + k] as number);
    }
    const b1 = w1 + hidden * classes;
    for (let k = 0; k < classes; k += 1)
      parameters[b1 + k] = (parameters[b1 + k] as number) - rate * (dz[e * classes + k] as number);
  }
}
