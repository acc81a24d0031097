/**
 * The arithmetic of an attempt, with nobody between: whoever drops out after the shares were dealt, the sum of what arrives,
 * less the masks that t shares open, is the survivors' integer sum, to the bit.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { randomBytes, seededRandom } from '../../../protocol/random.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { RingSum } from '../../../protocol/ring/sum.ts';
import { encodeUpdate, packIntegers, updateIntegers } from '../../../protocol/ring/update.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import { pairSeed } from '../../../protocol/secagg/derivation.ts';
import { addMasks, type Mask, pairSign, without } from '../../../protocol/secagg/mask.ts';
import { combine, split } from '../../../protocol/secagg/shamir.ts';

interface Participant {
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly seed: Uint8Array;
  /** Of the seed and of the secret, for each participant. */
  readonly shares: Readonly<Record<'seed' | 'secret', readonly Uint8Array[]>>;
}

async function deal(count: number, threshold: number, at: number): Promise<Participant> {
  const { random } = primitives;
  const [secret, seed] = [randomBytes(random, 32), randomBytes(random, 32)];
  const id = new Uint8Array(16).fill(at);
  const shares = {
    seed: split(seed, threshold, count, random),
    secret: split(secret, threshold, count, random),
  };
  const { publicKey } = await primitives.agreement(secret);
  return { id, secret, seed, publicKey, shares };
}

const context = new Uint8Array(32).fill(9);
const pairMask = async (secret: Uint8Array, own: Participant, other: Participant): Promise<Mask> => ({
  seed: await pairSeed(
    primitives,
    {
      agreement: await primitives.agreement(secret),
      publicKey: other.publicKey,
      own: own.id,
      other: other.id,
    },
    context,
  ),
  sign: pairSign(own.id, other.id),
});

const attempt = fc
  .record({
    count: fc.integer({ min: 3, max: 7 }),
    width: fc.integer({ min: 16, max: 32 }),
    length: fc.integer({ min: 1, max: 90 }),
    keyStream: fc.constantFrom('aes-256-ctr' as const, 'chacha20' as const),
  })
  .chain((given) =>
    fc.record({
      given: fc.constant(given),
      // More than half, and what is left after the dropouts can open.
      survivors: fc.shuffledSubarray(
        Array.from({ length: given.count }, (_, i) => i),
        { minLength: Math.floor(given.count / 2) + 1 },
      ),
    }),
  );

test('the sum of the survivors, to the bit, whoever drops out; one update alone is nothing of the kind', async () => {
  await fc.assert(
    fc.asyncProperty(attempt, async ({ given: { count, width, length, keyStream }, survivors }) => {
      const threshold = Math.floor(count / 2) + 1;
      const all = await Promise.all(Array.from({ length: count }, (_, at) => deal(count, threshold, at)));
      const codec = planCodec({ clipNorm: 1, cohortMax: count, weightMax: 5, counters: 1, width });
      const maker = { primitives, keyStream, layout: layoutOf(codec, length) };
      const [masked, plain] = [new RingSum(codec, length), new RingSum(codec, length)];
      for (const at of survivors) {
        const me = all[at] as Participant;
        const delta = Float32Array.from({ length }, (_, i) => Math.sin(7 * at + i) / 10);
        const update = { delta, weight: 1 + (at % 5), counters: [at % 5] };
        const words = () => seededRandom(new Uint8Array(32).fill(at));
        const integers = updateIntegers(update, codec, words());
        const others = all.filter((other) => other !== me);
        const pairs = await Promise.all(others.map((other) => pairMask(me.secret, me, other)));
        await addMasks(integers, [{ seed: me.seed, sign: 1 }, ...pairs], maker);
        const payload = packIntegers(integers, codec);
        const unmasked = encodeUpdate(update, codec, words());
        expect(Buffer.compare(payload, unmasked)).not.toBe(0);
        masked.add(payload);
        plain.add(unmasked);
      }

      const helpers = survivors.slice(0, threshold);
      const opened = (owner: Participant, what: 'seed' | 'secret') =>
        combine(helpers.map((at) => ({ place: at + 1, bytes: owner.shares[what][at] as Uint8Array })));
      const masks: Mask[] = [];
      for (const [at, owner] of all.entries()) {
        if (survivors.includes(at)) masks.push({ seed: opened(owner, 'seed'), sign: 1 });
        else {
          const secret = opened(owner, 'secret');
          for (const other of survivors) {
            const survivor = all[other] as Participant;
            // As the survivor has added it, which the secret of either gives.
            masks.push(without(await pairMask(secret, owner, survivor)));
          }
        }
      }
      await addMasks(masked.integers, masks.map(without), maker);
      expect(masked.open()).toEqual(plain.open());
    }),
    { numRuns: 40 },
  );
});
