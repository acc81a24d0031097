import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { TRANSIENT } from '../../client/coordinator-api.ts';
import { isProblemCode } from '../../protocol/problem.ts';

test('what is tried again is what the text of the protocol says', async () => {
  const spec = await readFile(new URL('../../protocol/SPEC.md', import.meta.url), 'utf8');
  const section = /### 9\.2 Retries\n\n(?<first>[\s\S]*?)\n\n/.exec(spec)?.groups?.first ?? '';
  const [sentence = ''] = section.split(' the same request may succeed later');
  const codes = [...sentence.matchAll(/`([a-zA-Z]+)`/g)].map(([, code]) => code ?? '');
  expect(codes.length).toBeGreaterThan(3);
  expect([...TRANSIENT].sort()).toEqual(codes.sort());
  expect([...TRANSIENT].every(isProblemCode)).toBe(true);
});
