/**
 * How an update becomes integers of the ring, and back. SPEC.md 5.2.
 *
 * An update has two blocks: d coordinates of `width` bits each, and a second block of unsigned 32-bit integers, the
 * weight first and then `counters` others. `protocol/ring/width.ts` chooses a codec whose sums cannot overflow.
 */
import { type Static, Type } from 'typebox';
import { Lot, Noise } from './privacy.ts';

/** Powers of two: coordinates that a rotation mixes. */
const BLOCKS = Array.from({ length: 20 }, (_, i) => 2 ** (i + 1));

/** Updates are turned before they are rounded, and their mean is turned back. SPEC.md 5.9. */
export const Rotation = Type.Object(
  {
    /** 2..2^20; of a vector with fewer coordinates the largest power of two that it has. */
    block: Type.Enum(BLOCKS),
    /** The largest magnitude of a turned coordinate, in units of the parameters; longer updates are scaled down. */
    bound: Type.Number({ exclusiveMinimum: 0, maximum: 1e38 }),
  },
  { additionalProperties: false },
);
export type Rotation = Static<typeof Rotation>;

/**
 * The clip norm follows a quantile of the lengths of updates, from round to round: SPEC.md 12.10. Of such a codec `clipNorm`
 * and `grid` are those of round 1, and its one counter tells how many updates were not clipped.
 */
export const AdaptiveClipping = Type.Object(
  {
    /** The share of updates that is not to be clipped. */
    quantile: Type.Number({ minimum: 0, maximum: 1 }),
    /** By how much of its logarithm the clip norm moves when all updates are to one side. */
    rate: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    /** s: what an update adds to the counter, or takes from it, before noise. */
    bitScale: Type.Integer({ minimum: 1, maximum: 0x7fff_ffff }),
  },
  { additionalProperties: false },
);
export type AdaptiveClipping = Static<typeof AdaptiveClipping>;

export const Codec = Type.Object(
  {
    version: Type.Literal(1),
    /** C: the L2 norm of a participant's parameter delta is at most this; with `lot`, that of the gradient of one unit. */
    clipNorm: Type.Number({ exclusiveMinimum: 0, maximum: 1e38 }),
    /** b: bits of a coordinate; coordinates live in the integers modulo 2^b. */
    width: Type.Integer({ minimum: 16, maximum: 32 }),
    /** g: the distance of two neighbouring values of a coordinate, in units of the parameters. */
    grid: Type.Number({ exclusiveMinimum: 0, maximum: 1e38 }),
    /** The largest weight a participant may state; 1 means that all count alike. */
    weightMax: Type.Integer({ minimum: 1, maximum: 0xffff_ffff }),
    /** Integers that follow the weight, each in 0..weightMax; with `adaptive` one, of any 32 bits. */
    counters: Type.Integer({ minimum: 0, maximum: 64 }),
    /** Absent: coordinates are sent as they are. */
    rotation: Type.Optional(Rotation),
    /** Added to the integers of each update; absent: none. */
    noise: Type.Optional(Noise),
    /** Absent: the clip norm is the same in all rounds. */
    adaptive: Type.Optional(AdaptiveClipping),
    /** Updates are sums over lots; absent: trained parameters minus those before. */
    lot: Type.Optional(Lot),
  },
  { additionalProperties: false },
);
export type Codec = Static<typeof Codec>;
