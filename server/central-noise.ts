/**
 * The noise of a coordinator that is trusted, drawn in integers and added to the opened sum before anything of it is stored.
 * SPEC.md 12.11. What of it belongs to which round: `protocol/dp/central-noise.ts`.
 *
 *   gaussian      round(N(0, sigma^2)) from the CSPRNG of the platform
 *   gaussianTree  the same law, from the key stream of the node:
 *                 HKDF-SHA-256( noiseKey, no salt, "HANSE central noise" || 00 || JCS({ jobId, tree, level, index }), 32 bytes )
 *
 * so that a node has the same noise in every round that it is in, and after every start of the coordinator.
 */
import { concatBytes, utf8 } from '../protocol/bytes.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import { treeStep } from '../protocol/dp/central-noise.ts';
import { roundedGaussianSampler } from '../protocol/dp/rounded-gaussian.ts';
import type { TreeNode } from '../protocol/dp/tree-aggregation.ts';
import type { Primitives } from '../protocol/primitives.ts';
import { type RandomSource, seededRandom } from '../protocol/random.ts';
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

/**
 * @param coordinates [d] of the exact sum, modulo 2^32; overwritten
 * @param of the round that is opened
 */
export async function addCentralNoise(
  coordinates: Int32Array,
  noise: CentralNoise,
  of: { readonly jobId: string; readonly round: number },
  source: NoiseSource,
): Promise<void> {
  if (noise.type === 'gaussian') {
    add(coordinates, noise.sigma, source.random, 1);
    return;
  }
  const { tree, added, removed } = treeStep(noise, of.round);
  for (const [nodes, sign] of [[added, 1] as const, [removed, -1] as const])
    for (const node of nodes)
      add(coordinates, noise.sigma, await streamOf({ jobId: of.jobId, tree, node }, source), sign);
}

async function streamOf(
  { jobId, tree, node }: { readonly jobId: string; readonly tree: number; readonly node: TreeNode },
  { primitives, noiseKey }: NoiseSource,
): Promise<RandomSource> {
  const { level, index } = node;
  const info = concatBytes(utf8(LABEL), Uint8Array.of(0), utf8(canonicalJson({ jobId, tree, level, index })));
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
