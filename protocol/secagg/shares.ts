/**
 * M3: shares of a participant's two secrets, sealed for those who are to hold them. SPEC.md 11.7.
 *
 *   [ commitment: 32 ][ to whom: a bit for each of the roster ][ a record of 81 bytes for each of them, ascending ]
 *   record = XChaCha20-Poly1305( place || share of the seed || share of the mask secret )
 *
 * Where everybody is everybody's neighbour, all of the roster hold a share, the participant itself included; else the
 * participant draws k others, and only they do: who gets shares is nobody else's choice. Places count from 1, in the
 * order of the roster. A key seals one record, so that its nonce is zero.
 */
import { equalBytes } from '../bytes.ts';
import type { Agreement, Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { RandomNumbers, type RandomSource } from '../random.ts';
import { Secret } from '../secret.ts';
import type { AttemptKeys } from './advertisement.ts';
import { seedCommitment, shareContext, shareKey } from './derivation.ts';
import { bytesOfSet, decodeSet, encodeSet } from './members.ts';
import type { AgreedRoster, Party } from './roster.ts';
import { split } from './shamir.ts';

const SECRET_BYTES = 32;
export const RECORD_BYTES = 1 + 2 * SECRET_BYTES + 16;
const NONCE = new Uint8Array(24);

/** What one holds of another's secrets. */
export interface HeldShares {
  readonly place: number;
  readonly ofSeed: Secret;
  readonly ofMaskSecret: Secret;
}

/** Overwrites what one holds of others. */
export function wipeShares(held: Iterable<HeldShares>): void {
  for (const { ofSeed, ofMaskSecret } of held) {
    ofSeed.wipe();
    ofMaskSecret.wipe();
  }
}

/** M3 as the coordinator keeps it. */
export interface ShareBundle {
  /** Of the seed: 32 bytes. */
  readonly commitment: Uint8Array;
  /** Indices of those for whom there is a record, ascending. */
  readonly chosen: readonly number[];
  /** In the order of `chosen`, one after the other. */
  readonly records: Uint8Array;
}

/** What a bundle holds for this one; undefined if nothing. @param holder index */
export function recordFor({ chosen, records }: ShareBundle, holder: number): Uint8Array | undefined {
  const at = chosen.indexOf(holder);
  return at < 0 ? undefined : records.subarray(at * RECORD_BYTES, (at + 1) * RECORD_BYTES);
}

/** Who holds shares of this dealer, ascending: the share of place p is the (p - 1)th one's. */
export function holdersOf(
  roster: AgreedRoster,
  dealer: number,
  chosen: readonly number[],
): readonly number[] {
  if (roster.descriptor.degree !== null) return chosen;
  return [...chosen, dealer].sort((a, b) => a - b);
}

/** Bytes of M3. */
export function bundleBytes({ parties, descriptor: { degree } }: AgreedRoster): number {
  const { length } = parties;
  return SECRET_BYTES + bytesOfSet(length) + (degree ?? length - 1) * RECORD_BYTES;
}

/**
 * @param own index of the sender
 * @returns the message, to whom it gives shares, and what the sender keeps of its own secrets, if it does
 */
export async function shareSecrets(
  primitives: Pick<Primitives, 'sha256' | 'hkdf' | 'seal'>,
  roster: AgreedRoster,
  own: number,
  keys: AttemptKeys,
  random: RandomSource,
): Promise<{ readonly bytes: Uint8Array; readonly chosen: readonly number[]; readonly kept?: HeldShares }> {
  const { context, parties } = roster;
  const { threshold } = roster.descriptor;
  const me = parties[own] as Party;
  const chosen = chooseHolders(roster, own, random);
  const holders = holdersOf(roster, own, chosen);
  const ofSeed = split(keys.seed.reveal(), threshold, holders.length, random);
  const ofMaskSecret = split(keys.maskSecret.reveal(), threshold, holders.length, random);
  const bytes = new Uint8Array(bundleBytes(roster));
  bytes.set(await seedCommitment(primitives, context, me.id, keys.seed.reveal()));
  bytes.set(encodeSet(chosen, parties.length), SECRET_BYTES);
  let offset = SECRET_BYTES + bytesOfSet(parties.length);
  let kept: HeldShares | undefined;
  for (const [i, holder] of holders.entries()) {
    const place = i + 1;
    const [a, b] = [ofSeed[i] as Uint8Array, ofMaskSecret[i] as Uint8Array];
    if (holder === own) {
      kept = { place, ofSeed: new Secret(a), ofMaskSecret: new Secret(b) };
      continue;
    }
    const plain = new Uint8Array(1 + 2 * SECRET_BYTES);
    plain[0] = place;
    plain.set(a, 1);
    plain.set(b, 1 + SECRET_BYTES);
    const { channelKey: publicKey, id } = parties[holder] as Party;
    const key = await shareKey(primitives, { agreement: keys.channel, publicKey }, context, [me.id, id]);
    const associated = shareContext(context, me.id, id);
    bytes.set(await primitives.seal(plain, { key, nonce: NONCE, associated }), offset);
    for (const used of [plain, key, a, b]) used.fill(0);
    offset += RECORD_BYTES;
  }
  return { bytes, chosen, ...(kept && { kept }) };
}

function chooseHolders(
  { parties, descriptor: { degree } }: AgreedRoster,
  own: number,
  random: RandomSource,
): number[] {
  const others = parties.map(({ index }) => index).filter((index) => index !== own);
  if (degree === null) return others;
  return new RandomNumbers(random)
    .shuffle(others)
    .slice(0, degree)
    .sort((a, b) => a - b);
}

/**
 * For the coordinator, which can see no more of it than its form.
 * @param bytes attacker-controlled @param own index of the sender
 * @throws `invalidLength`, `sharesInvalid`
 */
export function parseBundle(bytes: Uint8Array, roster: AgreedRoster, own: number): ShareBundle {
  const expected = bundleBytes(roster);
  if (bytes.length !== expected)
    throw new HanseError('invalidLength', { what: 'shares', expected, got: bytes.length });
  const { length } = roster.parties;
  const start = SECRET_BYTES + bytesOfSet(length);
  const chosen = decodeSet(bytes.subarray(SECRET_BYTES, start), length);
  const wanted = roster.descriptor.degree ?? length - 1;
  if (!chosen || chosen.length !== wanted || chosen.includes(own))
    throw new HanseError('sharesInvalid', { reason: `they are not for ${wanted} others` });
  return { commitment: bytes.subarray(0, SECRET_BYTES), chosen, records: bytes.subarray(start) };
}

/**
 * What `dealer` has given to `holder`, opened by the holder.
 * @param record attacker-controlled
 * @throws `sharesUnreadable`; `keyLowOrder`
 */
export async function openShares(
  primitives: Pick<Primitives, 'hkdf' | 'open'>,
  roster: AgreedRoster,
  record: Uint8Array,
  dealer: Party,
  holder: Party,
  channel: Agreement,
): Promise<HeldShares> {
  const { context } = roster;
  const { degree } = roster.descriptor;
  const pair = { agreement: channel, publicKey: dealer.channelKey };
  const key = await shareKey(primitives, pair, context, [dealer.id, holder.id]);
  const associated = shareContext(context, dealer.id, holder.id);
  const plain = await primitives.open(record, { key, nonce: NONCE, associated });
  key.fill(0);
  const [place = 0] = plain ?? [];
  const isPlace = degree === null ? place === holder.index + 1 : place >= 1 && place <= degree;
  if (!plain || plain.length !== 1 + 2 * SECRET_BYTES || !isPlace) {
    plain?.fill(0);
    throw new HanseError('sharesUnreadable', { from: dealer.nodeId });
  }
  const held = {
    place,
    ofSeed: new Secret(plain.slice(1, 1 + SECRET_BYTES)),
    ofMaskSecret: new Secret(plain.slice(1 + SECRET_BYTES)),
  };
  plain.fill(0);
  return held;
}

/** Whether a seed that was put together from shares is the one that its owner committed to. */
export async function isCommittedSeed(
  primitives: Pick<Primitives, 'sha256'>,
  { context }: AgreedRoster,
  { id }: Party,
  seed: Uint8Array,
  commitment: Uint8Array,
): Promise<boolean> {
  return equalBytes(await seedCommitment(primitives, context, id, seed), commitment);
}
