// covers: server/commands/policy-check.ts, server/commands/policy-test.ts, server/commands/policy-explain.ts, server/commands/policy-source.ts, server/access/policy-cases.ts, client/commands/policy.ts
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_POLICIES } from '../../../server/access/cedar-schema.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

const NIGHT = `${DEFAULT_POLICIES}
@id("no-letters")
@reason("Letters go by another way.")
forbid (principal in Hanse::Role::"partner", action == Hanse::Action::"exchangeLetters", resource);
`;

let folder: string;
let running: RunningCoordinator;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-policies-'));
  running = await runCoordinator();
});
afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true });
});

const fileOf = async (name: string, text: string) => {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
};
const asOperator = (...words: string[]) => hanse([...words, '--identity', running.operatorFile, '--json']);

describe('policy check', () => {
  test('tells which policies and which roles would differ', async () => {
    const { exitCode, out } = await hanse(['policy', 'check', await fileOf('night.cedar', NIGHT)]);
    expect(exitCode).toBe(0);
    expect(out).toContain('sound');
    expect(out).toContain('+ @id("no-letters")');
    expect(out).toContain('partner, exchangeLetters: yes -> -');
  });

  test('fails for what is unsound, and for what locks everybody out', async () => {
    const unsound = await fileOf('unsound.cedar', NIGHT.replace('exchangeLetters', 'writeLetters'));
    expect(await hanse(['policy', 'check', unsound, '--json'])).toMatchObject({
      exitCode: 1,
      json: { problem: { code: 'policyInvalid', detail: expect.stringContaining('unrecognized action') } },
    });
    const locking = await fileOf(
      'locking.cedar',
      '@id("log") permit (principal, action == Hanse::Action::"readLog", resource);',
    );
    const { exitCode, out } = await hanse(['policy', 'check', locking]);
    expect(exitCode).toBe(1);
    expect(out).toContain('no operator could change them');
    expect(await hanse(['policy', 'check', join(folder, 'gone'), '--json'])).toMatchObject({
      json: { problem: { code: 'dataFileMissing' } },
    });
  });
});

describe('policy test', () => {
  const cases = [
    {
      name: 'partners write',
      role: 'partner',
      action: 'exchangeLetters',
      expected: 'permitted',
      by: ['every-member'],
    },
    {
      name: 'own job',
      role: 'partner',
      organisation: 'a.example',
      action: 'readJob',
      job: { author: 'b.example', asked: ['a.example'] },
      expected: 'permitted',
    },
    {
      name: "others' job",
      role: 'partner',
      action: 'readJob',
      job: { author: 'b.example' },
      expected: 'unseen',
    },
    {
      name: 'own node',
      role: 'partner',
      organisation: 'a.example',
      action: 'revokeMember',
      of: 'a.example',
      expected: 'permitted',
    },
    {
      name: "others' node",
      role: 'partner',
      action: 'revokeMember',
      of: 'a.example',
      expected: 'refused',
      by: [],
    },
  ];

  test('says which cases are decided otherwise than expected', async () => {
    const file = await fileOf('cases.json', JSON.stringify(cases));
    expect(await hanse(['policy', 'test', file, '--json'])).toMatchObject({
      exitCode: 0,
      json: { failed: 0 },
    });
    const night = ['--policies', await fileOf('night.cedar', NIGHT)];
    const { exitCode, out } = await hanse(['policy', 'test', file, ...night]);
    expect(exitCode).toBe(1);
    expect(out).toContain('OTHERWISE    partners write: refused by no-letters, not permitted');
    expect(out).toContain('4 of 5 as expected');
  });

  test('a case for what there is not is no case', async () => {
    for (const wrong of [
      { ...cases[0], role: 'admin' },
      { ...cases[0], action: 'doAnything' },
      { ...cases[0], more: true },
      { ...cases[1], job: undefined },
    ])
      expect(
        await hanse(['policy', 'test', await fileOf('wrong.json', JSON.stringify([wrong])), '--json']),
      ).toMatchObject({ exitCode: 1, json: { problem: { code: 'invalidFormat' } } });
  });
});

test('policy explain says which policies decide, and why', async () => {
  const { out } = await hanse(['policy', 'explain', '--role', 'researcher', '--action', 'cancelJob']);
  expect(out.split('\n').slice(0, 4)).toEqual([
    'researcher, cancelJob (created): permitted',
    '  own-jobs-end: Researchers end jobs of their own organisation.',
    'researcher, cancelJob (asked): refused',
    '  no policy permits it',
  ]);
  expect(out).toContain("(others'): unseen");
});

test('an operator proposes what was checked, and sees what has changed', async () => {
  const file = await fileOf('night.cedar', NIGHT);
  expect(await asOperator('policy', 'history')).toMatchObject({ json: { version: 0, approvals: 1 } });
  expect(await asOperator('policy', 'propose', file, '--note', 'other mail')).toMatchObject({
    exitCode: 0,
    json: { version: 1, state: 'inForce' },
  });
  expect(await asOperator('policy', 'show')).toMatchObject({ json: { text: NIGHT } });
  const history = await hanse(['policy', 'history', '1', '--identity', running.operatorFile]);
  expect(history.out).toContain('in force');
  expect(history.out).toContain('+ @reason("Letters go by another way.")');
  expect(await asOperator('policy', 'check', file, '--in-force')).toMatchObject({
    json: { diff: '', roles: [] },
  });
  const explained = await asOperator(
    'policy',
    'explain',
    '--in-force',
    '--role',
    'partner',
    '--action',
    'exchangeLetters',
  );
  expect(explained.json).toMatchObject({
    explanations: [
      { decision: 'refused', policies: [{ id: 'no-letters', reason: 'Letters go by another way.' }] },
    ],
  });
  for (const word of ['approve', 'withdraw'])
    expect(await asOperator('policy', word, '1')).toMatchObject({
      exitCode: 1,
      json: { problem: { code: 'policiesOverlap' } },
    });
});
