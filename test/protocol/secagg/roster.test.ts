import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { advertise } from '../../../protocol/secagg/advertisement.ts';
import {
  agreeOn,
  checkParty,
  checkRoster,
  type Party,
  type PinnedKeys,
  signRoster,
  sortMembers,
} from '../../../protocol/secagg/roster.ts';
import type { Advertisement, Roster, RoundDescriptor } from '../../../schemas/secagg.ts';
import { flippedHex, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

let attempt: SmallAttempt;
let members: Advertisement[];
beforeAll(async () => {
  attempt = await smallAttempt();
  ({ members } = attempt.record.record.roster);
});

const OWN = 1;
const own = () => members[OWN] as Advertisement;
const known: PinnedKeys = (nodeId) => members.find((member) => member.nodeId === nodeId)?.publicKey;
const signed = (changed: readonly Advertisement[]) =>
  signRoster(primitives, attempt.round, changed, attempt.coordinator);

interface Told {
  readonly roster?: Roster;
  readonly descriptor?: Partial<RoundDescriptor>;
  readonly pinned?: PinnedKeys;
  readonly round?: Uint8Array;
}

async function check({ roster, descriptor = {}, pinned = known, round = attempt.round }: Told = {}) {
  const plain = { ...attempt.descriptor.descriptor, ...descriptor };
  return checkRoster(primitives, plain, round, roster ?? (await signed(members)), own(), pinned);
}

/** The same roster, in which one member says something else. */
const withMember = (index: number, change: Partial<Advertisement>) =>
  members.map((member, i) => (i === index ? { ...member, ...change } : member));

test('a roster that holds is agreed on, in the order of ids, with one context for all', async () => {
  const agreed = await check();
  expect(agreed.parties.map(({ nodeId }) => nodeId)).toEqual(attempt.parties.map(({ nodeId }) => nodeId));
  expect(agreed.context).toEqual(attempt.roster.context);
  const fewer = await agreeOn(primitives, agreed.descriptor, agreed.round, members.slice(1));
  expect(fewer.context).not.toEqual(agreed.context);
  expect(sortMembers([...members].reverse())).toEqual(members);
});

describe('forged', () => {
  test('a signature of somebody else, of another attempt, or of other members', async () => {
    await expect(check()).resolves.toBeDefined();
    const right = await signed(members);
    const stranger = await primitives.signer(new Uint8Array(32).fill(99));
    const forged = [
      await signRoster(primitives, attempt.round, members, stranger),
      await signRoster(primitives, new Uint8Array(32), members, attempt.coordinator),
      { ...right, members: members.slice(0, 3) },
      { ...right, signature: flippedHex(right.signature) },
    ];
    for (const roster of forged)
      await expect(check({ roster })).rejects.toMatchObject({ code: 'rosterInvalid' });
  });

  test('members out of order, or twice', async () => {
    const [a, b, c, d] = members as [Advertisement, Advertisement, Advertisement, Advertisement];
    for (const wrong of [
      [b, a, c, d],
      [a, b, b, c],
    ])
      await expect(check({ roster: await signed(wrong) })).rejects.toMatchObject({
        code: 'rosterInvalid',
        detail: { reason: 'its members are not in ascending order' },
      });
  });

  test('keys that their owner has not signed', async () => {
    const other = (OWN + 1) % members.length;
    const roster = await signed(withMember(other, { maskKey: flippedHex(members[other]?.maskKey ?? '') }));
    await expect(check({ roster })).rejects.toMatchObject({ code: 'rosterInvalid' });
    // Where each has few neighbours, it looks at those alone, once it knows them.
    const sparse = { degree: 2, threshold: 2 };
    const agreed = await check({ roster, descriptor: sparse });
    await expect(checkParty(primitives, agreed, agreed.parties[other] as Party)).rejects.toMatchObject({
      code: 'rosterInvalid',
    });
    await expect(checkParty(primitives, agreed, agreed.parties[OWN] as Party)).resolves.toBeUndefined();
  });
});

describe('of another size', () => {
  test('more than the job has asked for', async () => {
    await expect(check({ descriptor: { rosterMaximum: 4 } })).resolves.toBeDefined();
    await expect(check({ descriptor: { rosterMaximum: 3 } })).rejects.toMatchObject({
      code: 'rosterInvalid',
    });
  });

  test('fewer than the job has promised', async () => {
    await expect(check({ roster: await signed(members.slice(0, 3)) })).resolves.toBeDefined();
    await expect(check({ roster: await signed(members.slice(0, 2)) })).rejects.toMatchObject({
      code: 'cohortTooSmall',
      detail: { needed: 3, got: 2 },
    });
  });

  test('so many that two halves, with the colluders in both, could each open something', async () => {
    await expect(check({ descriptor: { threshold: 3, colluders: 1 } })).resolves.toBeDefined();
    await expect(check({ descriptor: { threshold: 2 } })).rejects.toMatchObject({
      code: 'thresholdTooLow',
      detail: { threshold: 2, needed: 3 },
    });
    await expect(check({ descriptor: { threshold: 3, colluders: 2 } })).rejects.toMatchObject({
      code: 'thresholdTooLow',
    });
    await expect(check({ descriptor: { degree: 2, threshold: 1 } })).rejects.toMatchObject({
      code: 'thresholdTooLow',
      detail: { needed: 2 },
    });
  });
});

describe('its own keys', () => {
  test('left out', async () => {
    const roster = await signed(members.filter((_, index) => index !== OWN));
    await expect(check({ roster })).rejects.toMatchObject({ code: 'ownKeysAltered' });
  });

  test('replaced, even by keys that it has signed itself', async () => {
    const { identity, nodeId } = attempt.parties[OWN] ?? {};
    if (!identity || !nodeId) throw new Error('unreachable');
    const random = seededRandom(new Uint8Array(32).fill(44));
    const again = await advertise(primitives, attempt.round, identity, nodeId, random);
    const roster = await signed(withMember(OWN, again.advertisement));
    await expect(check({ roster })).rejects.toMatchObject({ code: 'ownKeysAltered' });
  });
});

describe('one party that pretends to be several', () => {
  test.each([
    ['identity', 'publicKey'],
    ['channel key', 'channelKey'],
    ['mask key', 'maskKey'],
  ] as const)('%s', async (what, field) => {
    const key = members[0]?.[field] ?? '';
    const roster = await signed(withMember(3, { [field]: key }));
    await expect(check({ roster })).rejects.toMatchObject({
      code: 'rosterKeyDuplicate',
      detail: { what, key },
    });
  });

  test('the channel key of one as the mask key of another', async () => {
    const roster = await signed(withMember(3, { maskKey: members[0]?.channelKey ?? '' }));
    await expect(check({ roster })).rejects.toMatchObject({ code: 'rosterKeyDuplicate' });
  });
});

test('whoever is not in the pinned directory, or there with another key, is not trained with', async () => {
  const stranger = members[2]?.nodeId ?? '';
  const others: PinnedKeys[] = [
    (nodeId) => (nodeId === stranger ? undefined : known(nodeId)),
    (nodeId) => (nodeId === stranger ? toHex(attempt.coordinator.publicKey) : known(nodeId)),
  ];
  for (const pinned of others)
    await expect(check({ pinned })).rejects.toMatchObject({
      code: 'identityUnpinned',
      detail: { nodeId: stranger },
    });
});
