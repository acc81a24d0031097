import { beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import { nodeIdOf } from '../../../protocol/identity.ts';
import type { Signer } from '../../../protocol/primitives.ts';
import { type RandomSource, seededRandom } from '../../../protocol/random.ts';
import { advertise, checkAdvertisement, isSigned, wipeKeys } from '../../../protocol/secagg/advertisement.ts';
import type { Advertisement } from '../../../schemas/secagg.ts';
import { advertising } from '../../fixtures/advertised-keys.ts';
import { flippedHex } from '../../fixtures/small-attempt.ts';

const ROUND = new Uint8Array(32).fill(1);
const random = seededRandom(new Uint8Array(32).fill(2));
let identity: Signer;
let member: { nodeId: string; publicKey: string };
let sound: Advertisement;

beforeAll(async () => {
  identity = await primitives.signer(new Uint8Array(32).fill(3));
  member = { nodeId: await nodeIdOf(identity.publicKey), publicKey: toHex(identity.publicKey) };
  sound = (await advertise(primitives, ROUND, identity, member.nodeId, random)).advertisement;
});

const check = (advertisement: Advertisement, round = ROUND) =>
  checkAdvertisement(primitives, round, advertisement, member);

test('keys that a member has signed for this attempt are taken', async () => {
  await expect(check(sound)).resolves.toBeUndefined();
  expect(sound).toMatchObject(member);
});

test.each<[what: string, change: (sound: Advertisement) => Advertisement]>([
  ['the id of another node', (it) => ({ ...it, nodeId: flippedHex(it.nodeId) })],
  ['the identity of another node', (it) => ({ ...it, publicKey: flippedHex(it.publicKey) })],
  ['another channel key', (it) => ({ ...it, channelKey: flippedHex(it.channelKey) })],
  ['another mask key', (it) => ({ ...it, maskKey: flippedHex(it.maskKey) })],
  ['its keys the other way round', (it) => ({ ...it, channelKey: it.maskKey, maskKey: it.channelKey })],
  ['another nonce', (it) => ({ ...it, nonce: flippedHex(it.nonce) })],
  ['another signature', (it) => ({ ...it, signature: flippedHex(it.signature) })],
])('%s is refused', async (_what, change) => {
  await expect(check(sound)).resolves.toBeUndefined();
  await expect(check(change(sound))).rejects.toMatchObject({ code: 'advertisementInvalid' });
});

test('what was signed for another attempt is refused in this one', async () => {
  const other = new Uint8Array(32).fill(8);
  await expect(check(sound, other)).rejects.toMatchObject({ code: 'advertisementInvalid' });
  expect(await isSigned(primitives, ROUND, sound)).toBe(true);
  expect(await isSigned(primitives, other, sound)).toBe(false);
});

test('one key for both uses is refused, though it is signed', async () => {
  const stuck: RandomSource = { fill: (bytes) => void bytes.fill(5) };
  const { advertisement } = await advertise(primitives, ROUND, identity, member.nodeId, stuck);
  expect(await isSigned(primitives, ROUND, advertisement)).toBe(true);
  await expect(check(advertisement)).rejects.toMatchObject({
    code: 'advertisementInvalid',
    detail: { reason: 'one key is used twice' },
  });
});

test.each(['channelKey', 'maskKey'] as const)(
  'a %s of small order is refused, though it is signed',
  async (bad) => {
    const point = new Uint8Array(32); // of order 4
    const hostile = bad === 'channelKey' ? advertising(point) : advertising(undefined, point);
    const { advertisement } = await advertise(hostile, ROUND, identity, member.nodeId, random);
    expect(advertisement[bad]).toBe(toHex(point));
    expect(await isSigned(primitives, ROUND, advertisement)).toBe(true);
    await expect(check(advertisement)).rejects.toMatchObject({ code: 'keyLowOrder' });
  },
);

test('each attempt has keys of its own, and they are gone when it is over', async () => {
  const keys = await advertise(primitives, ROUND, identity, member.nodeId, random);
  for (const name of ['channelKey', 'maskKey', 'nonce'] as const)
    expect(keys.advertisement[name]).not.toBe(sound[name]);
  const secrets = [keys.maskSecret, keys.seed];
  expect(secrets.some((secret) => secret.reveal().every((byte) => byte === 0))).toBe(false);
  wipeKeys(keys);
  expect(secrets.every((secret) => secret.reveal().every((byte) => byte === 0))).toBe(true);
  expect(JSON.stringify(keys)).toContain('[secret]');
});
