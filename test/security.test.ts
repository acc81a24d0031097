/**
 * SECURITY.md: what it names is there. That a test fails if its row is false is for whoever writes it to see to.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const SECURITY = read('SECURITY.md');
const HEADINGS = [...read('protocol/SPEC.md').matchAll(/^#{2,3} (\d+(?:\.\d+)?) /gm)].map(
  ([, number]) => number,
);
const { scripts } = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** Rows of the table of threats. */
function rowsOf(text: string): string[][] {
  const table = text.split('| against | how | where | shown by |')[1]?.split('\n\n')[0] ?? '';
  const rows = table.split('\n').filter((line) => line.startsWith('| '));
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

const isThere = (path: string) => existsSync(fileURLToPath(new URL(path, ROOT)));

function faultsOf(text: string): string[] {
  const quoted = [...text.matchAll(/`([^`]+)`/g)].map(([, inside = '']) => inside);
  const places = quoted.filter((one) =>
    /^(?:test|client|server|protocol|schemas|\.scripts)(?:\/[\w./-]*)?$/.test(one),
  );
  const commands = quoted.flatMap((one) => /^npm run ([\w:]+)/.exec(one)?.[1] ?? []);
  return [
    ...places.filter((path) => !isThere(path)).map((path) => `nothing is at ${path}`),
    ...commands.filter((name) => scripts[name] === undefined).map((name) => `no script ${name}`),
    ...rowsOf(text).flatMap(([against = '', how = '', where = '', tests = '', ...more]) => [
      ...(how === '' || where === '' || more.length > 0 ? [`not four cells: ${against}`] : []),
      ...(/^`test\/[\w./-]+\.test\.ts`/.test(tests) ? [] : [`no test: ${against}`]),
      ...[...where.matchAll(/(?<![\w.])\d+(?:\.\d+)?(?![\w])/g)]
        .filter(([section]) => !HEADINGS.includes(section))
        .map(([section]) => `no section ${section}: ${against}`),
    ]),
  ];
}

test('every threat has a mechanism, a place and a test, and all that is named is there', () => {
  expect(rowsOf(SECURITY).length).toBeGreaterThan(20);
  expect(faultsOf(SECURITY)).toEqual([]);
});

test('what is not there is found', () => {
  const planted = [
    '| against | how | where | shown by |',
    '|---|---|---|---|',
    '| sound | it is | 9.1, `server/app.ts` | `test/server/app.test.ts` |',
    '| a | it is | 9.99 | `test/server/app.test.ts` |',
    '| b | it is | 9.1 | nothing |',
    '| c | it is | `server/none.ts` | `test/none.test.ts` |',
    '| d |  | 9 | `test/server/app.test.ts` |',
    '',
    '`npm run nothing`',
  ];
  expect(faultsOf(planted.join('\n')).sort()).toEqual([
    'no script nothing',
    'no section 9.99: a',
    'no test: b',
    'not four cells: d',
    'nothing is at server/none.ts',
    'nothing is at test/none.test.ts',
  ]);
});

test('it says who may want what, what is at stake, how to report, and what is not protected', () => {
  for (const heading of [
    'What is at stake',
    'Who might want what',
    'What version 0.1 protects',
    'What it does not protect',
  ])
    expect(SECURITY).toContain(`\n## ${heading}\n`);
  for (const actor of ['coordinator', 'participant', 'network', 'auditor', 'insider'])
    expect(SECURITY).toMatch(new RegExp(`\\*\\*${actor}\\*\\*`));
  expect(SECURITY).toMatch(/^Report a vulnerability privately/m);
});
