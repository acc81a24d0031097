/**
 * One SGD step of a network with one hidden layer, the slow and obvious way: float64, one example after the other, one
 * loop for each sum sign. What compiled graphs compute must agree with it.
 *
 *   h = relu(x W0 + b0),  z = h W1 + b1,  loss = sum_i w_i (log sum_k exp z_ik - z_i,y_i) / sum_i w_i
 */

export interface Mlp {
  /** [inputs][hidden] */
  readonly w0: number[][];
  readonly b0: number[];
  /** [hidden][classes] */
  readonly w1: number[][];
  readonly b1: number[];
}

export interface TwinExample {
  readonly x: number[];
  readonly label: number;
  readonly weight: number;
}

/** Gradients of the loss, in the form of the network, and the loss. */
export function gradientOf(mlp: Mlp, batch: readonly TwinExample[]): { gradient: Mlp; loss: number } {
  const gradient = mapMlp(mlp, () => 0);
  const totalWeight = batch.reduce((sum, { weight }) => sum + weight, 0);
  let loss = 0;
  for (const { x, label, weight } of batch) {
    const share = weight / totalWeight;
    const before = mlp.b0.map((b, j) => b + dot(x, column(mlp.w0, j)));
    const h = before.map((value) => Math.max(value, 0));
    const z = mlp.b1.map((b, k) => b + dot(h, column(mlp.w1, k)));
    const exponentials = z.map(Math.exp);
    const sum = exponentials.reduce((a, b) => a + b);
    loss += share * (Math.log(sum) - at(z, label));

    const dz = exponentials.map((e, k) => share * (e / sum - (k === label ? 1 : 0)));
    const dh = h.map((_, j) => (at(before, j) > 0 ? dot(dz, at(mlp.w1, j)) : 0));
    for (const [k, d] of dz.entries()) {
      gradient.b1[k] = at(gradient.b1, k) + d;
      for (const [j, value] of h.entries()) {
        const row = at(gradient.w1, j);
        row[k] = at(row, k) + value * d;
      }
    }
    for (const [j, d] of dh.entries()) {
      gradient.b0[j] = at(gradient.b0, j) + d;
      for (const [i, value] of x.entries()) {
        const row = at(gradient.w0, i);
        row[j] = at(row, j) + value * d;
      }
    }
  }
  return { gradient, loss };
}

/** theta - rate * gradient. */
export function sgdStep(mlp: Mlp, batch: readonly TwinExample[], rate: number): { mlp: Mlp; loss: number } {
  const { gradient, loss } = gradientOf(mlp, batch);
  const steps = flattenMlp(gradient);
  let next = 0;
  const stepped = mapMlp(mlp, (value) => {
    const moved = value - rate * at(steps, next);
    next += 1;
    return moved;
  });
  return { mlp: stepped, loss };
}

/** w0, b0, w1, b1, row-major: the flat vector of parameters. */
export function flattenMlp({ w0, b0, w1, b1 }: Mlp): number[] {
  return [...w0.flat(), ...b0, ...w1.flat(), ...b1];
}

/** The inverse of `flattenMlp`. */
export function unflattenMlp(
  flat: ArrayLike<number>,
  [inputs, hidden, classes]: readonly [number, number, number],
): Mlp {
  const values = Array.from(flat);
  const take = (count: number) => values.splice(0, count);
  const matrix = (rows: number, columns: number) => Array.from({ length: rows }, () => take(columns));
  return { w0: matrix(inputs, hidden), b0: take(hidden), w1: matrix(hidden, classes), b1: take(classes) };
}

/** Calls in the order of `flattenMlp`. */
function mapMlp({ w0, b0, w1, b1 }: Mlp, f: (value: number) => number): Mlp {
  const all = (rows: number[][]) => rows.map((row) => row.map((value) => f(value)));
  const values = (row: number[]) => row.map((value) => f(value));
  return { w0: all(w0), b0: values(b0), w1: all(w1), b1: values(b1) };
}

function column(rows: number[][], index: number): number[] {
  return rows.map((row) => at(row, index));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * at(b, i), 0);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no element ${index}`);
  return item;
}
