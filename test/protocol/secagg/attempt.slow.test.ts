/**
 * An attempt in which each has a few neighbours of its own choice, as in a cohort beyond 128.
 */
import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { seededRandom } from '../../../protocol/random.ts';
import { packIntegers } from '../../../protocol/ring/update.ts';
import { runAttempt } from '../../fixtures/secure-attempt.ts';
import { partiesOf, plainSum, secureManifest } from '../../fixtures/secure-cohort.ts';

test('where each has a few neighbours of its own choice, it is the same', { timeout: 120_000 }, async () => {
  const given = { count: 140, length: 5, width: 24, suite: 1, seed: 5 } as const;
  const manifest = {
    ...secureManifest(given),
    secureAggregation: { suite: 1 as const, colluders: 7, answerSeconds: 10 },
  };
  const parties = await partiesOf(given, manifest);
  const ordered = [...parties].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  const isThere = (index: number) => index % 20 !== 0;
  const transcript = await runAttempt({
    manifest,
    parties,
    coordinator: await primitives.signer(new Uint8Array(32).fill(7)),
    random: seededRandom(new Uint8Array(32).fill(9)),
    allowsSparse: true,
    presence: { shares: () => true, upload: isThere, consent: () => true, answer: () => true },
  });
  expect(transcript.descriptor.descriptor.degree).not.toBeNull();
  const survivors = ordered.filter((_, index) => isThere(index));
  expect(packIntegers(transcript.sum, manifest.codec)).toEqual(
    packIntegers(plainSum(survivors, manifest).integers, manifest.codec),
  );
});
