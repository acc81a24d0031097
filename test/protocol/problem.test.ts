/**
 * The closed table of problems, and its copy in SPEC.md.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HanseError, isProblem, isProblemCode, PROBLEMS } from '../../protocol/problem.ts';

const SPEC = readFileSync(new URL('../../protocol/SPEC.md', import.meta.url), 'utf8');

/** The rows of the table in chapter 3, as text. In Markdown `<` and `|` are escaped. */
function specRows(spec: string): string[] {
  const chapter = /^## 3 Problems$(.*?)^## 4 /ms.exec(spec)?.[1] ?? '';
  return chapter.split('\n').filter((line) => line.startsWith('| `'));
}

function rowOf(code: string, { cause, remedy }: { cause: string; remedy: string }): string {
  const escaped = (text: string) => text.replaceAll('<', '\\<').replaceAll('|', '\\|');
  return `| \`${code}\` | ${escaped(cause)} | ${escaped(remedy)} |`;
}

const codeRows = Object.entries(PROBLEMS).map(([code, entry]) => rowOf(code, entry));

describe('the table in SPEC.md, chapter 3', () => {
  test('has every problem of the code, to the letter and in its order, and no other', () => {
    expect(specRows(SPEC)).toEqual(codeRows);
  });

  test('would be found to differ if a row were missing, added or worded otherwise', () => {
    const [first = '', second = ''] = codeRows;
    expect(specRows(SPEC.replace(`${first}\n`, ''))).not.toEqual(codeRows);
    expect(
      specRows(SPEC.replace(first, `${first}\n${rowOf('another', { cause: 'A.', remedy: 'B.' })}`)),
    ).not.toEqual(codeRows);
    expect(specRows(SPEC.replace(second, second.replace('.', ' at all.')))).not.toEqual(codeRows);
  });
});

test('causes and remedies are sentences on one line', () => {
  for (const [code, { cause, remedy }] of Object.entries(PROBLEMS)) {
    expect(code).toMatch(/^[a-z][a-zA-Z]{1,39}$/); // what a refusal of a task may carry
    for (const text of [cause, remedy]) expect(text, code).toMatch(/^[A-Z].*[.>`]$/);
  }
});

describe('HanseError', () => {
  test('carries code, detail, cause, and a message that names the particulars', () => {
    const cause = new Error('below');
    const error = new HanseError(
      'operatorUnsupported',
      { operator: 'Loop', node: 'n1', supported: ['Add', 'Gemm'] },
      { cause },
    );
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'HanseError', code: 'operatorUnsupported', cause });
    expect(error.detail.supported).toEqual(['Add', 'Gemm']);
    expect(error.message).toBe(
      `${PROBLEMS.operatorUnsupported.cause} (operator Loop; node n1; supported Add, Gemm)`,
    );
    expect(error.remedy).toBe(PROBLEMS.operatorUnsupported.remedy);
  });

  test('has a message whatever the other side gives as its particulars', () => {
    const message = (particulars: string) => new HanseError('jobUnknown', JSON.parse(particulars)).message;
    const { cause } = PROBLEMS.jobUnknown;
    expect(message('{"jobId":"job-0"}')).toBe(`${cause} (jobId job-0)`);
    expect(message('{"jobId":null,"list":[1,"a"]}')).toBe(`${cause} (jobId null; list 1, a)`);
    expect(message('{"jobId":{"toString":1,"valueOf":1}}')).toBe(`${cause} (jobId ...)`);
    expect(message(`{"list":[{"toString":1}, ${'['.repeat(1e5)}${']'.repeat(1e5)}]}`)).toBe(
      `${cause} (list ..., ...)`,
    );
  });

  test('needs no detail where the table has none', () => {
    const error = new HanseError('inviteUnknown');
    expect(error.message).toBe(PROBLEMS.inviteUnknown.cause);
    expect(error.detail).toEqual({});
    // @ts-expect-error a code with a detail must be given it
    expect(() => new HanseError('jobUnknown')).not.toThrow();
    // @ts-expect-error no code of the table
    expect(() => new HanseError('somethingElse')).toThrow(TypeError);
  });
});

test('isProblem tells problems from other errors, and one code from another', () => {
  const error: unknown = new HanseError('jobUnknown', { jobId: 'job-0' });
  expect(isProblem(error)).toBe(true);
  expect(isProblem(error, 'jobUnknown') && error.detail.jobId).toBe('job-0');
  expect(isProblem(error, 'jobEnded')).toBe(false);
  expect(isProblem(new Error('jobUnknown'))).toBe(false);
  expect(isProblem({ code: 'jobUnknown' }, 'jobUnknown')).toBe(false);
});

test('isProblemCode knows the table and nothing that every object has', () => {
  for (const code of Object.keys(PROBLEMS)) expect(isProblemCode(code)).toBe(true);
  for (const code of ['', 'jobunknown', 'constructor', 'toString', '__proto__'])
    expect(isProblemCode(code)).toBe(false);
});
