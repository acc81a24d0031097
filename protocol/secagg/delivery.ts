/**
 * M4: whose shares have come, and those that are for the reader. SPEC.md 11.7.
 *
 *   [ delivered, U2: a bit for each of the roster ][ who has given to the reader: likewise ][ their records, ascending ]
 *   ctx2 = H("ctx2", ctx, U2)
 *
 * Masks belong to ctx2: who is told of another U2 makes masks that nobody else takes away.
 */
import { concatBytes } from '../bytes.ts';
import type { Agreement, Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { maskContext } from './derivation.ts';
import { bytesOfSet, decodeSet, encodeSet } from './members.ts';
import { type AgreedRoster, checkParty, type Party } from './roster.ts';
import {
  type HeldShares,
  holdersOf,
  openShares,
  RECORD_BYTES,
  recordFor,
  type ShareBundle,
  wipeShares,
} from './shares.ts';

/** What a participant knows once shares were delivered. */
export interface Delivered {
  /** U2, ascending. */
  readonly members: readonly number[];
  /** The same as bits. */
  readonly bits: Uint8Array;
  /** ctx2, 32 bytes. */
  readonly context: Uint8Array;
  /** With whom it shares a mask, ascending. */
  readonly peers: readonly number[];
  /** By index of whose secrets they are; its own among them where it keeps some. */
  readonly held: ReadonlyMap<number, HeldShares>;
}

/** @param bundles of U2 and nobody else, by index @param reader index, in U2 */
export function deliveryFor(
  { parties }: AgreedRoster,
  bundles: ReadonlyMap<number, ShareBundle>,
  reader: number,
): Uint8Array {
  const records: Uint8Array[] = [];
  const senders: number[] = [];
  for (const index of [...bundles.keys()].sort((a, b) => a - b)) {
    const record = recordFor(bundles.get(index) as ShareBundle, reader);
    if (!record) continue;
    senders.push(index);
    records.push(record);
  }
  const { length } = parties;
  return concatBytes(encodeSet(bundles.keys(), length), encodeSet(senders, length), ...records);
}

/** What the reader of a delivery has done before. */
export interface Sharing {
  readonly own: number;
  readonly chosen: readonly number[];
  readonly kept?: HeldShares;
  readonly channel: Agreement;
}

/**
 * The shares that it holds are the caller's to wipe; where it throws, those that had been opened are wiped.
 * @param bytes attacker-controlled
 * @throws `deliveryInvalid`, `deliveryTooSmall`, `sharesUnreadable`, `keyLowOrder`; `rosterInvalid` for the keys of a
 *   neighbour that were not verified yet
 */
export async function openDelivery(
  primitives: Pick<Primitives, 'sha256' | 'hkdf' | 'open' | 'verify'>,
  roster: AgreedRoster,
  { own, chosen, kept, channel }: Sharing,
  bytes: Uint8Array,
): Promise<Delivered> {
  const { parties, descriptor } = roster;
  const { length } = parties;
  const bits = bytes.slice(0, bytesOfSet(length));
  const start = 2 * bits.length;
  const members = decodeSet(bits, length);
  const senders = decodeSet(bytes.slice(bits.length, start), length);
  if (!members || !senders) throw invalid('its sets are not over the roster');
  if (bytes.length !== start + senders.length * RECORD_BYTES)
    throw invalid('it has not a record for each who gave one');
  const isDelivered = new Set(members);
  if (!isDelivered.has(own)) throw invalid('the shares of this node are left out');
  if (senders.includes(own) || senders.some((index) => !isDelivered.has(index)))
    throw invalid('it has records of participants whose shares did not come');
  const isComplete = descriptor.degree === null;
  if (isComplete && senders.length !== members.length - 1) throw invalid('records are missing');
  const holders = holdersOf(roster, own, chosen).filter((index) => isDelivered.has(index)).length;
  if (holders < descriptor.threshold)
    throw new HanseError('deliveryTooSmall', { needed: descriptor.threshold, got: holders });
  if (members.length < descriptor.survivorsMinimum)
    throw new HanseError('deliveryTooSmall', { needed: descriptor.survivorsMinimum, got: members.length });
  const peers = isComplete
    ? senders
    : [...new Set([...senders, ...chosen.filter((index) => isDelivered.has(index))])].sort((a, b) => a - b);
  if (!isComplete) for (const peer of peers) await checkParty(primitives, roster, parties[peer] as Party);
  const held = new Map<number, HeldShares>(kept && [[own, kept]]);
  const me = parties[own] as Party;
  for (const [i, sender] of senders.entries()) {
    const record = bytes.subarray(start + i * RECORD_BYTES, start + (i + 1) * RECORD_BYTES);
    try {
      held.set(sender, await openShares(primitives, roster, record, parties[sender] as Party, me, channel));
    } catch (error) {
      wipeShares(held.values());
      throw error;
    }
  }
  return { members, bits, context: await maskContext(primitives, roster.context, bits), peers, held };
}

function invalid(reason: string): HanseError<'deliveryInvalid'> {
  return new HanseError('deliveryInvalid', { reason });
}
