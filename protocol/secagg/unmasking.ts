/**
 * M9: of each whose shares were delivered, a survivor gives away its share of one secret: of the seed of another survivor,
 * or of the mask secret of one who dropped out. Never of both: the class follows from U3 alone. SPEC.md 11.7.
 *
 *   [ a share of 32 bytes for each of U2 of whose secrets the sender holds shares, in the order of the roster ]
 *
 * From t such answers the coordinator opens one secret for each of U2, and takes away the masks that are left in the sum.
 */
import { equalBytes } from '../bytes.ts';
import type { Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import type { Delivered } from './delivery.ts';
import { pairSeed } from './derivation.ts';
import { type Mask, pairSign, without } from './mask.ts';
import type { AgreedRoster, Party } from './roster.ts';
import { combine, type Share } from './shamir.ts';
import { holdersOf, isCommittedSeed, type ShareBundle } from './shares.ts';
import type { SurvivorSet } from './survivors.ts';

const SHARE_BYTES = 32;

/** The answer of one survivor. Who has made it for these survivors makes none for others: that is the caller's to see to. */
export function answerFor(
  { members, held }: Pick<Delivered, 'members' | 'held'>,
  survivors: Pick<SurvivorSet, 'members'>,
): Uint8Array {
  const isSurvivor = new Set(survivors.members);
  const dealers = members.filter((index) => held.has(index));
  const bytes = new Uint8Array(dealers.length * SHARE_BYTES);
  for (const [i, dealer] of dealers.entries()) {
    const { ofSeed, ofMaskSecret } = held.get(dealer) ?? never(dealer);
    bytes.set((isSurvivor.has(dealer) ? ofSeed : ofMaskSecret).reveal(), i * SHARE_BYTES);
  }
  return bytes;
}

/** Whose masks are in a sum, and between whom there are any. */
export interface Masked {
  readonly roster: AgreedRoster;
  /** Of U2, by index. */
  readonly bundles: ReadonlyMap<number, Pick<ShareBundle, 'chosen'>>;
  /** U3, ascending. */
  readonly survivors: readonly number[];
}

/** What the coordinator has of an attempt when answers come. */
export interface Unmasking extends Masked {
  readonly bundles: ReadonlyMap<number, ShareBundle>;
}

/** Bytes of the answer of this survivor. */
export function answerBytes(unmasking: Unmasking, holder: number): number {
  return dealersFor(unmasking, holder).length * SHARE_BYTES;
}

/** What the answers open. */
export interface Opened {
  /** One secret for each of U2, in the order of the roster. */
  readonly revealed: readonly Uint8Array[];
  /** Whose answers are wrong. */
  readonly faulty: ReadonlySet<number>;
}

/**
 * @param answers at least t, by index, each of `answerBytes`; attacker-controlled
 * @throws `unmaskingFailed` where a secret cannot be opened from these answers: with more of them it may be
 */
export async function openSecrets(
  primitives: Pick<Primitives, 'sha256' | 'agreement'>,
  unmasking: Unmasking,
  answers: ReadonlyMap<number, Uint8Array>,
): Promise<Opened> {
  const { roster, bundles, survivors } = unmasking;
  const isSurvivor = new Set(survivors);
  const shares = sharesByDealer(unmasking, answers);
  const revealed: Uint8Array[] = [];
  const faulty = new Set<number>();
  for (const dealer of ascending(bundles.keys())) {
    const party = roster.parties[dealer] as Party;
    const { commitment } = bundles.get(dealer) as ShareBundle;
    const isRight = async (secret: Uint8Array) =>
      isSurvivor.has(dealer)
        ? isCommittedSeed(primitives, roster, party, secret, commitment)
        : equalBytes((await primitives.agreement(secret)).publicKey, party.maskKey);
    const given = shares.get(dealer) ?? [];
    const used = await rightShares(given, roster.descriptor.threshold, isRight);
    if (!used) throw failed(`the secret of ${party.nodeId} does not follow from ${given.length} answers`);
    revealed.push(combine(used));
    for (const share of given)
      if (!used.includes(share) && !equalBytes(combine(used, share.place), share.bytes))
        faulty.add(share.holder);
  }
  return { revealed, faulty };
}

interface GivenShare extends Share {
  readonly holder: number;
}

function sharesByDealer(
  unmasking: Unmasking,
  answers: ReadonlyMap<number, Uint8Array>,
): Map<number, GivenShare[]> {
  const { roster, bundles } = unmasking;
  const places = new Map(
    [...bundles].map(([dealer, { chosen }]) => [
      dealer,
      new Map(holdersOf(roster, dealer, chosen).map((holder, i) => [holder, i + 1])),
    ]),
  );
  const shares = new Map<number, GivenShare[]>();
  for (const [holder, answer] of answers)
    for (const [i, dealer] of dealersFor(unmasking, holder).entries()) {
      const place = places.get(dealer)?.get(holder) ?? 0;
      const bytes = answer.subarray(i * SHARE_BYTES, (i + 1) * SHARE_BYTES);
      const known = shares.get(dealer) ?? [];
      known.push({ holder, place, bytes });
      shares.set(dealer, known);
    }
  return shares;
}

function dealersFor({ roster, bundles }: Unmasking, holder: number): number[] {
  return ascending(bundles.keys()).filter((dealer) =>
    holdersOf(roster, dealer, (bundles.get(dealer) as ShareBundle).chosen).includes(holder),
  );
}

/**
 * As many of the shares as are needed, such that they give the right secret. Looked for in every window of neighbouring
 * shares, in a circle, and in the first ones with one left out: a few wrong answers are found, many together may not be.
 */
async function rightShares(
  given: readonly GivenShare[],
  threshold: number,
  isRight: (secret: Uint8Array) => Promise<boolean>,
): Promise<readonly GivenShare[] | undefined> {
  if (given.length < threshold) return undefined;
  for (const tried of candidates(given, threshold)) {
    const secret = combine(tried);
    const right = await isRight(secret);
    secret.fill(0);
    if (right) return tried;
  }
  return undefined;
}

function* candidates<Item>(given: readonly Item[], count: number): Iterable<readonly Item[]> {
  const circle = [...given, ...given];
  const windows = given.length === count ? 1 : given.length;
  for (let from = 0; from < windows; from += 1) yield circle.slice(from, from + count);
  if (given.length === count) return;
  for (let without = 1; without < count; without += 1)
    yield [...given.slice(0, without), ...given.slice(without + 1, count + 1)];
}

/**
 * The masks that are left in the sum of the survivors' updates, as what takes them away. Seeds are made one by one, so
 * that a thousand of them are never at hand together, and are overwritten once the next one is asked for.
 * @param context ctx2
 */
export async function* masksLeft(
  primitives: Pick<Primitives, 'agreement' | 'hkdf'>,
  { roster, bundles, survivors }: Masked,
  context: Uint8Array,
  revealed: readonly Uint8Array[],
): AsyncIterable<Mask> {
  const isSurvivor = new Set(survivors);
  for (const [i, dealer] of ascending(bundles.keys()).entries()) {
    const secret = revealed[i] as Uint8Array;
    if (isSurvivor.has(dealer)) {
      yield without({ seed: secret, sign: 1 });
      continue;
    }
    const dropped = roster.parties[dealer] as Party;
    const agreement = await primitives.agreement(secret);
    for (const survivor of survivors) {
      if (!areMaskPeers(roster, bundles, dealer, survivor)) continue;
      const { id, maskKey } = roster.parties[survivor] as Party;
      const pairing = { agreement, publicKey: maskKey, own: dropped.id, other: id };
      const seed = await pairSeed(primitives, pairing, context);
      try {
        yield without({ seed, sign: pairSign(id, dropped.id) });
      } finally {
        seed.fill(0);
      }
    }
  }
}

function areMaskPeers(
  { descriptor: { degree } }: AgreedRoster,
  bundles: Masked['bundles'],
  a: number,
  b: number,
): boolean {
  if (degree === null) return true;
  const hasChosen = (from: number, to: number) => bundles.get(from)?.chosen.includes(to) ?? false;
  return hasChosen(a, b) || hasChosen(b, a);
}

function ascending(indices: Iterable<number>): number[] {
  return [...indices].sort((a, b) => a - b);
}

function failed(reason: string): HanseError<'unmaskingFailed'> {
  return new HanseError('unmaskingFailed', { reason });
}

function never(dealer: number): never {
  throw new RangeError(`no shares of ${dealer}`);
}
