/**
 * M1: the keys of one participant for one attempt, signed with the key of its identity. SPEC.md 11.7.
 *
 *   signature = Ed25519( "HSA1 advertise" || 00 || rid || publicKey || channelKey || maskKey || nonce )
 */
import type { Advertisement } from '../../schemas/secagg.ts';
import { hexBytes, toHex } from '../bytes.ts';
import type { Agreement, Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { type RandomSource, randomBytes } from '../random.ts';
import { Secret } from '../secret.ts';
import { Channel } from './channel.ts';
import { labelled } from './derivation.ts';

/** What a participant has made for one attempt. The secrets leave this machine only in shares. */
export interface AttemptKeys {
  readonly advertisement: Advertisement;
  readonly channel: Channel;
  readonly masks: Agreement;
  readonly maskSecret: Secret;
  /** Of its own mask. */
  readonly seed: Secret;
}

/**
 * @param round id of the round, 32 bytes
 * @param identity of the node @param nodeId of its key
 */
export async function advertise(
  primitives: Pick<Primitives, 'agreement'>,
  round: Uint8Array,
  identity: Signer,
  nodeId: string,
  random: RandomSource,
): Promise<AttemptKeys> {
  const channelSecret = randomBytes(random, 32);
  const maskSecret = randomBytes(random, 32);
  const channel = new Channel(await primitives.agreement(channelSecret));
  channelSecret.fill(0);
  const masks = await primitives.agreement(maskSecret);
  const unsigned = {
    nodeId,
    publicKey: toHex(identity.publicKey),
    channelKey: toHex(channel.publicKey),
    maskKey: toHex(masks.publicKey),
    nonce: toHex(randomBytes(random, 32)),
  };
  return {
    advertisement: { ...unsigned, signature: toHex(await identity.sign(statement(round, unsigned))) },
    channel,
    masks,
    maskSecret: new Secret(maskSecret),
    seed: new Secret(randomBytes(random, 32)),
  };
}

/** Overwrites what must not outlive the attempt; agreements end with the last reference to them. */
export function wipeKeys({ channel, maskSecret, seed }: AttemptKeys): void {
  for (const secret of [channel, maskSecret, seed]) secret.wipe();
}

/**
 * For the coordinator: that the member has signed these keys for this attempt, and none of them is of small order.
 * @param advertisement attacker-controlled, of its schema @param publicKey of the member who sends it
 * @throws `advertisementInvalid`, `keyLowOrder`
 */
export async function checkAdvertisement(
  primitives: Pick<Primitives, 'verify' | 'agreement'>,
  round: Uint8Array,
  advertisement: Advertisement,
  { nodeId, publicKey }: { readonly nodeId: string; readonly publicKey: string },
): Promise<void> {
  if (advertisement.nodeId !== nodeId || advertisement.publicKey !== publicKey)
    throw new HanseError('advertisementInvalid', { reason: 'it names another node' });
  if (advertisement.channelKey === advertisement.maskKey)
    throw new HanseError('advertisementInvalid', { reason: 'one key is used twice' });
  if (!(await isSigned(primitives, round, advertisement)))
    throw new HanseError('advertisementInvalid', { reason: 'its signature is not that of the node' });
  const probe = await probeOf(primitives);
  for (const key of [advertisement.channelKey, advertisement.maskKey]) await probe.with(hexBytes(key));
}

/** Any secret shows whether a key is of small order. */
const PROBE = new Uint8Array(32).fill(1);

/** Read once: an import takes longer than all else that is done about an advertisement. */
const probes = new WeakMap<object, Promise<Agreement>>();

function probeOf(primitives: Pick<Primitives, 'agreement'>): Promise<Agreement> {
  const known = probes.get(primitives) ?? primitives.agreement(PROBE);
  probes.set(primitives, known);
  known.catch(() => probes.delete(primitives)); // the next one tries anew
  return known;
}

/** Whether whoever holds the named key has signed these keys for this attempt. */
export function isSigned(
  primitives: Pick<Primitives, 'verify'>,
  round: Uint8Array,
  advertisement: Advertisement,
): Promise<boolean> {
  const { signature, publicKey } = advertisement;
  return primitives.verify(hexBytes(signature), statement(round, advertisement), hexBytes(publicKey));
}

function statement(round: Uint8Array, keys: Omit<Advertisement, 'signature'>): Uint8Array {
  const { publicKey, channelKey, maskKey, nonce } = keys;
  return labelled('advertise', [round, ...[publicKey, channelKey, maskKey, nonce].map(hexBytes)]);
}
