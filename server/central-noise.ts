/**
 * The noise of a coordinator that is trusted, drawn in integers and added to the opened sum before anything of it is stored.
 * SPEC.md 12.11. What of it belongs to which round: `protocol/dp/central-noise.ts`.
 *
 *   gaussian      round(N(0, sigma^2)) from the CSPRNG of the platform
 *   gaussianTree  the same law, from the key stream of the node:
 *                 HKDF-SHA-256( noiseKey, no salt, "HANSE central noise" || 00 || JCS({ jobId, tree, level, index, nonce }),
 *                 32 bytes ), the nonce being that of the round with which the node ends
 *
 * so that a node has the same noise in every round that it is in, and after every start of the coordinator. The nonce is drawn
 * with the noise and durable before any of it is released. Why: a coordinator whose data were put back to an older copy
 * repeats rounds, with other updates; their difference would be seen where both have the same noise.
 */
import { concatBytes, toHex, utf8 } from '../protocol/bytes.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import { treeStep } from '../protocol/dp/central-noise.ts';
import { roundedGaussianSampler } from '../protocol/dp/rounded-gaussian.ts';
import { lastStepOf, type TreeNode } from '../protocol/dp/tree-aggregation.ts';
import type { Primitives } from '../protocol/primitives.ts';
import { type RandomSource, randomBytes, seededRandom } from '../protocol/random.ts';
import type { Secret } from '../protocol/secret.ts';
import type { CentralNoise } from '../schemas/privacy.ts';

export interface NoiseSource {
  readonly primitives: Pick<Primitives, 'hkdf'>;
  /** Of noise that is drawn afresh. */
  readonly random: RandomSource;
  /** 32 bytes: of noise that has to be the same again. */
  readonly noiseKey: Secret;
}

/** Coordinates at a time. */
const BLOCK = 16_384;
const LABEL = 'HANSE central noise';
const NONCE_BYTES = 16;

/** The round that is opened. */
export interface NoisedRound {
  readonly jobId: string;
  readonly round: number;
  /** With a tree: of each of its rounds up to this one. */
  readonly nonces: readonly string[];
}

/** Of a round of a tree, drawn anew whenever its sum is opened. */
export function treeNonce(random: RandomSource): string {
  return toHex(randomBytes(random, NONCE_BYTES));
}

/**
 * @param coordinates [d] of the exact sum, modulo 2^32; overwritten
 */
export async function addCentralNoise(
  coordinates: Int32Array,
  noise: CentralNoise,
  { jobId, round, nonces }: NoisedRound,
  source: NoiseSource,
): Promise<void> {
  if (noise.type === 'gaussian') {
    add(coordinates, noise.sigma, source.random, 1);
    return;
  }
  const { tree, added, removed } = treeStep(noise, round);
  for (const [nodes, sign] of [[added, 1] as const, [removed, -1] as const])
    for (const node of nodes) {
      const nonce = nonces[lastStepOf(node) - 1];
      add(coordinates, noise.sigma, await streamOf({ jobId, tree, node, nonce }, source), sign);
    }
}

interface NodeOfTree {
  readonly jobId: string;
  readonly tree: number;
  readonly node: TreeNode;
  readonly nonce: string | undefined;
}

async function streamOf(
  { jobId, tree, node, nonce }: NodeOfTree,
  { primitives, noiseKey }: NoiseSource,
): Promise<RandomSource> {
  if (nonce === undefined) throw new Error('unreachable: the nodes of a sum end with rounds before it');
  const name = canonicalJson({ jobId, tree, ...node, nonce });
  const info = concatBytes(utf8(LABEL), Uint8Array.of(0), utf8(name));
  const key = await primitives.hkdf(noiseKey.reveal(), new Uint8Array(), info, 32);
  return seededRandom(key);
}

function add(coordinates: Int32Array, sigma: number, random: RandomSource, sign: 1 | -1): void {
  const sampler = roundedGaussianSampler(sigma, random);
  const drawn = new Float64Array(Math.min(BLOCK, coordinates.length));
  for (let start = 0; start < coordinates.length; start += BLOCK) {
    const part = coordinates.subarray(start, start + BLOCK);
    const noise = drawn.subarray(0, part.length).fill(0);
    sampler.addTo(noise);
    for (let i = 0; i < part.length; i += 1) part[i] = (part[i] as number) + sign * (noise[i] as number);
  }
  drawn.fill(0);
}
