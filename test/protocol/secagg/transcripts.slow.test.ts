/**
 * What takes longer of the frozen transcripts: the larger one by @noble and with every message altered, and a sparse graph.
 */
import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { portable } from '../../../protocol/primitives/portable.ts';
import { tamperContract, transcriptContract } from '../../contract/transcripts.ts';
import { hashed, inputsOf, SPARSE, transcribe } from '../../fixtures/secure-transcript.ts';
import sparse from '../../vectors/secagg/sparse.json' with { type: 'json' };

transcriptContract('of @noble', { ...portable, random: primitives.random }, 'dropouts');
tamperContract('dropouts');

test('where each has neighbours of its own choice, every message has its hash', {
  timeout: 120_000,
}, async () => {
  const transcript = await transcribe(await inputsOf(SPARSE, primitives), primitives);
  expect(transcript.messages.M0.descriptor.degree).not.toBeNull();
  expect(await hashed(transcript, primitives)).toEqual(sparse);
});
