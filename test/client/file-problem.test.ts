import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileProblem, isOfThePath } from '../../client/file-problem.ts';
import { HanseError } from '../../protocol/problem.ts';

function failing(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return expect.fail('it worked');
}

const system = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });

test.each([
  ['ENOSPC', 'storageFull', false],
  ['EDQUOT', 'storageFull', false],
  ['EIO', 'storageFailed', false],
  ['EACCES', 'storageFailed', true],
  ['EROFS', 'storageFailed', true],
])('%s is %s', (code, expected, ofThePath) => {
  const error = system(code);
  expect(fileProblem('here', error)).toMatchObject({
    code: expected,
    detail: { path: 'here' },
    cause: error,
  });
  expect(isOfThePath(error)).toBe(ofThePath);
});

test('what the system really throws', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanse-'));
  const missing = failing(() => writeFileSync(join(folder, 'no', 'file'), ''));
  expect(fileProblem('here', missing)).toMatchObject({ code: 'storageFailed', detail: { reason: 'ENOENT' } });
  const isFolder = failing(() => writeFileSync(folder, ''));
  expect(fileProblem('here', isFolder)).toMatchObject({
    code: 'storageFailed',
    detail: { reason: 'EISDIR' },
  });
  rmdirSync(folder);
});

test('a problem stays what it is, and so does a bug', () => {
  const problem = new HanseError('dataEmpty', { source: 'x' });
  const bug = new TypeError('x is not a function');
  expect(fileProblem('here', problem)).toBe(problem);
  expect(fileProblem('here', bug)).toBe(bug);
  expect([isOfThePath(problem), isOfThePath(bug)]).toEqual([false, false]);
});
