import { expect, test } from 'vitest';
import { bytesOfShared, sharedAnswer } from '../../server/shared-answer.ts';

test('an answer that is shared is written once, another not at all', () => {
  const answer = sharedAnswer({ roster: { members: ['ä'], signature: '00' } });
  const bytes = bytesOfShared(answer);
  expect(JSON.parse(bytes?.toString() ?? '')).toEqual(answer);
  expect(bytesOfShared(answer)).toBe(bytes);
  expect(bytesOfShared({ ...answer })).toBeUndefined();
});
