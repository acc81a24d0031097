import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import type { Agreement } from '../../../protocol/primitives.ts';
import { Channel } from '../../../protocol/secagg/channel.ts';

const secretOf = (byte: number) => new Uint8Array(32).fill(byte);

/** An agreement, and what it has given away. */
async function watched(byte: number) {
  const agreement = await primitives.agreement(secretOf(byte));
  const given: Uint8Array[] = [];
  const watching: Agreement = {
    ...agreement,
    with: async (publicKey) => {
      const agreed = await agreement.with(publicKey);
      given.push(agreed);
      return agreed;
    },
  };
  return { agreement, given, channel: new Channel(watching) };
}

const isWiped = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

test('both ways to a peer take one agreement, whoever wipes what', async () => {
  const { agreement, given, channel } = await watched(1);
  expect(channel.publicKey).toEqual(agreement.publicKey);
  const [one, other] = [await primitives.agreement(secretOf(2)), await primitives.agreement(secretOf(3))];
  for (const { publicKey } of [one, other]) {
    const agreed = await agreement.with(publicKey);
    for (const _way of ['there', 'back']) {
      const got = await channel.with(publicKey);
      expect(got).toEqual(agreed);
      got.fill(0);
    }
  }
  expect(given).toHaveLength(2);
  expect(given.every(isWiped)).toBe(true);
});

test('what is kept is gone when the keys are, and nothing is kept after', async () => {
  const { given, channel } = await watched(1);
  const { publicKey } = await primitives.agreement(secretOf(2));
  (await channel.with(publicKey)).fill(0);
  expect(given.map(isWiped)).toEqual([false]);
  channel.wipe();
  expect(given.map(isWiped)).toEqual([true]);
  for (const _time of [1, 2]) (await channel.with(publicKey)).fill(0);
  expect(given.map(isWiped)).toEqual([true, true, true]);
});

test('a key of small order is refused each time', async () => {
  const { channel } = await watched(1);
  for (const _time of [1, 2])
    await expect(channel.with(new Uint8Array(32))).rejects.toMatchObject({ code: 'keyLowOrder' });
});
