import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import type { AttemptKeys } from '../../../protocol/secagg/advertisement.ts';
import type { Delivered } from '../../../protocol/secagg/delivery.ts';
import type { Mask } from '../../../protocol/secagg/mask.ts';
import {
  answerBytes,
  answerFor,
  masksLeft,
  openSecrets,
  type Unmasking,
} from '../../../protocol/secagg/unmasking.ts';
import { flipped, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

const SHARE = 32;
/** Of seven, of whom five are needed: the fourth sends no update, all others stay. */
const DROPPED = 3;
let attempt: SmallAttempt;
let unmasking: Unmasking;
beforeAll(async () => {
  attempt = await smallAttempt({ count: 7, presence: { upload: (index) => index !== DROPPED } });
  const { roster, bundles, survivors } = attempt;
  unmasking = { roster, bundles, survivors: survivors.members };
});

const deliveredTo = (index: number) => attempt.delivered.get(index) as Delivered;
const secretOf = (index: number) => {
  const { seed, maskSecret } = attempt.keys.get(index) as AttemptKeys;
  return (index === DROPPED ? maskSecret : seed).reveal();
};
const open = (answers: Iterable<readonly [number, Uint8Array]>) =>
  openSecrets(primitives, unmasking, new Map(answers));

test('of each one share: of the seed of who survived, of the mask secret of who did not, never both', () => {
  const { held, members } = deliveredTo(0);
  const answer = answerFor(deliveredTo(0), attempt.survivors);
  expect(answer.length).toBe(answerBytes(unmasking, 0));
  for (const dealer of members) {
    const given = answer.subarray(dealer * SHARE, (dealer + 1) * SHARE);
    const { ofSeed, ofMaskSecret } = held.get(dealer) ?? {};
    expect(given).toEqual((dealer === DROPPED ? ofMaskSecret : ofSeed)?.reveal());
    expect(given).not.toEqual((dealer === DROPPED ? ofSeed : ofMaskSecret)?.reveal());
  }
});

test('the answers open one secret of each, and nobody is blamed', async () => {
  const { revealed, faulty } = await open(attempt.answers);
  expect(revealed).toEqual([0, 1, 2, 3, 4, 5, 6].map(secretOf));
  expect(faulty.size).toBe(0);
  const enough = await open([...attempt.answers].slice(1));
  expect(enough.revealed).toEqual(revealed);
  await expect(open([...attempt.answers].slice(2))).rejects.toMatchObject({ code: 'unmaskingFailed' });
});

describe('an answer that is wrong', () => {
  const replaced = (index: number, answer: Uint8Array) => new Map(attempt.answers).set(index, answer);

  test.each<[what: string, answer: (right: Uint8Array) => Uint8Array]>([
    ['in one share', (right) => flipped(right, 5 * SHARE)],
    ['in every share', (right) => right.map((byte) => byte ^ 0xff)],
    ['of zeros', (right) => new Uint8Array(right.length)],
    ['for other survivors', () => answerFor(deliveredTo(2), { members: [0, 1, 2, 3, 4, 5] })],
  ])('%s is found, and the rest open the secrets', async (_what, change) => {
    const right = attempt.answers.get(2) as Uint8Array;
    expect((await open(replaced(2, right))).faulty.size).toBe(0);
    const { revealed, faulty } = await open(replaced(2, change(right)));
    expect(revealed).toEqual([0, 1, 2, 3, 4, 5, 6].map(secretOf));
    expect([...faulty]).toEqual([2]);
  });

  test('opens nothing where no more than the threshold have answered', async () => {
    const five = [...attempt.answers].slice(0, 5);
    await expect(open(five)).resolves.toBeDefined();
    const wrong = five.map(([index, answer]) => [index, index === 1 ? flipped(answer) : answer] as const);
    await expect(open(wrong)).rejects.toMatchObject({
      code: 'unmaskingFailed',
      detail: { reason: expect.stringContaining(attempt.roster.parties[0]?.nodeId ?? '') },
    });
  });

  test('opens nothing where all answers are', async () => {
    const wrong = [...attempt.answers].map(([index, answer]) => [index, flipped(answer)] as const);
    await expect(open(wrong)).rejects.toMatchObject({ code: 'unmaskingFailed' });
  });
});

test('left in the sum are the own masks of the survivors, and those that they share with who dropped out', async () => {
  const left: Mask[] = [];
  const { context } = deliveredTo(0);
  for await (const mask of masksLeft(primitives, unmasking, context, attempt.revealed)) left.push(mask);
  expect(left).toHaveLength(6 + 6);
  const own = left.filter(({ seed }) => attempt.survivors.members.some((i) => sameBytes(seed, secretOf(i))));
  expect(own.map(({ sign }) => sign)).toEqual(Array(6).fill(-1));
  // What the first three have taken away or added is the other way round for the last three.
  const shared = left.filter((mask) => !own.includes(mask)).map(({ sign }) => sign);
  expect(shared).toEqual([-1, -1, -1, 1, 1, 1]);
});

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
