/**
 * An unmasked update read again, slow and obvious: bit by bit, from the whole payload. SPEC.md 5.3, 5.4.
 */
import type { Codec } from '../../../schemas/codec.ts';

interface UpdateTwin {
  /** [d] two's complement, opened to signed numbers. */
  readonly coordinates: number[];
  /** Sum of the squares, added in the order of the coordinates. */
  readonly squaredNorm: number;
  readonly weight: number;
  readonly counters: number[];
}

/** @param length d */
export function readTwin(payload: Uint8Array, { width, counters }: Codec, length: number): UpdateTwin {
  const bitAt = (k: number) => ((payload[k >> 3] ?? 0) >> (k & 7)) & 1;
  const numberAt = (start: number, bits: number) => {
    let value = 0;
    for (let k = 0; k < bits; k += 1) value += bitAt(start + k) * 2 ** k;
    return value;
  };
  const coordinates = Array.from({ length }, (_, i) => {
    const value = numberAt(i * width, width);
    return value >= 2 ** (width - 1) ? value - 2 ** width : value;
  });
  const secondBlock = 32 * Math.ceil((length * width) / 32);
  const [weight = 0, ...rest] = Array.from({ length: 1 + counters }, (_, i) =>
    numberAt(secondBlock + 32 * i, 32),
  );
  const squaredNorm = coordinates.reduce((sum, value) => sum + value * value, 0);
  return { coordinates, squaredNorm, weight, counters: rest };
}
