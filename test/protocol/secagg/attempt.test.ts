/**
 * A whole attempt: whoever drops out between any two messages, as long as enough are left, the sum that is opened is the
 * survivors' integer sum to the bit, and the record says so to whoever reads it.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { seededRandom } from '../../../protocol/random.ts';
import { packIntegers } from '../../../protocol/ring/update.ts';
import { checkRecord } from '../../../protocol/secagg/record.ts';
import { runAttempt } from '../../fixtures/secure-attempt.ts';
import { partiesOf, plainSum, secureManifest } from '../../fixtures/secure-cohort.ts';

// covers: protocol/secagg/advertisement.ts protocol/secagg/roster.ts protocol/secagg/shares.ts protocol/secagg/delivery.ts
// covers: protocol/secagg/masked-upload.ts protocol/secagg/survivors.ts protocol/secagg/consent.ts

const setting = fc.record({
  count: fc.integer({ min: 3, max: 9 }),
  length: fc.integer({ min: 1, max: 70 }),
  width: fc.integer({ min: 16, max: 32 }),
  suite: fc.constantFrom(1 as const, 2 as const),
  seed: fc.nat({ max: 255 }),
});

/** Who is there until which message: an index each into the boundaries, as long as t are left at every one. */
const fates = fc.array(fc.constantFrom('shares', 'upload', 'consent', 'answer', 'end'), {
  minLength: 9,
  maxLength: 9,
});
const ORDER = ['shares', 'upload', 'consent', 'answer', 'end'];

test('whoever drops out, and when, the opened sum is the sum of the survivors to the bit', async () => {
  await fc.assert(
    fc.asyncProperty(setting, fates, async (given, fate) => {
      const manifest = secureManifest(given);
      const parties = await partiesOf(given, manifest);
      const ordered = [...parties].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
      const threshold = Math.floor((2 * given.count) / 3) + 1;
      // The first t by index stay to the end, so that there is an end.
      const sends = (message: string) => (index: number) =>
        index < threshold || ORDER.indexOf(fate[index] ?? 'end') > ORDER.indexOf(message);
      const transcript = await runAttempt({
        manifest,
        parties,
        coordinator: await primitives.signer(new Uint8Array(32).fill(7)),
        random: seededRandom(new Uint8Array(32).fill(given.seed ^ 0x55)),
        presence: {
          shares: sends('shares'),
          upload: sends('upload'),
          consent: sends('consent'),
          answer: sends('answer'),
        },
      });
      const survivors = ordered.filter((_, index) => sends('upload')(index));
      const expected = packIntegers(plainSum(survivors, manifest).integers, manifest.codec);
      expect(packIntegers(transcript.sum, manifest.codec)).toEqual(expected);
      const checked = await checkRecord(primitives, transcript.record, transcript.terms.coordinatorKey);
      expect(checked.survivors).toEqual(transcript.survivors.members);
    }),
    { numRuns: 25 },
  );
});

test('with too few answers nothing is opened', async () => {
  const given = { count: 4, length: 3, width: 20, suite: 1, seed: 1 } as const;
  const manifest = secureManifest(given);
  const parties = await partiesOf(given, manifest);
  const coordinator = await primitives.signer(new Uint8Array(32).fill(7));
  const attempt = (answering: number) =>
    runAttempt({
      manifest,
      parties,
      coordinator,
      random: seededRandom(new Uint8Array(32).fill(3)),
      presence: {
        shares: () => true,
        upload: () => true,
        consent: () => true,
        answer: (index) => index < answering,
      },
    });
  await expect(attempt(2)).rejects.toMatchObject({ code: 'unmaskingFailed' });
  await expect(attempt(3)).resolves.toBeDefined();
});
