/**
 * The table of claims: each names what it assumes and tests that there are. That a test fails if its claim is false is
 * for whoever writes it to see to; that it is there at all is seen to here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = new URL('../', import.meta.url);
const CLAIMS = readFileSync(new URL('protocol/CLAIMS.md', ROOT), 'utf8');
const HEAD = '| claim | assumes | test that fails if it is false |';

interface Claim {
  readonly claim: string;
  readonly assumes: string;
  readonly tests: readonly string[];
}

/** Rows of the tables that begin with `HEAD`. */
function claimsIn(text: string): Claim[] {
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('|') && line !== HEAD && !/^\|[-|]+$/.test(line));
  return rows.map((row) => {
    const [claim = '', assumes = '', tests = '', ...more] = row
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim());
    if (more.length > 0) throw new Error(`more than three columns: ${row}`);
    return { claim, assumes, tests: tests.split('<br>') };
  });
}

/** What is wrong with the claims of a text. */
function faultsOf(text: string): string[] {
  return claimsIn(text).flatMap(({ claim, assumes, tests }) => [
    ...(claim === '' || assumes === '' ? [`an empty cell beside: ${claim}${assumes}`] : []),
    ...tests.flatMap((named) => {
      const [, path = '', title = ''] = /^`(test\/[\w./-]+)`: (.+)$/.exec(named) ?? [];
      if (!existsSync(fileURLToPath(new URL(path || 'none', ROOT)))) return [`no test file: ${named}`];
      return isTest(readFileSync(new URL(path, ROOT), 'utf8'), title) ? [] : [`no such test: ${named}`];
    }),
  ]);
}

/** Whether this is the title of a test, and not of a suite or a word in passing. */
function isTest(source: string, title: string): boolean {
  const quoted = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?:\\b(?:test|it)(?:\\.\\w+)*|\\))\\(\\s*(['"\`])${quoted}\\1`).test(source);
}

test('every claim names what it assumes, and tests that there are', () => {
  expect(claimsIn(CLAIMS).length).toBeGreaterThan(20);
  expect(faultsOf(CLAIMS)).toEqual([]);
});

test('no claim is made twice', () => {
  const claims = claimsIn(CLAIMS).map(({ claim }) => claim);
  expect(new Set(claims).size).toBe(claims.length);
});

test('a claim without a test is found', () => {
  const row = (...cells: string[]) => `${HEAD}\n|---|---|---|\n| ${cells.join(' | ')} |\n`;
  const self = '`test/claims.test.ts`: a claim without a test is found';
  expect(faultsOf(row('it holds', '-', self))).toEqual([]);
  expect(faultsOf(row('it holds', '', self))).toHaveLength(1);
  for (const named of [
    'somewhere',
    '`test/claims.test.ts`: another',
    '`test/claims.test.ts`: a claim without a test',
    '`test/none.test.ts`: a claim without a test is found',
    `${self}<br>\`protocol/claims.ts\`: a claim without a test is found`,
  ])
    expect(faultsOf(row('it holds', '-', named)), named).toHaveLength(1);
});
