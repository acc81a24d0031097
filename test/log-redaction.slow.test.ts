/**
 * What a coordinator and a node write while secrets pass through them - logs, what commands print, answers, figures, the
 * records, the leaves of the audit log - has none of them in it, whatever was asked and whatever broke. The search is
 * shown to find what a careless program writes. Secrets of rounds: `client/secrets.slow.test.ts`.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { enrol } from '../client/enrol.ts';
import { readIdentity } from '../client/identity.ts';
import { parseInviteLink } from '../protocol/invite-link.ts';
import { systemClock } from '../protocol/primitives/system-clock.ts';
import { ROUTES } from '../protocol/routes.ts';
import { Federation } from '../server/federation.ts';
import { TaskStreams } from '../server/task-stream.ts';
import { hanse } from './fixtures/command-line.ts';
import { nodeOf } from './fixtures/federation.ts';

/** Where something was written, and what. */
const written = new Map<string, string>();
/** By what it is. */
const secrets = new Map<string, string>();

const write = (where: string, text: string) => written.set(where, (written.get(where) ?? '') + text);
const plant = (what: string, secret: string = randomBytes(24).toString('base64url')) => {
  secrets.set(what, secret);
  return secret;
};

/** Forms in which a text gives the secret away: as it is, or as bytes in another coding. */
function formsOf(secret: string): string[] {
  const isHex = /^([0-9a-f]{2}){16,}$/.test(secret);
  const readings = [Buffer.from(secret), ...(isHex ? [Buffer.from(secret, 'hex')] : [])];
  const coded = readings.flatMap((bytes) => [
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, '').slice(0, -1),
    bytes.toString('base64url').slice(0, -1),
    bytes.toString('latin1'),
  ]);
  return [secret, secret.slice(0, 16), encodeURIComponent(secret), ...coded];
}

function leaksIn(texts: ReadonlyMap<string, string>, what: Iterable<string> = secrets.keys()): string[] {
  return [...what].flatMap((name) => {
    const forms = formsOf(secrets.get(name) ?? '');
    return [...texts].flatMap(([where, text]) =>
      forms.some((form) => text.includes(form)) ? [`${name} in ${where}`] : [],
    );
  });
}

let folder: string;
let coordinatorLog = '';
const CARELESS = 'a careless token in an error message';

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Runs until it is stopped; resolves once it has written what is waited for. */
function start(name: string, words: readonly string[]) {
  const stop = new AbortController();
  let text = '';
  let tell = () => {};
  const ended = hanse(words, {
    stop,
    onOutput: (all) => {
      text = all;
      tell();
    },
  });
  const says = (what: RegExp) =>
    new Promise<string>((resolve, reject) => {
      tell = () => {
        const found = what.exec(text);
        if (found) resolve(found[1] ?? found[0]);
      };
      tell();
      ended.then(() => reject(new Error(`${name} ended: ${text}`)), reject);
    });
  const end = async () => {
    stop.abort();
    await ended;
    write(name, text);
    return text;
  };
  return { says, end };
}

