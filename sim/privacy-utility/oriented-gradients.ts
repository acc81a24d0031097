/**
 * Histograms of oriented gradients of digits: Dalal and Triggs, CVPR 2005. A fixed function of one image, known to
 * everybody, so it costs no privacy; a linear model over it has little to add noise to, and is better than deeper ones that
 * learn their features under noise: Tramer, Boneh, ICLR 2021.
 *
 * 28 x 28 pixels become 7 x 7 cells of 8 directions each; a pixel counts for the four cells and two directions that are
 * nearest, by its distance from them and the length of its gradient. Each cell is scaled to a norm below 1, and all of them
 * together to a norm of 4, so that a bias of 1 beside them is a part of seventeen.
 */

const SIDE = 28;
const CELLS = 7;
const DIRECTIONS = 8;
/** Of the whole. */
const NORM = 4;
/** Added to the squared norm of a cell: what is nearly blank is not blown up. */
const BLANK = 1;

/** Numbers of an image. */
export const ORIENTED_INPUTS = CELLS * CELLS * DIRECTIONS;

/** @param images [count, 28, 28] in [0, 1] @returns [count, 392] */
export function orientedGradients(images: Float32Array, count: number): Float32Array {
  const features = new Float32Array(count * ORIENTED_INPUTS);
  for (let i = 0; i < count; i += 1) {
    const cells = features.subarray(i * ORIENTED_INPUTS, (i + 1) * ORIENTED_INPUTS);
    collect(images.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE), cells);
    for (let at = 0; at < cells.length; at += DIRECTIONS) {
      const cell = cells.subarray(at, at + DIRECTIONS);
      scale(cell, 1 / Math.sqrt(BLANK + squaredNorm(cell)));
    }
    const squares = squaredNorm(cells);
    if (squares > 0) scale(cells, NORM / Math.sqrt(squares));
  }
  return features;
}

function collect(image: Float32Array, cells: Float32Array): void {
  const pixel = (row: number, column: number) =>
    row < 0 || column < 0 || row >= SIDE || column >= SIDE ? 0 : (image[row * SIDE + column] as number);
  for (let row = 0; row < SIDE; row += 1)
    for (let column = 0; column < SIDE; column += 1) {
      const across = pixel(row, column + 1) - pixel(row, column - 1);
      const down = pixel(row + 1, column) - pixel(row - 1, column);
      if (across === 0 && down === 0) continue;
      addToCells(cells, row, column, Math.hypot(across, down), Math.atan2(down, across) / (2 * Math.PI));
    }
}

/** @param turn direction in [-1/2, 1/2] */
function addToCells(cells: Float32Array, row: number, column: number, length: number, turn: number): void {
  const direction = (turn < 0 ? turn + 1 : turn) * DIRECTIONS;
  const first = Math.floor(direction);
  const past = direction - first;
  const [upper, lower] = nearestCells(row);
  const [left, right] = nearestCells(column);
  for (const [y, down] of [upper, lower])
    for (const [x, across] of [left, right]) {
      if (y < 0 || x < 0 || y >= CELLS || x >= CELLS) continue;
      const at = (y * CELLS + x) * DIRECTIONS;
      const share = length * down * across;
      const [near, next] = [at + (first % DIRECTIONS), at + ((first + 1) % DIRECTIONS)];
      cells[near] = (cells[near] as number) + share * (1 - past);
      cells[next] = (cells[next] as number) + share * past;
    }
}

/** The two cells beside a pixel, each with its share of it. */
function nearestCells(position: number): readonly [readonly [number, number], readonly [number, number]] {
  const centre = (position + 0.5) * (CELLS / SIDE) - 0.5;
  const before = Math.floor(centre);
  return [
    [before, before + 1 - centre],
    [before + 1, centre - before],
  ];
}

function squaredNorm(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i += 1) values[i] = (values[i] as number) * factor;
}
