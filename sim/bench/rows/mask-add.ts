/**
 * Adding one mask to a million coordinates, key stream and addition together.
 *
 * Baseline: that key stream alone, of AES-256 in counter mode, as OpenSSL gives it in one piece.
 */
import { createCipheriv } from 'node:crypto';
import { primitives } from '#primitives';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { addMasks } from '../../../protocol/secagg/mask.ts';
import { cpuMsInTurns } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

const LENGTH = 1_000_000;
const WIDTH = 24;
const RUNS = 11;
/** In one repetition: processor time is told in steps of milliseconds. */
const MASKS = 20;

export const maskAdd1M: RowDefinition = {
  name: 'secagg/mask-add/1M',
  unit: 'ms',
  what: 'processor time of adding a mask to 10^6 coordinates of 24 bits; baseline: its key stream alone, in one piece',
  asked: [{ of: 'ratio', atMost: 1.6 }],
  measure: async () => {
    const layout = layoutOf({ width: WIDTH, counters: 0 }, LENGTH);
    const integers = { coordinates: new Int32Array(LENGTH), secondBlock: new Uint32Array(1) };
    const seed = new Uint8Array(32).fill(1);
    const zeros = new Uint8Array(4 * (LENGTH + 1));
    const maker = { primitives, keyStream: 'aes-256-ctr', layout } as const;
    return cpuMsInTurns(
      async () => {
        for (let i = 0; i < MASKS; i += 1) await addMasks(integers, [{ seed, sign: 1 }], maker);
        return { units: MASKS };
      },
      async () => {
        for (let i = 0; i < MASKS; i += 1)
          createCipheriv('aes-256-ctr', seed, new Uint8Array(16)).update(zeros);
        return { units: MASKS };
      },
      RUNS,
    );
  },
};
