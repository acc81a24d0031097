import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { enrol } from '../../../client/enrol.ts';
import { writeIdentity } from '../../../client/identity.ts';
import { organisationsSha256, signStatement } from '../../../protocol/directory.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import type { Directory } from '../../../schemas/directory.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
const at = (name: string) => join(running.folder, name);
const problem = (code: string) => ({ exitCode: 1, json: { problem: { code } } });
const directory = (file: string, ...words: string[]) =>
  hanse(['directory', ...words, '--identity', at(file), '--json']);
const enrolled = async (file: string) =>
  writeIdentity(at(file), await enrol(parseInviteLink(await running.invite()), file, systemClock));

beforeAll(async () => {
  running = await runCoordinator();
  await enrolled('member.json');
});
afterAll(() => running.close());

test('the first is pinned; the next is shown with what has changed, and written for others', async () => {
  const first = await directory('member.json', 'show', '-o', at('first-seen.json'));
  expect(first).toMatchObject({ exitCode: 0, json: { version: 2 } });
  expect(first.err).toContain('directory 2 pinned: 2 organisations, 2 nodes');
  await enrolled('second.json');
  const second = await hanse(['directory', 'show', '--identity', at('member.json')]);
  expect(second.err).toMatch(
    /directory 3: organisation clinic-2.example is new\n.*node [0-9a-f]{32} of clinic-2/,
  );
  expect(second.out).toContain('operator  key ');
  expect((await directory('member.json', 'show')).err).toBe('');
  const { sha256 } = (await directory('second.json', 'show')).json as { sha256: string };
  expect(second.out).toContain(sha256);
});

test('what somebody else has seen is verified: the same, or earlier', async () => {
  expect((await directory('second.json', 'verify', at('first-seen.json'))).json).toMatchObject({
    version: 2,
    latest: 3,
  });
  await directory('second.json', 'show', '-o', at('now.json'));
  expect((await directory('member.json', 'verify', at('now.json'))).json).toMatchObject({
    version: 3,
    latest: 3,
  });
});

test('what the coordinator has signed for somebody else alone is found out', async () => {
  await directory('member.json', 'show', '-o', at('honest.json'));
  const honest = JSON.parse(await readFile(at('honest.json'), 'utf8')) as Directory;
  const coordinator = await primitives.signer(new Uint8Array(32).fill(4));
  const organisations = honest.organisations.slice(0, 2);
  const written = async (name: string, change: Partial<Directory['statement']>) => {
    const statement = {
      ...honest.statement,
      organisationsSha256: await organisationsSha256(organisations),
      ...change,
    };
    const lie = { ...(await signStatement(statement, coordinator)), organisations };
    await writeFile(at(name), JSON.stringify(lie));
    return directory('member.json', 'verify', at(name));
  };
  expect(await written('fork.json', {})).toMatchObject(problem('directoryForked'));
  const version = honest.statement.version + 1;
  expect(await written('later.json', { version })).toMatchObject(problem('directoryRolledBack'));
  await writeFile(at('altered.json'), JSON.stringify({ ...honest, organisations }));
  expect(await directory('member.json', 'verify', at('altered.json'))).toMatchObject(
    problem('directoryInvalid'),
  );
  expect(await directory('member.json', 'verify', at('honest.json'))).toMatchObject({ exitCode: 0 });
});

test('a file that is none is refused by name', async () => {
  for (const file of [at('member.json'), at('none.json')])
    expect(await directory('member.json', 'verify', file)).toMatchObject({
      exitCode: 1,
      json: { problem: { code: 'directoryUnreadable', particulars: { file } } },
    });
});
