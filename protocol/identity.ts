/**
 * Names that follow from keys, and the coordinator's proof of its own. SPEC.md section 4.
 */
import { primitives } from '#primitives';
import type { FederationInfo } from '../schemas/member.ts';
import { concatBytes, fromHex, toHex, utf8 } from './bytes.ts';
import type { Signer } from './primitives.ts';
import { HanseError } from './problem.ts';

/** nodeId = SHA-256("HSA1 pid" || 0x00 || publicKey)[0..16], in hex. SPEC.md 4.1. */
export async function nodeIdOf(publicKey: Uint8Array): Promise<string> {
  const digest = await primitives.sha256(concatBytes(utf8('HSA1 pid\0'), publicKey));
  return toHex(digest.subarray(0, 16));
}

/** Signature over what a stranger needs to know, bound to the stranger's fresh challenge. SPEC.md 4.2. */
export async function proveFederation(
  info: Omit<FederationInfo, 'signature'>,
  challenge: string,
  signer: Signer,
): Promise<FederationInfo> {
  return { ...info, signature: toHex(await signer.sign(federationProof(info, challenge))) };
}

/**
 * Throws `coordinatorKeyMismatch` unless the coordinator holds the pinned key.
 * @param info attacker-controlled
 */
export async function checkFederation(
  info: FederationInfo,
  challenge: string,
  pinned: { readonly federationId: string; readonly coordinatorKey: string },
): Promise<void> {
  const key = fromHex(pinned.coordinatorKey) ?? new Uint8Array();
  const signature = fromHex(info.signature) ?? new Uint8Array();
  const isPinned = info.coordinatorKey === pinned.coordinatorKey && info.federationId === pinned.federationId;
  if (!isPinned || !(await primitives.verify(signature, federationProof(info, challenge), key)))
    throw new HanseError('coordinatorKeyMismatch', {
      pinned: pinned.coordinatorKey,
      got: info.coordinatorKey,
    });
}

function federationProof(info: Omit<FederationInfo, 'signature'>, challenge: string): Uint8Array {
  const { min, max } = info.protocol;
  return utf8(`HANSE federation\0${challenge}\0${info.federationId}\0${info.coordinatorKey}\0${min}-${max}`);
}
