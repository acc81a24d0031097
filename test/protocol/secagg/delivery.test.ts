import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { concatBytes } from '../../../protocol/bytes.ts';
import { seededRandom } from '../../../protocol/random.ts';
import type { AttemptKeys } from '../../../protocol/secagg/advertisement.ts';
import { deliveryFor, openDelivery, type Sharing } from '../../../protocol/secagg/delivery.ts';
import { encodeSet } from '../../../protocol/secagg/members.ts';
import type { AgreedRoster, Party } from '../../../protocol/secagg/roster.ts';
import { parseBundle, recordFor, type ShareBundle, shareSecrets } from '../../../protocol/secagg/shares.ts';
import type { RoundDescriptor } from '../../../schemas/secagg.ts';
import { flipped, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

let attempt: SmallAttempt;
beforeAll(async () => {
  attempt = await smallAttempt({ count: 5 });
});

const OWN = 1;

/** Of the attempt, whose threshold is 4. */
function sharing(): Sharing {
  const kept = attempt.delivered.get(OWN)?.held.get(OWN);
  const { channel } = attempt.keys.get(OWN) as AttemptKeys;
  return { own: OWN, chosen: [0, 2, 3, 4], channel, ...(kept && { kept }) };
}
const some = (...indices: readonly number[]) =>
  new Map(indices.map((index) => [index, attempt.bundles.get(index) as ShareBundle]));
const message = (...indices: readonly number[]) => deliveryFor(attempt.roster, some(...indices), OWN);
const open = (bytes: Uint8Array, changes: Partial<RoundDescriptor> = {}) => {
  const roster = { ...attempt.roster, descriptor: { ...attempt.roster.descriptor, ...changes } };
  return openDelivery(primitives, roster, sharing(), bytes);
};
const EVERYBODY = [0, 1, 2, 3, 4];

/** With these sets, and the records of `senders`. */
function crafted(members: readonly number[], senders: readonly number[]): Uint8Array {
  const records = senders.map(
    (sender) => recordFor(attempt.bundles.get(sender) as ShareBundle, OWN) ?? new Uint8Array(81),
  );
  return concatBytes(encodeSet(members, 5), encodeSet(senders, 5), ...records);
}

test('what everybody has sent is opened: shares of all, its own among them', async () => {
  const delivered = await open(message(...EVERYBODY));
  expect(delivered.members).toEqual(EVERYBODY);
  expect(delivered.peers).toEqual([0, 2, 3, 4]);
  expect([...delivered.held.keys()].sort()).toEqual(EVERYBODY);
  expect(message(...EVERYBODY)).toEqual(crafted(EVERYBODY, [0, 2, 3, 4]));
});

test('who is told of others whose shares came has another context: its masks fit nobody else', async () => {
  const [all, fewer, same] = await Promise.all([
    open(message(...EVERYBODY)),
    open(message(0, 1, 2, 3)),
    open(message(...EVERYBODY)),
  ]);
  expect(fewer.members).toEqual([0, 1, 2, 3]);
  expect(fewer.context).not.toEqual(all.context);
  expect(same.context).toEqual(all.context);
});

describe('is not what it should be:', () => {
  test.each<[what: string, bytes: () => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['somebody beyond the roster', () => flipped(message(...EVERYBODY)).fill(0b11_1111, 0, 1)],
    ['a record too few', () => message(...EVERYBODY).subarray(0, -81)],
    ['a byte too many', () => concatBytes(message(...EVERYBODY), new Uint8Array(1))],
    ['the shares of its reader left out', () => message(0, 2, 3, 4)],
    ['its reader as a giver', () => crafted(EVERYBODY, EVERYBODY)],
    ['a giver whose shares did not come', () => crafted([0, 1, 2, 3], [0, 2, 3, 4])],
    ['one that came and gave nothing', () => crafted(EVERYBODY, [0, 2, 3])],
  ])('%s', async (_what, bytes) => {
    await expect(open(message(...EVERYBODY))).resolves.toBeDefined();
    await expect(open(bytes())).rejects.toMatchObject({ code: 'deliveryInvalid' });
  });

  test('records in another order, or altered', async () => {
    const right = message(...EVERYBODY);
    const swapped = right.slice();
    swapped.set(right.subarray(2, 2 + 81), 2 + 81);
    swapped.set(right.subarray(2 + 81, 2 + 2 * 81), 2);
    for (const wrong of [swapped, flipped(right, 2), flipped(right, -1)])
      await expect(open(wrong)).rejects.toMatchObject({ code: 'sharesUnreadable' });
  });
});

test('too few have sent theirs: for the threshold, or for what the job has promised', async () => {
  await expect(open(message(0, 1, 2, 3))).resolves.toBeDefined();
  await expect(open(message(0, 1, 2))).rejects.toMatchObject({
    code: 'deliveryTooSmall',
    detail: { needed: 4, got: 3 },
  });
  await expect(open(message(0, 1, 2, 3), { survivorsMinimum: 5 })).rejects.toMatchObject({
    code: 'deliveryTooSmall',
    detail: { needed: 5, got: 4 },
  });
});

describe('where each has chosen a few', () => {
  const sparse = (): AgreedRoster => ({
    ...attempt.roster,
    descriptor: { ...attempt.roster.descriptor, degree: 2, threshold: 2, survivorsMinimum: 2 },
  });
  const random = seededRandom(new Uint8Array(32).fill(12));
  let bundles: Map<number, ShareBundle>;
  let mine: Sharing;
  beforeAll(async () => {
    bundles = new Map();
    for (const index of EVERYBODY) {
      const keys = attempt.keys.get(index) as AttemptKeys;
      const { bytes, chosen } = await shareSecrets(primitives, sparse(), index, keys, random);
      bundles.set(index, parseBundle(bytes, sparse(), index));
      if (index === OWN) mine = { own: OWN, chosen, channel: keys.channel };
    }
  });
  const opened = (roster: AgreedRoster, of: ReadonlyMap<number, ShareBundle> = bundles) =>
    openDelivery(primitives, roster, mine, deliveryFor(roster, of, OWN));

  test('peers are those who gave it shares and those to whom it gave some', async () => {
    const givers = EVERYBODY.filter((index) => bundles.get(index)?.chosen.includes(OWN));
    const { peers, held } = await opened(sparse());
    expect([...held.keys()]).toEqual(givers);
    expect(peers).toEqual([...new Set([...givers, ...mine.chosen])].sort());
  });

  test('the keys of a peer are looked at now', async () => {
    const [peer = 0] = (await opened(sparse())).peers;
    const parties = sparse().parties.map((party, index) => {
      const advertisement = { ...party.advertisement, nonce: '00'.repeat(32) };
      return index === peer ? ({ ...party, advertisement } satisfies Party) : party;
    });
    await expect(opened({ ...sparse(), parties })).rejects.toMatchObject({ code: 'rosterInvalid' });
  });

  test('one of those whom it chose is gone, and the rest could not open its secrets', async () => {
    const fewer = new Map([...bundles].filter(([index]) => index !== mine.chosen[0]));
    await expect(opened(sparse(), fewer)).rejects.toMatchObject({
      code: 'deliveryTooSmall',
      detail: { needed: 2, got: 1 },
    });
  });
});
