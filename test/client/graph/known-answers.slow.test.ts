import { describe, expect, it } from 'vitest';
import { answerNames, answerProvider, FOLDER, failures, readAnswer } from './known-answers.ts';

const wasm = await answerProvider('wasm');

describe('known answers of PyTorch on wasm', () => {
  it.skipIf(!wasm).each(answerNames(FOLDER))('%s', async (name) => {
    if (wasm) expect(await failures(readAnswer(FOLDER, name), wasm)).toEqual({});
  });
});
