import { describe, expect, it } from 'vitest';
import { answerNames, answerProvider, FOLDER, failures, readAnswer } from './known-answers.ts';

const providers = [
  ['cpu', await answerProvider('cpu')],
  ['wasm', await answerProvider('wasm')],
] as const;

describe.each(providers)('known answers of PyTorch on %s', (_, provider) => {
  it.skipIf(!provider).each(answerNames(FOLDER))('%s', async (name) => {
    if (provider) expect(await failures(readAnswer(FOLDER, name), provider)).toEqual({});
  });
});
