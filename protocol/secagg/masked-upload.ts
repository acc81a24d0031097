/**
 * M5: an update under the mask of its sender and one for each peer, and the sender's signature over it. SPEC.md 11.6, 11.7.
 *
 *   signature = Ed25519( "HSA1 upload" || 00 || ctx2 || pid || SHA-256(body) )
 */
import { hexBytes, toHex } from '../bytes.ts';
import type { Primitives, Signer } from '../primitives.ts';
import type { AttemptKeys } from './advertisement.ts';
import type { Delivered } from './delivery.ts';
import { labelled, pairSeed } from './derivation.ts';
import { type Mask, pairSign } from './mask.ts';
import type { AgreedRoster, Party } from './roster.ts';

/**
 * All masks of one participant. The seeds are the caller's to wipe.
 * @param own its index
 * @throws keyLowOrder
 */
export async function masksOf(
  primitives: Pick<Primitives, 'hkdf'>,
  { parties }: AgreedRoster,
  own: number,
  { seed, masks: agreement }: Pick<AttemptKeys, 'seed' | 'masks'>,
  { peers, context }: Pick<Delivered, 'peers' | 'context'>,
): Promise<Mask[]> {
  const me = parties[own] as Party;
  const masks: Mask[] = [{ seed: seed.reveal().slice(), sign: 1 }];
  try {
    for (const index of peers) {
      const { id, maskKey } = parties[index] as Party;
      const pairing = { agreement, publicKey: maskKey, own: me.id, other: id };
      masks.push({ seed: await pairSeed(primitives, pairing, context), sign: pairSign(me.id, id) });
    }
    return masks;
  } catch (error) {
    for (const { seed: made } of masks) made.fill(0);
    throw error;
  }
}

/** @param context ctx2 @param sha256 of the body, in hex */
export async function signUpload(
  identity: Signer,
  context: Uint8Array,
  { id }: Pick<Party, 'id'>,
  sha256: string,
): Promise<string> {
  return toHex(await identity.sign(statement(context, id, sha256)));
}

/** @param signature attacker-controlled, hex */
export function isUploadSigned(
  primitives: Pick<Primitives, 'verify'>,
  context: Uint8Array,
  { id, publicKey }: Pick<Party, 'id' | 'publicKey'>,
  { sha256, signature }: { readonly sha256: string; readonly signature: string },
): Promise<boolean> {
  return primitives.verify(hexBytes(signature), statement(context, id, sha256), publicKey);
}

function statement(context: Uint8Array, id: Uint8Array, sha256: string): Uint8Array {
  return labelled('upload', [context, id, hexBytes(sha256)]);
}
