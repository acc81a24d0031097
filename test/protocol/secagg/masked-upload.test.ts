import { beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import type { AttemptKeys } from '../../../protocol/secagg/advertisement.ts';
import type { Delivered } from '../../../protocol/secagg/delivery.ts';
import { isUploadSigned, masksOf, signUpload } from '../../../protocol/secagg/masked-upload.ts';
import type { AgreedRoster, Party } from '../../../protocol/secagg/roster.ts';
import { flipped, flippedHex, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

let attempt: SmallAttempt;
beforeAll(async () => {
  attempt = await smallAttempt();
});

const partyOf = (index: number) => attempt.roster.parties[index] as Party;
const deliveredTo = (index: number) => attempt.delivered.get(index) as Delivered;
const masks = (own: number, changed: Partial<Delivered> = {}, roster: AgreedRoster = attempt.roster) =>
  masksOf(primitives, roster, own, attempt.keys.get(own) as AttemptKeys, { ...deliveredTo(own), ...changed });

test('a mask of its own, and one with each peer: the same for both, with opposite signs', async () => {
  const all = await Promise.all([0, 1, 2, 3].map((index) => masks(index)));
  const own = all.map(([first]) => first);
  for (const [index, mask] of own.entries())
    expect(mask).toEqual({ seed: attempt.keys.get(index)?.seed.reveal(), sign: 1 });
  const signs = new Map<string, number[]>();
  for (const { seed, sign } of all.flatMap(([, ...shared]) => shared))
    signs.set(toHex(seed), [...(signs.get(toHex(seed)) ?? []), sign]);
  expect([...signs.values()].map((pair) => pair.sort())).toEqual(Array(6).fill([-1, 1]));
});

test('who was told of another context has other masks with everybody', async () => {
  const seeds = async (changed: Partial<Delivered> = {}) =>
    new Set((await masks(0, changed)).slice(1).map(({ seed }) => toHex(seed)));
  const right = await seeds();
  expect(await seeds()).toEqual(right);
  for (const seed of await seeds({ context: flipped(deliveredTo(0).context) }))
    expect(right.has(seed)).toBe(false);
});

test('a peer whose key is of small order is refused', async () => {
  const parties = attempt.roster.parties.map((party, index) =>
    index === 2 ? { ...party, maskKey: new Uint8Array(32) } : party,
  );
  await expect(masks(0)).resolves.toHaveLength(4);
  await expect(masks(0, {}, { ...attempt.roster, parties })).rejects.toMatchObject({ code: 'keyLowOrder' });
});

test('an update is signed by its sender, for this context, as it was sent', async () => {
  const { context } = deliveredTo(0);
  const sha256 = 'ab'.repeat(32);
  const { identity } = attempt.parties[0] ?? {};
  if (!identity) throw new Error('unreachable');
  const signature = await signUpload(identity, context, partyOf(0), sha256);
  const is = (of: Party, told: { sha256: string; signature: string }, within = context) =>
    isUploadSigned(primitives, within, of, told);
  expect(await is(partyOf(0), { sha256, signature })).toBe(true);
  expect(await is(partyOf(0), { sha256: flippedHex(sha256), signature })).toBe(false);
  expect(await is(partyOf(0), { sha256, signature: flippedHex(signature) })).toBe(false);
  expect(await is(partyOf(0), { sha256, signature }, flipped(context))).toBe(false);
  expect(await is(partyOf(1), { sha256, signature })).toBe(false);
  expect(await is({ ...partyOf(0), id: partyOf(1).id }, { sha256, signature })).toBe(false);
});
