/**
 * A node changes its key: the old key names the new one, and the new one the old. SPEC.md section 4.7.
 *
 * Both signatures are needed. Without that of the old key anybody could take the place of a node; without that of the
 * new key a node could claim the key of somebody else, and with it what that one signs.
 */
import { primitives } from '#primitives';
import type { KeySuccession } from '../schemas/node-proof.ts';
import type { PinnedFederation } from './admission.ts';
import { hexBytes, toHex, utf8 } from './bytes.ts';
import { canonicalJson } from './canonical.ts';
import { nodeIdOf } from './identity.ts';
import type { Signer } from './primitives.ts';

export async function succeed(
  oldKey: Signer,
  newKey: Signer,
  federation: PinnedFederation,
): Promise<KeySuccession> {
  const keys = { oldKey: toHex(oldKey.publicKey), newKey: toHex(newKey.publicKey) };
  const message = successionMessage(keys, federation);
  return {
    from: await nodeIdOf(oldKey.publicKey),
    byOld: toHex(await oldKey.sign(message)),
    byNew: toHex(await newKey.sign(message)),
  };
}

/** Whether both keys, in hex, have signed it, and `from` is the node of the old one. @param succession attacker-controlled */
export async function isSuccession(
  succession: KeySuccession,
  keys: { readonly oldKey: string; readonly newKey: string },
  federation: PinnedFederation,
): Promise<boolean> {
  const [oldKey, newKey] = [hexBytes(keys.oldKey), hexBytes(keys.newKey)];
  const message = successionMessage(keys, federation);
  return (
    succession.from === (await nodeIdOf(oldKey)) &&
    (await primitives.verify(hexBytes(succession.byOld), message, oldKey)) &&
    (await primitives.verify(hexBytes(succession.byNew), message, newKey))
  );
}

/** "HANSE succession" || 00 || JCS of both keys and where they count. */
function successionMessage(
  { oldKey, newKey }: { readonly oldKey: string; readonly newKey: string },
  { federationId, coordinatorKey }: PinnedFederation,
): Uint8Array {
  return utf8(`HANSE succession\0${canonicalJson({ federationId, coordinatorKey, oldKey, newKey })}`);
}
