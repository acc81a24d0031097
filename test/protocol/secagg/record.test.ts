import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { advertise } from '../../../protocol/secagg/advertisement.ts';
import { encodeSet } from '../../../protocol/secagg/members.ts';
import { checkRecord, checkRecordSignature, signRecord } from '../../../protocol/secagg/record.ts';
import type { RoundRecord } from '../../../schemas/secagg.ts';
import { flippedHex, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

/** Of five, of whom the third sends no update: four are needed, and are there. */
const DROPPED = 2;
let attempt: SmallAttempt;
let right: RoundRecord;
beforeAll(async () => {
  attempt = await smallAttempt({ count: 5, presence: { upload: (index) => index !== DROPPED } });
  right = attempt.record.record;
});

const keyOf = () => attempt.terms.coordinatorKey;
const setOf = (...members: readonly number[]) => toHex(encodeSet(members, 5));
/** Signed by the coordinator, whatever it says. */
const check = async (record: RoundRecord) =>
  checkRecord(primitives, await signRecord(record, attempt.coordinator), keyOf());

test('a sound record says who took part, whose updates are in the sum, and what was opened', async () => {
  const checked = await check(right);
  expect(checked.delivered).toEqual([0, 1, 2, 3, 4]);
  expect(checked.survivors).toEqual([0, 1, 3, 4]);
  expect(checked.context).toEqual(attempt.delivered.get(0)?.context);
  expect(checked.revealed).toEqual(attempt.revealed);
  expect(checked.roster.context).toEqual(attempt.roster.context);
  expect(checked.bundles.get(1)).toEqual({ chosen: [0, 2, 3, 4] });
});

test('where the coordinator has added noise a record reveals no secret, and else all', async () => {
  const checkCentral = async (record: RoundRecord) =>
    checkRecord(primitives, await signRecord(record, attempt.coordinator), keyOf(), true);
  const quiet = { ...right, revealed: [] };
  expect((await checkCentral(quiet)).revealed).toEqual([]);
  for (const refused of [checkCentral(right), check(quiet)])
    await expect(refused).rejects.toMatchObject({
      code: 'recordInvalid',
      detail: { reason: expect.stringContaining('reveals') },
    });
});

describe('signatures', () => {
  test('of somebody else, of another record, and of another coordinator in the description', async () => {
    const stranger = await primitives.signer(new Uint8Array(32).fill(99));
    const { descriptor } = right;
    const foreign = {
      ...right,
      descriptor: {
        ...descriptor,
        descriptor: { ...descriptor.descriptor, coordinatorKey: toHex(stranger.publicKey) },
      },
    };
    await expect(checkRecordSignature(primitives, attempt.record, keyOf())).resolves.toBeUndefined();
    for (const forged of [
      await signRecord(right, stranger),
      { ...attempt.record, record: { ...right, nextModel: '44'.repeat(32) } },
      await signRecord(foreign, attempt.coordinator),
    ])
      for (const refused of [
        checkRecordSignature(primitives, forged, keyOf()),
        checkRecord(primitives, forged, keyOf()),
      ])
        await expect(refused).rejects.toMatchObject({
          code: 'recordInvalid',
          detail: { reason: 'it is not of the pinned coordinator' },
        });
    await expect(
      checkRecordSignature(primitives, attempt.record, toHex(stranger.publicKey)),
    ).rejects.toMatchObject({ code: 'recordInvalid' });
  });
});

/** The item at this place says something else. */
const changed = <Item>(items: readonly Item[], at: number, change: (item: Item) => Item): Item[] =>
  items.map((item, i) => (i === at ? change(item) : item));

describe('signed by the coordinator, it contradicts itself:', () => {
  test.each<
    [what: string, change: () => Partial<RoundRecord> | Promise<Partial<RoundRecord>>, reason: string]
  >([
    [
      'keys that their owner has not signed',
      () => ({
        roster: {
          ...right.roster,
          members: changed(right.roster.members, 1, (it) => ({ ...it, nonce: flippedHex(it.nonce) })),
        },
      }),
      'are not signed by it',
    ],
    ['a set beyond the roster', () => ({ survivors: '3b' }), 'its sets contradict each other'],
    [
      'a set of another length',
      () => ({ delivered: `${right.delivered}00` }),
      'its sets contradict each other',
    ],
    [
      'a survivor whose shares did not come',
      () => ({ delivered: setOf(0, 1, 2, 3) }),
      'its sets contradict each other',
    ],
    [
      'fewer survivors than were promised',
      () => ({ survivors: setOf(0, 1, 3), updates: right.updates.slice(0, 3) }),
      'enough survivors',
    ],
    ['an update too few', () => ({ updates: right.updates.slice(1) }), 'enough survivors'],
    ['a secret too few', () => ({ revealed: right.revealed.slice(1) }), 'one secret for each'],
    [
      'an update that its sender has not signed',
      () => ({ updates: changed(right.updates, 0, (it) => ({ ...it, sha256: flippedHex(it.sha256) })) }),
      'is not signed by it',
    ],
    [
      'two updates the other way round',
      () => ({ updates: [right.updates[1], right.updates[0], ...right.updates.slice(2)] as never }),
      'is not signed by it',
    ],
    [
      'one who dropped out, in place of a survivor',
      () => ({ survivors: setOf(0, 1, 2, 3) }),
      'is not signed by it',
    ],
    ['another root', () => ({ root: flippedHex(right.root) }), 'its root is not that of its updates'],
    [
      'too few consents',
      () => ({ certificate: { consents: right.certificate.consents.slice(1) } }),
      'too few have consented',
    ],
    [
      'a forged consent',
      () => ({
        certificate: {
          consents: changed(right.certificate.consents, 0, (it) => ({
            ...it,
            signature: flippedHex(it.signature),
          })),
        },
      }),
      'too few have consented',
    ],
    [
      'a secret that is not that of a key',
      () => ({
        revealed: changed(right.revealed, DROPPED, (it) => `${it.slice(0, -2)}${flippedHex(it.slice(-2))}`),
      }),
      'is not the secret of its key',
    ],
    [
      'the seed of one who dropped out',
      () => ({
        revealed: changed(right.revealed, DROPPED, () =>
          toHex(attempt.keys.get(DROPPED)?.seed.reveal() ?? new Uint8Array()),
        ),
      }),
      'is not the secret of its key',
    ],
    ['a set of holders that is none', () => ({ chosen: Array(5).fill('ffff') }), 'a set of holders is none'],
  ])('%s', async (_what, change, reason) => {
    await expect(check(right)).resolves.toBeDefined();
    await expect(check({ ...right, ...(await change()) })).rejects.toMatchObject({
      code: 'recordInvalid',
      detail: { reason: expect.stringContaining(reason) },
    });
  });

  test('another roster: everything that was said belongs to the one that there was', async () => {
    const { identity, nodeId } = attempt.parties[1] ?? {};
    if (!identity || !nodeId) throw new Error('unreachable');
    const random = seededRandom(new Uint8Array(32).fill(55));
    const { advertisement } = await advertise(primitives, attempt.round, identity, nodeId, random);
    const members = changed(right.roster.members, 1, () => advertisement);
    await expect(check({ ...right, roster: { ...right.roster, members } })).rejects.toMatchObject({
      code: 'recordInvalid',
      detail: { reason: expect.stringContaining('the update of') },
    });
  });
});
