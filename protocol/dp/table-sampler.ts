/**
 * Integer noise by inversion of a table, a word of randomness a draw.
 *
 * The lowest bit of a word is the sign, the other 31 lead a number U of 127 bits. A guide names where in the table to begin,
 * the thresholds are passed that are below, and only where all 31 bits are those of a threshold, once in 2^31 for each
 * entry, the other 96 bits of U are drawn. Zero has one entry and either sign: nothing is drawn twice.
 *
 * What leaks: which entries are read, and how many are passed, depends on the noise, so that somebody who measures the
 * caches of this processor, or times a single draw, learns something of it. Noise is drawn on the owner's own machine, in
 * blocks of thousands of draws, and nobody outside sees more than when the whole of an update is sent. Who shares the
 * processor with an adversary has no protection here, nor from the training beside it. Words are wiped after use.
 */
import type { RandomSource } from '../random.ts';
import { type CumulativeTable, REST_WORDS } from './cumulative-table.ts';

export interface NoiseSampler {
  /** Adds an independent draw to each value; sums wrap modulo 2^32. Reads nothing and throws nothing. */
  addTo(values: Int32Array): void;
  /** Overwrites each value with an independent draw. */
  fill(values: Int32Array): void;
  /**
   * Bound on the total variation between one draw and the law that the sampler is named for. A mechanism with n draws that
   * would be (epsilon, delta)-private is (epsilon, delta + (1 + e^epsilon) n slack)-private.
   */
  readonly slack: number;
}

/** Words drawn at a time: 64 KiB, the most WebCrypto gives in one call. */
const BLOCK = 16_384;

export function tableSampler(table: CumulativeTable, random: RandomSource): NoiseSampler {
  const addTo = (values: Int32Array) => {
    const words = new Uint32Array(Math.min(BLOCK, values.length));
    const bytes = new Uint8Array(words.buffer);
    for (let start = 0; start < values.length; start += BLOCK) {
      const part = values.subarray(start, start + BLOCK);
      random.fill(part.length === words.length ? bytes : bytes.subarray(0, 4 * part.length));
      addBlock(part, words, table, random);
    }
    words.fill(0);
  };
  return {
    addTo,
    fill: (values) => addTo(values.fill(0)),
    slack: table.slack,
  };
}

function addBlock(part: Int32Array, words: Uint32Array, table: CumulativeTable, random: RandomSource): void {
  const { leads, guide, guideShift } = table;
  for (let i = 0; i < part.length; i += 1) {
    const word = words[i] as number;
    const lead = word >>> 1;
    let magnitude = guide[lead >>> guideShift] as number;
    while ((leads[magnitude] as number) < lead) magnitude += 1;
    if (leads[magnitude] === lead) magnitude = amongEqual(magnitude, lead, table, random);
    const mask = -(word & 1); // -x is ~x + 1
    part[i] = ((part[i] as number) + ((magnitude ^ mask) - mask)) | 0;
  }
}

/** The least m from `first` on with U < C_m, where the lead of U is that of C_first. */
function amongEqual(
  first: number,
  lead: number,
  { leads, rests }: CumulativeTable,
  random: RandomSource,
): number {
  const drawn = new Uint32Array(REST_WORDS);
  random.fill(new Uint8Array(drawn.buffer));
  let m = first;
  while (leads[m] === lead && !isBelow(drawn, rests, REST_WORDS * m)) m += 1;
  drawn.fill(0);
  return m;
}

function isBelow(drawn: Uint32Array, rests: Uint32Array, at: number): boolean {
  for (let i = 0; i < REST_WORDS; i += 1) {
    const [mine, bound] = [drawn[i] as number, rests[at + i] as number];
    if (mine !== bound) return mine < bound;
  }
  return false;
}
