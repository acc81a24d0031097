import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enrol } from '../../../client/enrol.ts';
import { writeIdentity } from '../../../client/identity.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
const invite = (...words: string[]) => hanse(['invite', '--identity', running.operatorFile, ...words]);

beforeAll(async () => {
  running = await runCoordinator();
});

afterAll(() => running.close());

test('the link, alone on standard output, enrols one node in the role that was asked for', async () => {
  const { exitCode, out, err } = await invite('--organisation', 'clinic.example', '--role', 'evaluator');
  expect(exitCode).toBe(0);
  expect(out.trimEnd().split('\n')).toHaveLength(1);
  expect(err).toContain('for one evaluator of clinic.example');
  const link = parseInviteLink(out);
  expect(err).not.toContain(link.token);
  await expect(enrol(link, 'node', systemClock)).resolves.toMatchObject({
    role: 'evaluator',
    organisationId: 'clinic.example',
  });
});

test('the link names the outside address of a coordinator that has one', async () => {
  const file = join(running.folder, 'outside.json');
  await writeIdentity(file, { ...running.operator, publicServer: 'https://hanse.example' });
  const { json } = await hanse(['invite', '--organisation', 'a', '--identity', file, '--json']);
  const link = parseInviteLink((json as { link: string }).link);
  expect(link).toMatchObject({
    server: 'https://hanse.example',
    federationId: running.operator.federationId,
  });
});

test('in JSON, with a lifetime', async () => {
  const { json } = await invite('--organisation', 'clinic.example', '--lifetime', '60', '--json');
  const { link, expiresAt } = json as { link: string; expiresAt: string };
  expect(parseInviteLink(link).server).toBe(running.url);
  // Neither the default of a day nor none at all.
  const left = Date.parse(expiresAt) - Date.now();
  expect(left).toBeLessThanOrEqual(60_000);
});

test.each<[what: string, words: string[], exitCode: number, code: string]>([
  ['no organisation', [], 2, 'usage'],
  ['an organisation in capitals', ['--organisation', 'Clinic'], 2, 'usage'],
  ['a role that there is not', ['--organisation', 'a', '--role', 'root'], 2, 'usage'],
  ['a lifetime of nothing', ['--organisation', 'a', '--lifetime', '0'], 2, 'usage'],
  ['half a second', ['--organisation', 'a', '--lifetime', '0.5'], 2, 'usage'],
])('%s is refused', async (_what, words, exitCode, code) => {
  await expect(invite('--organisation', 'a', '--json')).resolves.toMatchObject({ exitCode: 0 });
  await expect(invite(...words, '--json')).resolves.toMatchObject({ exitCode, json: { problem: { code } } });
});
