import { expect, test } from 'vitest';
import { HanseError } from '../../../protocol/problem.ts';
import { isMediumFailure, storageProblem } from '../../../server/store/storage-problem.ts';

const failure = (code: string) => Object.assign(new Error('reason'), { code });

test.each([
  ['SQLITE_FULL', 'storageFull', false],
  ['SQLITE_IOERR_SHMSIZE', 'storageFull', false],
  ['ENOSPC', 'storageFull', false],
  ['EDQUOT', 'storageFull', false],
  ['SQLITE_CORRUPT_INDEX', 'storageCorrupt', false],
  ['SQLITE_NOTADB', 'storageCorrupt', false],
  ['SQLITE_IOERR_FSYNC', 'storageFailed', true],
  ['SQLITE_BUSY', 'storageFailed', false],
  ['EACCES', 'storageFailed', false],
])('%s is %s', (code, problem, ends) => {
  const error = failure(code);
  expect(storageProblem('/p', error)).toMatchObject({
    code: problem,
    detail: { path: '/p' },
    cause: error,
  });
  expect(isMediumFailure(error)).toBe(ends);
});

test('a problem stays what it is; anything else is still a problem', () => {
  const known = new HanseError('blobUnknown', { sha256: '' });
  expect(storageProblem('/p', known)).toBe(known);
  expect(storageProblem('/p', 'odd')).toMatchObject({
    code: 'storageFailed',
    detail: { path: '/p', reason: 'odd' },
  });
});
