/**
 * M10: the signed record of a secure round. It names everything that was said, and what was opened, so that whoever holds
 * the masked updates can make the sum again, and whoever does not can still see whether it contradicts itself. SPEC.md 11.8.
 *
 *   signature = Ed25519( "HSA1 record" || 00 || JCS(record) ), by the coordinator
 */
import type { RoundRecord, SignedRecord } from '../../schemas/secagg.ts';
import { concatBytes, equalBytes, hexBytes, toHex, utf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import { leafHash, treeRoot } from '../merkle.ts';
import type { Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { checkCertificate } from './consent.ts';
import { labelled, maskContext } from './derivation.ts';
import { roundId } from './descriptor.ts';
import { isUploadSigned } from './masked-upload.ts';
import { decodeSet } from './members.ts';
import { type AgreedRoster, agreeOn, checkParty, type Party } from './roster.ts';
import type { Masked } from './unmasking.ts';

export async function signRecord(record: RoundRecord, coordinator: Signer): Promise<SignedRecord> {
  return { record, signature: toHex(await coordinator.sign(statement(record))) };
}

/** Throws `recordInvalid` unless this coordinator has signed it. @param coordinatorKey hex */
export async function checkRecordSignature(
  primitives: Pick<Primitives, 'verify'>,
  { record, signature }: SignedRecord,
  coordinatorKey: string,
): Promise<void> {
  const isSigned = await primitives.verify(hexBytes(signature), statement(record), hexBytes(coordinatorKey));
  if (!isSigned || record.descriptor.descriptor.coordinatorKey !== coordinatorKey)
    throw invalid('it is not of the pinned coordinator');
}

/** What a record says, once it is known to be sound. */
export interface CheckedRecord extends Masked {
  readonly roster: AgreedRoster;
  /** ctx2. */
  readonly context: Uint8Array;
  /** U2, ascending. */
  readonly delivered: readonly number[];
  /** One for each of them; none where the coordinator has added noise. */
  readonly revealed: readonly Uint8Array[];
}

/**
 * That the record is signed by this coordinator and sound by itself: roster and updates signed by their senders, the
 * survivors among those whose shares were delivered, the root theirs, enough consents, and the secrets of those who
 * dropped out those of their keys.
 * @param signed attacker-controlled, of its schema @param coordinatorKey hex
 * @param isCentral whether the coordinator has added noise to the sum, which secrets would take away: it reveals none
 * @throws `recordInvalid`
 */
export async function checkRecord(
  primitives: Primitives,
  signed: SignedRecord,
  coordinatorKey: string,
  isCentral = false,
): Promise<CheckedRecord> {
  await checkRecordSignature(primitives, signed, coordinatorKey);
  const { record } = signed;
  const { descriptor } = record.descriptor;
  const round = await roundId(primitives, descriptor);
  const roster = await agreeOn(primitives, descriptor, round, record.roster.members);
  for (const party of roster.parties)
    await checkParty(primitives, roster, party).catch(() => {
      throw invalid(`the keys of ${party.nodeId} are not signed by it`);
    });
  const count = roster.parties.length;
  const delivered = decodeSet(hexBytes(record.delivered), count);
  const survivors = decodeSet(hexBytes(record.survivors), count);
  if (!delivered || !survivors || survivors.some((index) => !delivered.includes(index)))
    throw invalid('its sets contradict each other');
  if (survivors.length < descriptor.survivorsMinimum || record.updates.length !== survivors.length)
    throw invalid('it has not an update for each of enough survivors');
  if (record.revealed.length !== (isCentral ? 0 : delivered.length))
    throw invalid(
      isCentral
        ? 'it reveals secrets that open the sum without its noise'
        : 'it reveals not one secret for each of the delivered',
    );
  const context = await maskContext(primitives, roster.context, hexBytes(record.delivered));
  await checkUpdates(primitives, roster, context, survivors, record);
  const set = { members: survivors, bits: hexBytes(record.survivors), root: hexBytes(record.root) };
  await checkCertificate(
    primitives,
    roster,
    { context, peers: survivors },
    survivors[0] ?? 0,
    set,
    record.certificate,
  ).catch(() => {
    throw invalid('too few have consented to its survivors');
  });
  const revealed = record.revealed.map(hexBytes);
  for (const [i, secret] of revealed.entries()) {
    const index = delivered[i] as number;
    if (survivors.includes(index)) continue;
    const { maskKey, nodeId } = roster.parties[index] as Party;
    const { publicKey } = await primitives.agreement(secret);
    if (!equalBytes(publicKey, maskKey))
      throw invalid(`what it reveals of ${nodeId} is not the secret of its key`);
  }
  return { roster, bundles: chosenBy(record, delivered, count), survivors, context, delivered, revealed };
}

async function checkUpdates(
  primitives: Pick<Primitives, 'sha256' | 'verify'>,
  roster: AgreedRoster,
  context: Uint8Array,
  survivors: readonly number[],
  { updates, root }: RoundRecord,
): Promise<void> {
  const leaves: Uint8Array[] = [];
  for (const [i, index] of survivors.entries()) {
    const party = roster.parties[index] as Party;
    const update = updates[i] ?? { sha256: '', signature: '' };
    if (!(await isUploadSigned(primitives, context, party, update)))
      throw invalid(`the update of ${party.nodeId} is not signed by it`);
    leaves.push(await leafHash(primitives, concatBytes(party.id, hexBytes(update.sha256))));
  }
  if (!equalBytes(await treeRoot(primitives, leaves), hexBytes(root)))
    throw invalid('its root is not that of its updates');
}

function chosenBy({ chosen }: RoundRecord, delivered: readonly number[], count: number): Masked['bundles'] {
  const everybody = Array.from({ length: count }, (_, index) => index);
  return new Map(
    delivered.map((dealer, i) => {
      const bits = chosen?.[i];
      const of = bits ? decodeSet(hexBytes(bits), count) : everybody.filter((index) => index !== dealer);
      if (!of) throw invalid('a set of holders is none');
      return [dealer, { chosen: of }];
    }),
  );
}

function statement(record: RoundRecord): Uint8Array {
  return labelled('record', [utf8(canonicalJson(record))]);
}

function invalid(reason: string): HanseError<'recordInvalid'> {
  return new HanseError('recordInvalid', { reason });
}
