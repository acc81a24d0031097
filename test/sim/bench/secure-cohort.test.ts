// covers: sim/bench/held-process.ts, sim/bench/rows/secure-attempt.ts, sim/bench/rows/secure-coordinator-memory.ts, sim/bench/rows/secure-demo-overhead.ts
import { expect, test } from 'vitest';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import { HEADER_BYTES } from '../../../protocol/vector.ts';
import { SecureCohort } from '../../../sim/bench/secure-cohort.ts';
import { manifestOf } from '../../fixtures/manifest.ts';

const SIZE = 6;
const LENGTH = 50;
const codec = planCodec({ clipNorm: 10, cohortMax: SIZE, weightMax: 1, counters: 0, width: 24 });

async function cohort(dropped: number): Promise<SecureCohort> {
  const manifest = manifestOf('fed-0123456789abcdef', {
    aggregation: 'secure',
    secureAggregation: { suite: 1, colluders: 2, answerSeconds: 60 },
    cohort: { size: SIZE, minimum: 5 },
    parameters: LENGTH,
    weighting: 'uniform',
    codec,
  });
  const made = new SecureCohort({ manifest, dropped });
  await made.prepare(() => {});
  return made;
}

test.each([0, 1])(
  'what is measured is a whole attempt whose sum is right, with %i dropped out',
  async (dropped) => {
    const made = await cohort(dropped);
    await expect(made.participant()).resolves.toBeUndefined();
    // Again and again: a measurement repeats it.
    await expect(made.coordinator()).resolves.toBeUndefined();
    await expect(made.coordinator()).resolves.toBeUndefined();
  },
);

test('with more dropped out than the threshold stands nothing is opened', async () => {
  const made = await cohort(2);
  await expect(made.coordinator()).rejects.toMatchObject({ code: 'unmaskingFailed' });
});

test('bytes of all messages of one participant', async () => {
  const bytes = (await cohort(0)).uploadBytes();
  const shares = 32 + 1 + 81 * (SIZE - 1);
  const update = HEADER_BYTES + layoutOf(codec, LENGTH).payloadBytes;
  const answer = 32 * SIZE;
  expect(bytes - shares - update - answer).toBeGreaterThan(400);
  expect(bytes - shares - update - answer).toBeLessThan(800);
});
