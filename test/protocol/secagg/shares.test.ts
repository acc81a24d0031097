import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { seededRandom } from '../../../protocol/random.ts';
import type { AttemptKeys } from '../../../protocol/secagg/advertisement.ts';
import { shareContext, shareKey } from '../../../protocol/secagg/derivation.ts';
import { encodeSet } from '../../../protocol/secagg/members.ts';
import type { AgreedRoster, Party } from '../../../protocol/secagg/roster.ts';
import { combine } from '../../../protocol/secagg/shamir.ts';
import {
  bundleBytes,
  type HeldShares,
  holdersOf,
  isCommittedSeed,
  openShares,
  parseBundle,
  RECORD_BYTES,
  recordFor,
  type ShareBundle,
  shareSecrets,
} from '../../../protocol/secagg/shares.ts';
import { flipped, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

let attempt: SmallAttempt;
beforeAll(async () => {
  attempt = await smallAttempt();
});

const [DEALER, HOLDER] = [0, 2];
const random = seededRandom(new Uint8Array(32).fill(6));
const partyOf = (index: number) => attempt.roster.parties[index] as Party;
const keysOf = (index: number) => attempt.keys.get(index) as AttemptKeys;
const share = (roster: AgreedRoster, dealer = DEALER) =>
  shareSecrets(primitives, roster, dealer, keysOf(dealer), random);
const sealedFor = (bundle: ShareBundle, holder: number) => recordFor(bundle, holder) as Uint8Array;

interface Opening {
  readonly record?: Uint8Array;
  readonly roster?: AgreedRoster;
  readonly dealer?: number;
  readonly holder?: number;
}

/** What the dealer has given to the holder, or something in its place. */
function open({ record, roster = attempt.roster, dealer = DEALER, holder = HOLDER }: Opening = {}) {
  const bundle = attempt.bundles.get(DEALER) as ShareBundle;
  const { channel } = keysOf(holder);
  const bytes = record ?? sealedFor(bundle, HOLDER);
  return openShares(primitives, roster, bytes, partyOf(dealer), partyOf(holder), channel);
}

/** Each gives shares to some of its own choice, as beyond 128 participants. */
const sparse = (): AgreedRoster => ({
  ...attempt.roster,
  descriptor: { ...attempt.roster.descriptor, degree: 2, threshold: 2 },
});

test('as many shares as the threshold says are the secrets, one fewer are not', async () => {
  const bundle = attempt.bundles.get(DEALER) as ShareBundle;
  const held: HeldShares[] = [];
  for (const holder of bundle.chosen) held.push(await open({ record: sealedFor(bundle, holder), holder }));
  const kept = attempt.delivered.get(DEALER)?.held.get(DEALER) as HeldShares;
  const all = [kept, ...held];
  expect(all.map(({ place }) => place)).toEqual([1, 2, 3, 4]);
  const { seed, maskSecret } = keysOf(DEALER);
  const from = (some: readonly HeldShares[], of: 'ofSeed' | 'ofMaskSecret') =>
    combine(some.map((one) => ({ place: one.place, bytes: one[of].reveal() })));
  for (const some of [all.slice(0, 3), all.slice(1)]) {
    expect(from(some, 'ofSeed')).toEqual(seed.reveal());
    expect(from(some, 'ofMaskSecret')).toEqual(maskSecret.reveal());
  }
  expect(from(all.slice(0, 2), 'ofSeed')).not.toEqual(seed.reveal());
});

test('a seed is recognised by its commitment, and no other is, nor that of another', async () => {
  const { commitment } = attempt.bundles.get(DEALER) as ShareBundle;
  const seed = keysOf(DEALER).seed.reveal();
  const is = (index: number, bytes: Uint8Array, told = commitment) =>
    isCommittedSeed(primitives, attempt.roster, partyOf(index), bytes, told);
  expect(await is(DEALER, seed)).toBe(true);
  expect(await is(DEALER, flipped(seed))).toBe(false);
  expect(await is(HOLDER, seed)).toBe(false);
  expect(await is(DEALER, seed, flipped(commitment))).toBe(false);
});

describe('a record that cannot be opened', () => {
  test.each<[what: string, opening: () => Opening]>([
    ['altered', () => ({ record: flipped(sealedFor(attempt.bundles.get(DEALER) as ShareBundle, HOLDER)) })],
    ['cut', () => ({ record: sealedFor(attempt.bundles.get(DEALER) as ShareBundle, HOLDER).subarray(1) })],
    ['of another dealer', () => ({ record: sealedFor(attempt.bundles.get(1) as ShareBundle, HOLDER) })],
    ['said to be of another dealer', () => ({ dealer: 1 })],
    ['for another holder', () => ({ record: sealedFor(attempt.bundles.get(DEALER) as ShareBundle, 3) })],
    [
      'of another attempt',
      () => ({ roster: { ...attempt.roster, context: flipped(attempt.roster.context) } }),
    ],
  ])('%s', async (_what, opening) => {
    await expect(open()).resolves.toMatchObject({ place: HOLDER + 1 });
    await expect(open(opening())).rejects.toMatchObject({ code: 'sharesUnreadable' });
  });

  /** Sealed by the dealer as it should be, whatever is in it. */
  async function sealed(plain: Uint8Array): Promise<Uint8Array> {
    const { context } = attempt.roster;
    const [from, to] = [partyOf(DEALER), partyOf(HOLDER)];
    const pair = { agreement: keysOf(DEALER).channel, publicKey: to.channelKey };
    const key = await shareKey(primitives, pair, context, [from.id, to.id]);
    const associated = shareContext(context, from.id, to.id);
    return primitives.seal(plain, { key, nonce: new Uint8Array(24), associated });
  }
  const plainOf = (place: number, length = 65) =>
    Uint8Array.from({ length }, (_, i) => (i === 0 ? place : 7));

  test('a place that is not its own, or none', async () => {
    const { nodeId } = partyOf(DEALER);
    await expect(open({ record: await sealed(plainOf(HOLDER + 1)) })).resolves.toMatchObject({ place: 3 });
    for (const place of [0, HOLDER, HOLDER + 2, 255])
      await expect(open({ record: await sealed(plainOf(place)) })).rejects.toMatchObject({
        code: 'sharesUnreadable',
        detail: { from: nodeId },
      });
    // Where the dealer has chosen some, the holder knows no more than how many.
    for (const place of [1, 2])
      await expect(open({ record: await sealed(plainOf(place)), roster: sparse() })).resolves.toBeDefined();
    for (const place of [0, 3])
      await expect(open({ record: await sealed(plainOf(place)), roster: sparse() })).rejects.toMatchObject({
        code: 'sharesUnreadable',
      });
  });

  test('shares of another length', async () => {
    for (const length of [64, 66])
      await expect(open({ record: await sealed(plainOf(HOLDER + 1, length)) })).rejects.toMatchObject({
        code: 'sharesUnreadable',
      });
  });
});

describe('a bundle, as the coordinator sees it', () => {
  const bundleOf = async (chosen: readonly number[]) => {
    const { bytes } = await share(attempt.roster);
    bytes.set(encodeSet(chosen, 4), 32);
    return bytes;
  };

  test('is for all others', async () => {
    const { bytes } = await share(attempt.roster);
    expect(bytes.length).toBe(bundleBytes(attempt.roster));
    expect(bytes.length).toBe(32 + 1 + 3 * RECORD_BYTES);
    expect(parseBundle(bytes, attempt.roster, DEALER)).toMatchObject({ chosen: [1, 2, 3] });
  });

  test('of another length is refused', async () => {
    const { bytes } = await share(attempt.roster);
    for (const wrong of [bytes.subarray(1), Uint8Array.of(...bytes, 0), new Uint8Array()])
      expect(() => parseBundle(wrong, attempt.roster, DEALER)).toThrow(
        expect.objectContaining({ code: 'invalidLength' }),
      );
  });

  test.each<[what: string, chosen: number[]]>([
    ['for too few', [1, 2]],
    ['for itself', [0, 1, 2]],
    ['for all and itself', [0, 1, 2, 3]],
  ])('%s is refused', async (_what, chosen) => {
    expect(parseBundle(await bundleOf([1, 2, 3]), attempt.roster, DEALER).records).toHaveLength(3 * 81);
    const wrong = await bundleOf(chosen);
    expect(() => parseBundle(wrong, attempt.roster, DEALER)).toThrow(
      expect.objectContaining({ code: 'sharesInvalid' }),
    );
  });

  test('for somebody beyond the roster is refused', async () => {
    const wrong = await bundleOf([1, 2, 3]);
    wrong[32] = 0b1_0110;
    expect(() => parseBundle(wrong, attempt.roster, DEALER)).toThrow(
      expect.objectContaining({ code: 'sharesInvalid' }),
    );
  });
});

test('beyond 128 participants the dealer draws its holders, never itself, and keeps nothing', async () => {
  const drawn = new Set<string>();
  for (let i = 0; i < 30; i += 1) {
    const { bytes, chosen, kept } = await share(sparse());
    expect(kept).toBeUndefined();
    expect(chosen).toHaveLength(2);
    expect(chosen).not.toContain(DEALER);
    expect(parseBundle(bytes, sparse(), DEALER).chosen).toEqual(chosen);
    expect(holdersOf(sparse(), DEALER, chosen)).toEqual(chosen);
    drawn.add(chosen.join());
  }
  expect([...drawn].sort()).toEqual(['1,2', '1,3', '2,3']);
  expect(holdersOf(attempt.roster, 1, [0, 2, 3])).toEqual([0, 1, 2, 3]);
});
