/**
 * A round again, slow and obvious: coordinates read bit by bit as BigInt, added modulo 2^b, and the strategy one
 * parameter at a time.
 */
import { payloadOf } from '../../protocol/vector.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { Strategy } from '../../schemas/strategy.ts';
import { trajectory } from '../protocol/strategy/twins.ts';

interface OpenedTwin {
  readonly mean: number[];
  readonly weight: number;
}

/** @param files updates of one round, as they were sent */
export function meanTwin(files: readonly Uint8Array[], codec: Codec, length: number): OpenedTwin {
  const ring = 1n << BigInt(codec.width);
  const sums: bigint[] = new Array<bigint>(length).fill(0n);
  let weight = 0;
  for (const file of files) {
    const payload = payloadOf(file);
    let bits = 0n;
    for (const byte of [...payload].reverse()) bits = (bits << 8n) | BigInt(byte);
    for (let i = 0; i < length; i += 1) {
      const coordinate = (bits >> BigInt(i * codec.width)) % ring;
      sums[i] = ((sums[i] as bigint) + coordinate) % ring;
    }
    weight += Number(bits >> BigInt(8 * (payload.length - 4)));
  }
  const factor = (codec.grid * codec.weightMax) / weight;
  const mean = sums.map((sum) => Number(sum >= ring / 2n ? sum - ring : sum) * factor);
  return { mean, weight };
}

/** The model after these rounds. */
export function modelTwin(
  initial: readonly number[],
  rounds: readonly (readonly Uint8Array[])[],
  codec: Codec,
  strategy: Strategy,
): number[] {
  const means = rounds.map((files) => meanTwin(files, codec, initial.length).mean);
  return initial.map((start, i) => {
    const series = means.map((mean) => mean[i] as number);
    return trajectory(strategy, start, series).at(-1) ?? start;
  });
}
