// covers: client/commands/token.ts
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { People, Tokens } from '../../../schemas/person.ts';
import { CookieJar } from '../../../server/people/session-cookie.ts';
import { webOriginOf } from '../../../server/people/web-origin.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
const as = (...words: string[]) => hanse([...words, '--identity', running.operatorFile]);
const json = async (...words: string[]) => (await as(...words, '--json')).json as Record<string, unknown>;
const problem = (code: string, exitCode = 1) => ({ exitCode, json: { problem: { code } } });

beforeAll(async () => {
  running = await runCoordinator();
  running.coordinator.people.servedAt(webOriginOf(undefined, running.url));
});
afterAll(() => running.close());

const invite = (handle: string, ...more: string[]) => [
  ...['person', 'invite', '--organisation', 'audit.example', '--role', 'auditor', '--handle', handle],
  ...more,
];
const people = async () => ((await json('person', 'list')) as unknown as People).people;

test('a person is invited by a link on standard output, is listed, is given another link, and is revoked', async () => {
  expect((await as('person', 'list')).out).toBe('nobody has been invited\n');
  const { out, err } = await as(...invite('ada', '--name', 'Ada Lovelace'));
  const [, token = ''] = /^http:\/\/localhost:\d+\/sign-in#link=([A-Za-z0-9_-]{43})\n$/.exec(out) ?? [];
  expect(token).not.toBe('');
  expect(err).not.toContain(token);
  const [ada] = await people();
  expect(ada).toMatchObject({ handle: 'ada', shownAs: 'Ada Lovelace', role: 'auditor', enrolledAt: null });
  const { personId = '' } = ada ?? {};
  await running.coordinator.people.signInByLink(token, new CookieJar('', false));
  const again = (await json('person', 'link', personId)) as { link: string };
  expect(again.link).toMatch(/\/sign-in#link=/);
  expect(again.link).not.toContain(token);
  expect(running.coordinator.people.sessions.of(personId)).toHaveLength(1);
  expect(await json('person', 'sign-out', personId)).toEqual({ personId });
  expect(running.coordinator.people.sessions.of(personId)).toEqual([]);
  expect(await json('person', 'revoke', personId, '--reason', 'left')).toEqual({ personId, reason: 'left' });
  expect((await as('person', 'list')).out).toContain('revoked  auditor  audit.example  ada');
});

test('what is no role, no handle and no person is told', async () => {
  const auditor = await as(...invite('bob'), '--json');
  expect(auditor.exitCode).toBe(0);
  expect(await as(...invite('bob'), '--json')).toMatchObject(problem('handleTaken'));
  expect(await as(...invite('Bob'), '--json')).toMatchObject(problem('usage', 2));
  const participant = invite('eve').map((word) => (word === 'auditor' ? 'participant' : word));
  expect(await as(...participant, '--json')).toMatchObject(problem('usage', 2));
  expect(await as('person', 'revoke', '0'.repeat(32), '--json')).toMatchObject(problem('personUnknown'));
});

test('a token is printed once, listed without what it is, and revoked', async () => {
  const { personId } = (await json(...invite('scripts'))) as { personId: string };
  const create = (...words: string[]) =>
    as('token', 'create', '--person', personId, '--name', 'nightly', ...words);
  const { out, err } = await create('--action', 'listJobs', '--action', 'readLog');
  const token = out.trim();
  expect(token).toMatch(/^hanse_[A-Za-z0-9_-]{43}$/);
  expect(err).not.toContain(token.slice(6));
  const get = () =>
    fetch(`${running.url}/v1/jobs`, { headers: { authorization: `Bearer ${token}`, 'hanse-protocol': '1' } });
  expect((await get()).status).toBe(200);
  const listed = await as('token', 'list', '--json');
  expect(listed.out).not.toContain(token.slice(6));
  const [line] = (listed.json as unknown as Tokens).tokens;
  expect(line).toMatchObject({ personId, name: 'nightly', scopes: ['listJobs', 'readLog'] });
  expect((await as('token', 'list')).out).toContain('for listJobs, readLog; used last: 20');
  expect(await json('token', 'revoke', line?.tokenId ?? '')).toEqual({ tokenId: line?.tokenId });
  expect((await get()).status).toBe(401);
  expect((await as('token', 'list')).out).toContain('revoked  nightly');
});

test('a token for actions that there are not, or for too long, is not issued', async () => {
  const { personId } = (await json(...invite('other'))) as { personId: string };
  const create = (...words: string[]) =>
    as('token', 'create', '--person', personId, '--name', 'x', ...words, '--json');
  expect(await create('--action', 'everything')).toMatchObject(problem('usage', 2));
  expect(await create('--action', 'constructor')).toMatchObject(problem('usage', 2));
  expect((await create('--action', 'listJobs', '--days', '91')).exitCode).not.toBe(0);
  expect((await create('--action', 'listJobs', '--days', '90')).exitCode).toBe(0);
});
