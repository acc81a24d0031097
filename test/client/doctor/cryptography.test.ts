// covers: client/describe-self-test.ts
import { expect, test } from 'vitest';
import { candidates } from '#primitives';
import { cryptography } from '../../../client/doctor/cryptography.ts';
import { portableKeyStreams } from '../../../protocol/primitives/portable.ts';
import type { Candidates, KeyStreamCandidate } from '../../../protocol/primitives.ts';
import { selfTest } from '../../../protocol/secagg/self-test.ts';

/** Its words do not depend on the machine: on this clock nothing takes any time. */
const found = async (given: Candidates) => cryptography((await selfTest(given, () => 0)).report);

const [aes, chacha] = portableKeyStreams as [KeyStreamCandidate, KeyStreamCandidate];
const portableAlone: Candidates = { ...candidates, keyStreams: () => [aes, chacha] };
const wrong: KeyStreamCandidate = { ...chacha, implementation: 'planted', keyStream: async () => {} };

test('all is right: which implementation makes the masks of each suite, and how fast', async () => {
  expect(await found(portableAlone)).toMatchObject({
    check: 'cryptography',
    ok: true,
    detail: expect.stringMatching(
      /^suite 1 with aes-256-ctr by @noble, \d+ MB\/s; suite 2 with chacha20 by @noble, \d+ MB\/s$/,
    ),
  });
});

test('an implementation that is wrong, and has a substitute, is told', async () => {
  const finding = await found({ ...candidates, keyStreams: () => [wrong, aes, chacha] });
  expect(finding).toMatchObject({ ok: false, needed: false, remedy: expect.stringContaining('update Node') });
  expect(finding.detail).toContain('suite 2 with chacha20 by @noble');
  expect(finding.detail).toContain('; chacha20 by planted is wrong (its length: not the known answer)');
});

test('a suite without a substitute is missing, and a node without any suite does not take part', async () => {
  const one = await found({ ...candidates, keyStreams: () => [aes, wrong] });
  expect(one).toMatchObject({ ok: false, needed: false });
  expect(one.detail).not.toContain('suite 2');
  const none = await found({ ...candidates, keyStreams: () => [wrong] });
  expect(none).toMatchObject({ ok: false, needed: true, detail: expect.stringMatching(/^no suite; /) });
});

test('a signature that is wrong is needed', async () => {
  const primitives = { ...candidates.primitives, verify: async () => true };
  expect(await found({ ...portableAlone, primitives })).toMatchObject({
    ok: false,
    needed: true,
    detail: expect.stringContaining(`verify by ${candidates.implementation} is wrong (an altered signature`),
  });
});
