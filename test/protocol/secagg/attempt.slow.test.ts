/**
 * An attempt in which each has a few neighbours of its own choice, as in a cohort beyond 128.
 */
import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { seededRandom } from '../../../protocol/random.ts';
import { RingSum } from '../../../protocol/ring/sum.ts';
import { packIntegers, updateIntegers } from '../../../protocol/ring/update.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import { manifestOf } from '../../fixtures/manifest.ts';
import { makeParty, type Party, runAttempt } from '../../fixtures/secure-attempt.ts';

interface Setting {
  readonly count: number;
  readonly length: number;
  readonly width: number;
  readonly suite: 1 | 2;
  readonly seed: number;
}

function secureManifest({ count, length, suite, width }: Setting): JobManifest {
  const codec = planCodec({ clipNorm: 1, weightMax: 10, cohortMax: count, counters: 0, width });
  const cohort = { size: count, minimum: 1 };
  return manifestOf('fed-0123456789abcdef', {
    aggregation: 'secure',
    secureAggregation: { suite, colluders: 0, answerSeconds: 10 },
    parameters: length,
    codec,
    cohort,
  });
}

async function partiesOf({ count, length, seed }: Setting, { codec }: JobManifest): Promise<Party[]> {
  const random = seededRandom(new Uint8Array(32).fill(seed));
  return Promise.all(
    Array.from({ length: count }, (_, i) => {
      const delta = Float32Array.from({ length }, (_, j) => Math.sin(i * 31 + j) / length);
      const update = updateIntegers({ delta, weight: 1 + (i % 10), counters: [] }, codec, random);
      const key = new Uint8Array(32);
      random.fill(key);
      return makeParty(key, update);
    }),
  );
}

/** Of the updates themselves, in the clear. */
function plainSum(parties: readonly Party[], manifest: JobManifest): RingSum {
  const ring = new RingSum(manifest.codec, manifest.parameters);
  for (const { update } of parties) ring.add(packIntegers(update, manifest.codec));
  return ring;
}

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