async function command(...words: string[]) {
  const outcome = await hanse(words);
  write(`hanse ${words.slice(0, 2).join(' ')}`, outcome.out + outcome.err);
  return outcome;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-redaction-'));
  const at = (name: string) => join(folder, name);
  await writeFile(at('table.csv'), 'a,y\n1,p\n2,n\n3,p\n');
  const data = ['--data', `csv:${at('table.csv')}`, '--features', 'a', '--target', 'y', '--classes', 'n,p'];
  const passphrase = plant('passphrase');
  await writeFile(at('passphrase'), passphrase, { mode: 0o600 });
  await writeFile(at('wrong'), plant('wrong passphrase'), { mode: 0o600 });

  const coordinator = start('log of the coordinator', [
    'serve',
    '--port',
    '0',
    '--data-dir',
    at('data'),
    '--json',
  ]);
  const url = await coordinator.says(/"(http:\/\/127\.0\.0\.1:\d+)"/);
  const operatorFile = at('data/keys/operator.json');
  const operator = ['--identity', operatorFile, '--json'];
  // What an invite prints is for whoever is invited.
  const invited = await hanse(['invite', '--organisation', 'a.example', ...operator]);
  const { link } = invited.json as { readonly link: string };
  plant('invite token', parseInviteLink(link).token);
  const joined = ['--identity', at('node.json'), '--passphrase-file', at('passphrase'), '--provider', 'cpu'];
  const node = start('log of the node', ['join', link, ...data, ...joined, '--json']);
  await node.says(/ready; waiting for work/);
  const second = await hanse(['invite', '--organisation', 'b.example', ...operator]);
  const unused = (second.json as { readonly link: string }).link;
  plant('unused invite token', parseInviteLink(unused).token);
  await command('join', link, ...data, '--identity', at('again.json'), '--provider', 'cpu', '--json');
  await command('join', `${unused}x`, ...data, '--identity', at('broken.json'), '--json');
  await command('node', 'status', '--identity', at('node.json'), '--passphrase-file', at('wrong'));
  await command('member', 'list', '--identity', at('node.json'), '--passphrase-file', at('wrong'));
  await command('member', 'list', ...operator);

  // Good and bad requests, with secrets wherever a request may have some.
  const carried = {
    authorization: `Bearer ${plant('bearer token')}`,
    cookie: `session=${plant('session cookie')}; other=1`,
    'x-api-key': plant('key in a header'),
  };
  const ask = async (target: string, init: RequestInit = {}) => {
    const answer = await fetch(url + target, { ...init, headers: { ...carried, ...init.headers } });
    write(`answer to ${init.method ?? 'GET'} ${target.split('?')[0]?.slice(0, 20)}`, await answer.text());
    return answer.status;
  };
  const query = `token=${plant('token in a query')}`;
  for (const path of [
    '/healthz',
    '/readyz',
    '/openapi.json',
    '/',
    '/join',
    '/v1/jobs',
    '/v1/nothing',
    '/v1/session',
  ])
    await ask(`${path}?${query}`);
  await ask(`/v1/federation?challenge=${query}`);
  const json = { 'content-type': 'application/json' };
  await ask('/v1/nodes', {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ token: plant('token in a body') }),
  });
  await ask('/v1/nodes', { method: 'POST', headers: json, body: `{"token":"${plant('token in no JSON')}` });
  const stranger = await nodeOf('stranger', 'participant');
  for (const [name, route] of Object.entries(ROUTES)) {
    const params = { jobId: 'job-0123456789abcdef', nodeId: stranger.nodeId, sha256: 'a'.repeat(64) };
    const filled = {
      ...params,
      round: '1',
      attempt: '1',
      organisationId: 'a.example',
      level: '0',
      place: '000',
    };
    const all = {
      ...filled,
      base: 'b'.repeat(64),
      signature: 'c'.repeat(128),
      uploadId: 'd'.repeat(22),
      offset: '0',
    };
    const known: Readonly<Record<string, string>> = all;
    const target = route.path.replace(/:(\w+)\*?/g, (_, param: string) => known[param] ?? 'e'.repeat(22));
    expect(await ask(`${target}?${query}`, { method: route.method }), name).toBeGreaterThanOrEqual(200);
  }

  // It breaks, with secrets in what is thrown: all but the message stays where it is.
  const broken = plant('token in what is thrown');
  const identity = await readIdentity(operatorFile);
  plant('identity key of the operator', Buffer.from(identity.seed.reveal()).toString('hex'));
  const thrown = Object.assign(new TypeError('it is broken', { cause: new Error(broken) }), {
    request: { token: broken, headers: carried },
    params: [broken],
  });
  const breaking = vi.spyOn(TaskStreams.prototype, 'answer').mockImplementation(() => {
    throw thrown;
  });
  expect(await ask(`/v1/tasks/stream/${'e'.repeat(22)}/answer?`, { method: 'POST' })).toBe(500);
  breaking.mockImplementation(() => {
    throw new TypeError(CARELESS);
  });
  expect(await ask(`/v1/tasks/stream/${'e'.repeat(22)}/answer`, { method: 'POST' })).toBe(500);
  breaking.mockRestore();
  const enrolling = vi.spyOn(Federation.prototype, 'enrol').mockRejectedValue(thrown);
  await expect(enrol(parseInviteLink(unused), 'c', systemClock)).rejects.toMatchObject({
    code: 'internalError',
  });
  enrolling.mockRestore();
  write('figures', await (await fetch(`${url}/metrics`)).text());

  await node.end();
  coordinatorLog = await coordinator.end();
  await command('audit', 'export', at('exported'), '--data-dir', at('data'), '--json');
  for (const file of await filesBelow(at('exported'))) write('leaves', await readFile(file, 'latin1'));
  const rows = new Database(at('data/audit.sqlite'), { readonly: true });
  for (const [i, { salt }] of (rows.prepare('SELECT salt FROM salts').all() as { salt: Buffer }[]).entries())
    plant(`salt ${i}`, salt.toString('hex'));
  rows.close();
  plant('key of the coordinator', (await readFile(at('data/keys/coordinator.hex'), 'utf8')).trim());
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('all of it happened', () => {
  expect(secrets.size).toBeGreaterThan(12);
  expect([...secrets.keys()].filter((name) => name.startsWith('salt')).length).toBeGreaterThan(0);
  expect(coordinatorLog.match(/reference [0-9a-f-]{36}: it is broken/g)).toHaveLength(2);
  for (const where of ['log of the node', 'leaves', 'figures', 'hanse member list', 'answer to GET /v1/jobs'])
    expect(written.get(where)?.length, where).toBeGreaterThan(100);
  expect(written.get('hanse node status')).toMatch(/passphraseWrong|passphrase/);
  expect([...written.values()].join('').length).toBeGreaterThan(20_000);
});

test('nothing that was written has a secret in it', () => {
  expect(leaksIn(written)).toEqual([]);
});

test('nor have the records, of what others need to have and the coordinator does not', async () => {
  const stored = new Map<string, string>();
  for (const file of await filesBelow(join(folder, 'data')))
    if (!file.includes('/keys/')) stored.set(file.slice(folder.length), await readFile(file, 'latin1'));
  expect(stored.size).toBeGreaterThan(1);
  expect([...stored.values()].join('')).toContain('inviteCreated');
  const names = [...secrets.keys()].filter((name) => !name.startsWith('salt'));
  expect(leaksIn(stored, names)).toEqual([]);
});

test('what a program writes carelessly is there to be found', () => {
  expect(coordinatorLog).toContain(CARELESS);
});

test.each<[string, (secret: string) => string]>([
  ['as it is', (secret) => secret],
  ['its beginning', (secret) => secret.slice(0, 20)],
  ['in an address', (secret) => encodeURIComponent(secret)],
  ['in JSON', (secret) => JSON.stringify({ cause: { token: secret } })],
  ['as base64', (secret) => Buffer.from(secret).toString('base64')],
  ['as hex', (secret) => Buffer.from(secret).toString('hex')],
])('were one written %s, it would be found', (_, form) => {
  for (const [name, secret] of secrets)
    expect(leaksIn(new Map([['log', `before ${form(secret)} after`]]), [name])).toEqual([`${name} in log`]);
});
