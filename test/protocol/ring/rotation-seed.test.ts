import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type AttemptName, rotationSeed } from '../../../protocol/ring/rotation-seed.ts';

const attempt: AttemptName = {
  manifestSha256: 'ab'.repeat(32),
  jobId: 'job-0123456789abcdef',
  round: 3,
  attempt: 2,
};

test('is the hash of its label and the name of the attempt', async () => {
  const text = `HANSE rotation\0${'ab'.repeat(32)}\0job-0123456789abcdef\0${3}\0${2}`;
  const expected = new Uint8Array(createHash('sha256').update(text).digest());
  expect(await rotationSeed(attempt)).toEqual(expected);
});

test.each([
  ['manifest', { manifestSha256: 'cd'.repeat(32) }],
  ['job', { jobId: 'job-fedcba9876543210' }],
  ['round', { round: 4 }],
  ['attempt', { attempt: 3 }],
])('another %s, another seed', async (_what, change) => {
  expect(await rotationSeed({ ...attempt })).toEqual(await rotationSeed(attempt));
  expect(await rotationSeed({ ...attempt, ...change })).not.toEqual(await rotationSeed(attempt));
});
