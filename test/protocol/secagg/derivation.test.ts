import { createHash, hkdfSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import {
  isBelow,
  maskContext,
  pairSeed,
  rosterContext,
  seedCommitment,
  shareContext,
  shareKey,
} from '../../../protocol/secagg/derivation.ts';

const filled = (byte: number, length = 32) => new Uint8Array(length).fill(byte);
const [round, roster, seed] = [filled(1), filled(2), filled(3)];
const [low, high] = [filled(4, 16), filled(5, 16)];
const [mine, theirs] = [filled(6), filled(7)];

async function pairOf(own: 'low' | 'high') {
  const [secret, other] = own === 'low' ? [mine, theirs] : [theirs, mine];
  return {
    agreement: await primitives.agreement(secret),
    publicKey: (await primitives.agreement(other)).publicKey,
    ...(own === 'low' ? { own: low, other: high } : { own: high, other: low }),
  };
}

describe('known answers, made with node:crypto from the words of SPEC.md 11.5', () => {
  const hash = (label: string, ...parts: Uint8Array[]) =>
    createHash('sha256').update(`HSA1 ${label}\0`).update(Buffer.concat(parts)).digest('hex');

  test('contexts and commitments', async () => {
    expect(toHex(await rosterContext(primitives, round, roster))).toBe(hash('ctx', round, roster));
    const delivered = Uint8Array.of(0b101);
    expect(toHex(await maskContext(primitives, round, delivered))).toBe(hash('ctx2', round, delivered));
    expect(toHex(await seedCommitment(primitives, round, low, seed))).toBe(hash('cb', round, low, seed));
    expect(Buffer.from(shareContext(round, low, high))).toEqual(
      Buffer.concat([Buffer.from('HSA1 share\0'), round, low, high]),
    );
  });

  test('seeds of a pair and keys of shares', async () => {
    const pair = await pairOf('low');
    const shared = await pair.agreement.with(pair.publicKey);
    const derive = (label: string, ...ids: Uint8Array[]) =>
      Buffer.from(
        hkdfSync('sha256', shared, round, Buffer.concat([Buffer.from(`HSA1 ${label}\0`), ...ids]), 32),
      ).toString('hex');
    expect(toHex(await pairSeed(primitives, pair, round))).toBe(derive('mask', low, high));
    expect(toHex(await shareKey(primitives, pair, round, [low, high]))).toBe(derive('share', low, high));
  });
});

test('both of a pair derive the same seed; under another context another', async () => {
  const [one, other] = [await pairOf('low'), await pairOf('high')];
  const seedOf = (pair: typeof one, context: Uint8Array) => pairSeed(primitives, pair, context).then(toHex);
  expect(await seedOf(one, round)).toBe(await seedOf(other, round));
  expect(await seedOf(one, roster)).not.toBe(await seedOf(one, round));
});

test('each way of a pair has a key of its own, which both know', async () => {
  const [one, other] = [await pairOf('low'), await pairOf('high')];
  const keyOf = (pair: typeof one, way: readonly [Uint8Array, Uint8Array]) =>
    shareKey(primitives, pair, round, way).then(toHex);
  expect(await keyOf(one, [low, high])).toBe(await keyOf(other, [low, high]));
  expect(await keyOf(one, [high, low])).not.toBe(await keyOf(one, [low, high]));
});

test('with a peer whose key is of small order nothing is derived', async () => {
  const pair = await pairOf('low');
  await expect(pairSeed(primitives, pair, round)).resolves.toBeDefined();
  const hostile = { ...pair, publicKey: filled(0) };
  await expect(pairSeed(primitives, hostile, round)).rejects.toMatchObject({ code: 'keyLowOrder' });
  await expect(shareKey(primitives, hostile, round, [low, high])).rejects.toMatchObject({
    code: 'keyLowOrder',
  });
});

test('ids are in the order of their bytes', () => {
  expect(isBelow(low, high)).toBe(true);
  expect(isBelow(high, low)).toBe(false);
  expect(isBelow(low, low)).toBe(false);
  expect(isBelow(Uint8Array.of(1, 255), Uint8Array.of(2, 0))).toBe(true);
});
