// covers: protocol/secagg/record-of-round.ts
/**
 * The sum of a round made again from what its coordinator keeps: the same to the bit, whoever has dropped out; and a lie
 * about an update, a secret, the sum or the terms of the round is found.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { seededRandom } from '../../../protocol/random.ts';
import { updateIntegers } from '../../../protocol/ring/update.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import { recomputeSum } from '../../../protocol/secagg/recompute.ts';
import { checkRecord, signRecord } from '../../../protocol/secagg/record.ts';
import { checkRecordOf } from '../../../protocol/secagg/record-of-round.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import type { RoundRecord, SignedRecord } from '../../../schemas/secagg.ts';
import { manifestOf } from '../../fixtures/manifest.ts';
import {
  EVERYBODY,
  makeParty,
  type Presence,
  runAttempt,
  type Transcript,
} from '../../fixtures/secure-attempt.ts';

const COUNT = 6;
const LENGTH = 37;
const coordinator = await primitives.signer(new Uint8Array(32).fill(7));

function manifestWith(suite: 1 | 2, width: number): JobManifest {
  return manifestOf('fed-0123456789abcdef', {
    aggregation: 'secure',
    secureAggregation: { suite, colluders: 0, answerSeconds: 10 },
    parameters: LENGTH,
    codec: planCodec({ clipNorm: 1, weightMax: 10, cohortMax: COUNT, counters: 1, width }),
    cohort: { size: COUNT, minimum: 3 },
  });
}

async function transcriptOf(manifest: JobManifest, presence: Presence): Promise<Transcript> {
  const random = seededRandom(new Uint8Array(32).fill(9));
  const parties = await Promise.all(
    Array.from({ length: COUNT }, (_, i) => {
      const delta = Float32Array.from({ length: LENGTH }, (_, j) => Math.sin(i * 31 + j) / LENGTH);
      const update = updateIntegers({ delta, weight: 1 + i, counters: [i] }, manifest.codec, random);
      return makeParty(new Uint8Array(32).fill(20 + i), update);
    }),
  );
  return runAttempt({ manifest, parties, coordinator, random, presence });
}

/** One drops out after its shares: masks of pairs are left, and its mask secret is revealed. */
const ONE_DROPS: Presence = { ...EVERYBODY, upload: (index) => index !== 2 };

async function recomputed(
  { terms, updates, survivors }: Transcript,
  signed: SignedRecord,
  change: (update: Uint8Array, index: number) => Uint8Array | undefined = (update) => update,
): Promise<void> {
  const checked = await checkRecord(primitives, signed, terms.coordinatorKey);
  async function* kept() {
    for (const index of survivors.members) {
      const update = change(updates.get(index) ?? new Uint8Array(), index);
      if (update) yield update;
    }
  }
  await recomputeSum(primitives, terms.manifest, signed.record, checked, kept());
}

describe.each([
  ['suite 1, 20 bits', 1, 20, EVERYBODY],
  ['suite 1, 16 bits, one drops out', 1, 16, ONE_DROPS],
  ['suite 2, 20 bits, one drops out', 2, 20, ONE_DROPS],
] as const)('%s', (_, suite, width, presence) => {
  let transcript: Transcript;
  let record: RoundRecord;
  beforeAll(async () => {
    transcript = await transcriptOf(manifestWith(suite, width), presence);
    ({ record } = transcript.record);
  });

  test('the kept updates lead to the sum of the record', async () => {
    await expect(recomputed(transcript, transcript.record)).resolves.toBeUndefined();
  });

  test('a flipped bit in any part of an update is found', async () => {
    for (const at of [0, 8, 64, -1]) {
      const flip = (update: Uint8Array, index: number) => {
        if (index !== 3) return update;
        const flipped = update.slice();
        const place = at < 0 ? flipped.length + at : at;
        flipped[place] = (flipped[place] ?? 0) ^ 1;
        return flipped;
      };
      await expect(recomputed(transcript, transcript.record, flip)).rejects.toMatchObject({
        code: 'hashMismatch',
      });
    }
  });

  test('an update that is missing, or one too many, is found', async () => {
    const without = (update: Uint8Array, index: number) => (index === 5 ? undefined : update);
    await expect(recomputed(transcript, transcript.record, without)).rejects.toMatchObject({
      code: 'invalidLength',
    });
    const more: Transcript = {
      ...transcript,
      survivors: { ...transcript.survivors, members: [...transcript.survivors.members, 0] },
    };
    await expect(recomputed(more, transcript.record)).rejects.toMatchObject({ code: 'hashMismatch' });
  });

  test('a record with a wrong seed of a survivor, or another sum, is signed and sound by itself, and found', async () => {
    const place = transcript.survivors.members[0] ?? 0;
    const revealed = record.revealed.map((secret, i) => (i === place ? `00${secret.slice(2)}` : secret));
    expect(revealed).not.toEqual(record.revealed);
    for (const lie of [{ revealed }, { sum: '44'.repeat(32) }]) {
      const signed = await signRecord({ ...record, ...lie }, coordinator);
      await expect(recomputed(transcript, signed)).rejects.toMatchObject({
        code: 'recordInvalid',
        detail: { reason: expect.stringContaining('follows the sum') },
      });
    }
    await expect(recomputed(transcript, await signRecord(record, coordinator))).resolves.toBeUndefined();
  });
});

test('a record is that of one round under the terms of its job', async () => {
  const { record: signed, terms } = await transcriptOf(manifestWith(1, 20), ONE_DROPS);
  await expect(checkRecordOf(primitives, signed, terms)).resolves.toMatchObject({
    survivors: [0, 1, 3, 4, 5],
  });
  const { manifest } = terms;
  const others = [
    { round: terms.round + 1 },
    { attempt: 2 },
    { jobId: 'job-fedcba9876543210' },
    { model: '55'.repeat(32) },
    { manifestSha256: '66'.repeat(32) },
    // The job has promised that no fewer than all are in a sum.
    { manifest: { ...manifest, cohort: { size: COUNT, minimum: COUNT } } },
    // And that the threshold is that of a larger cohort.
    { manifest: { ...manifest, cohort: { size: 2 * COUNT, minimum: 3 } } },
  ];
  for (const other of others)
    await expect(checkRecordOf(primitives, signed, { ...terms, ...other })).rejects.toMatchObject({
      code: 'recordInvalid',
      detail: { reason: expect.stringContaining('other terms') },
    });
  const stranger = await primitives.signer(new Uint8Array(32).fill(8));
  await expect(
    checkRecordOf(primitives, await signRecord(signed.record, stranger), terms),
  ).rejects.toMatchObject({ code: 'recordInvalid' });
});
