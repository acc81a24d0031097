import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { admit } from '../../../protocol/admission.ts';
import { fromHex, toHex } from '../../../protocol/bytes.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { parseJson } from '../../../protocol/parse.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import type { RouteName } from '../../../protocol/routes.ts';
import { IdentityFile } from '../../../schemas/identity-file.ts';
import type { Invite, Member } from '../../../schemas/member.ts';
import { serveCommand } from '../../../server/commands/serve.ts';
import { makeCertificate, writeCertificate } from '../../fixtures/certificates.ts';
import { hanse, type Outcome } from '../../fixtures/command-line.ts';
import { nodeOf } from '../../fixtures/federation.ts';
import { CODEC } from '../../fixtures/manifest.ts';
import { expectSuccess, type RequestParts, send, signed } from '../../fixtures/signed-client.ts';
import { updateFile } from '../../fixtures/vector-files.ts';

let parent: string;
let dataDir: string;
const running = new Set<Served>();

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'hanse-serve-'));
  dataDir = join(parent, 'data');
});
afterEach(async () => {
  for (const served of running) await served.stop();
  rmSync(parent, { recursive: true });
});

interface Served {
  readonly ready: Record<string, unknown>;
  /** What it says under --json, by number from 0; waits for it. */
  event(at: number): Promise<Record<string, unknown>>;
  readonly lines: readonly string[];
  readonly notes: readonly string[];
  /** Resolves to what the command returns. */
  stop(): Promise<object>;
}

type Overrides = Partial<Record<'host' | 'publicUrl' | 'tlsCert' | 'tlsKey', string>> & {
  port?: number;
  behindProxy?: boolean;
};

/** Resolves when the coordinator is ready; rejects with what the command throws. */
async function serve(overrides: Overrides = {}): Promise<Served> {
  const controller = new AbortController();
  const lines: string[] = [];
  const notes: string[] = [];
  const events: Record<string, unknown>[] = [];
  let announce = () => {};
  const usual = {
    port: 0,
    host: '127.0.0.1',
    liveness: 10,
    recruitGrace: 5,
    keepSalts: 3650,
    keepUpdates: 30,
    witnessWait: 30,
    policyApprovals: 1,
    addressRate: 200,
    organisationRate: 200,
  };
  const options = { dataDir, ...usual, ...overrides };
  const result = serveCommand.run(
    { args: [], options },
    {
      print: (line) => lines.push(line),
      event: (event) => {
        events.push(event as Record<string, unknown>);
        announce();
      },
      note: (line) => notes.push(line),
      isTerminal: false,
      json: false,
      signal: controller.signal,
    },
  );
  const failed = result.then(() => Promise.reject(new Error('ended at once')));
  failed.catch(() => {}); // seen by whoever awaits the race, and only before it is ready
  const event = async (at: number) => {
    while (events.length <= at)
      await new Promise<void>((resolve) => {
        announce = resolve;
      });
    return events[at] ?? {};
  };
  const served: Served = {
    ready: await Promise.race([event(0), failed]),
    event,
    lines,
    notes,
    stop: () => {
      running.delete(served);
      controller.abort();
      return result;
    },
  };
  running.add(served);
  return served;
}

const operatorFile = () => join(dataDir, 'keys/operator.json');

/** The database with its tables and nothing in them. */
function emptied(content: Buffer): Buffer {
  const file = join(parent, 'copy.sqlite');
  writeFileSync(file, content);
  const database = new Database(file);
  database.exec('DELETE FROM events');
  database.close();
  return readFileSync(file);
}

function storedIdentity(): Extract<IdentityFile, { version: 1 }> {
  const stored = parseJson(IdentityFile, readFileSync(operatorFile(), 'utf8'), 'identity');
  if (stored.version !== 1) throw new Error('it is encrypted');
  return stored;
}

/** A request of the operator, by its identity file. */
async function asOperator(route: RouteName, parts: RequestParts = {}): Promise<unknown> {
  const { seed, nodeId, role, server } = storedIdentity();
  const signer = await primitives.signer(fromHex(seed) ?? new Uint8Array());
  const asked = await signed({ nodeId, role, signer }, systemClock, route, parts);
  return expectSuccess(await send(server, asked)).json;
}

async function invite(): Promise<Invite> {
  const body = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 };
  return (await asOperator('createInvite', { body })) as Invite;
}

test('says where it is, and leaves an identity with which the operator can invite', async () => {
  const { ready, lines, stop } = await serve();
  expect(ready).toEqual({
    ready: true,
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    federationId: expect.stringMatching(/^fed-/),
    dataDir,
    operatorIdentity: operatorFile(),
    signIn: expect.stringMatching(/^http:\/\/localhost:\d+\/sign-in#link=[A-Za-z0-9_-]{43}$/),
  });
  expect(lines[0]).toBe(`Hanse coordinator of ${ready.federationId} at ${ready.url}`);
  expect(statSync(operatorFile()).mode & 0o777).toBe(0o600);
  expect(await invite()).toMatchObject({ role: 'participant' });
  expect(await stop()).toEqual({ stopped: true, dataDir });
  await expect(fetch(`${ready.url}/healthz`)).rejects.toThrow();
});

test('the link of the first operator is told once, on standard output, and stands nowhere', async () => {
  const first = await serve();
  const { signIn } = first.ready as { signIn: string };
  const [, token = ''] = signIn.split('#link=');
  expect(first.lines.filter((line) => line.includes(token))).toHaveLength(1);
  expect(first.notes.join('\n')).not.toContain(token);
  await first.stop();
  const second = await serve();
  expect(second.ready).not.toHaveProperty('signIn');
  expect([...second.lines, ...second.notes].join('\n')).not.toContain('sign-in');
  const origin = new URL(signIn).origin.replace(/:\d+$/, `:${new URL(String(second.ready.url)).port}`);
  const request = () =>
    fetch(`${second.ready.url}/v1/sign-in/link`, {
      method: 'POST',
      headers: { origin, 'hanse-protocol': '1', 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    });
  const answer = await request();
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ person: { role: 'operator', handle: 'operator' } });
  const again = await request();
  expect(await again.json()).toMatchObject({ code: 'linkSpent' });
  const [cookie = ''] = answer.headers.getSetCookie();
  const secret = /^hanse=([^;]*)/.exec(cookie)?.[1] ?? '';
  expect(secret).not.toBe('');
  await second.stop();
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  const kept = files.map((file) => readFileSync(join(file.parentPath, file.name)));
  expect(kept.some((bytes) => bytes.includes('linkSpent'))).toBe(true);
  for (const planted of [token, secret]) expect(kept.some((bytes) => bytes.includes(planted))).toBe(false);
});

test('started again it is the same federation with the same operator, at its new address', async () => {
  const first = await serve();
  const before = storedIdentity();
  await first.stop();
  const second = await serve();
  const after = storedIdentity();
  expect(after).toEqual({ ...before, server: second.ready.url });
  await invite();
});

test('behind a proxy it is told where that is, and invites name it until it is started without', async () => {
  const behind = await serve({ publicUrl: 'https://hanse.example/' });
  expect(behind.ready).toMatchObject({ publicServer: 'https://hanse.example' });
  expect(behind.lines).toContain('  outside   https://hanse.example');
  expect(storedIdentity()).toMatchObject({
    server: behind.ready.url,
    publicServer: 'https://hanse.example',
  });
  const made = await hanse(['invite', '--organisation', 'hansa', '--identity', operatorFile(), '--json']);
  expect(parseInviteLink((made.json as { link: string }).link).server).toBe('https://hanse.example');
  await behind.stop();
  await serve();
  expect(storedIdentity()).not.toHaveProperty('publicServer');
});

/** Files of a certificate that trusts itself. */
function certificateFor(...hosts: string[]): { tlsCert: string; tlsKey: string } {
  const { cert, key } = writeCertificate(parent, 'tls', makeCertificate({ name: hosts[0] ?? '', hosts }));
  return { tlsCert: cert, tlsKey: key };
}

const inviting = ['invite', '--organisation', 'hansa', '--role', 'researcher', '--json'];
const linkOf = ({ json }: Outcome) => (json as { link: string }).link;

describe('with a certificate of its own', () => {
  test('the operator reaches it by the name that is not in the address, and links name it', async () => {
    const { ready, lines } = await serve(certificateFor('hanse.example'));
    const port = new URL(String(ready.url)).port;
    expect(ready).toMatchObject({
      url: `https://127.0.0.1:${port}`,
      publicServer: `https://hanse.example:${port}`,
    });
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}TLS {7}hanse\.example, until 20.*Z$/));
    const made = await hanse([...inviting, '--identity', operatorFile()]);
    expect(made).toMatchObject({ exitCode: 0 });
    expect(parseInviteLink(linkOf(made)).server).toBe(ready.publicServer);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  test('a node enrols with the certificate at hand, keeps it, and gets nowhere without', async () => {
    const files = certificateFor('127.0.0.1');
    const { ready } = await serve(files);
    const link = linkOf(await hanse([...inviting, '--identity', operatorFile()]));
    expect(parseInviteLink(link).server).toBe(ready.url);
    const me = join(parent, 'me.json');
    const enrolling = ['join', link, '--identity', me, '--json'];
    expect((await hanse(enrolling)).json).toMatchObject({ problem: { code: 'tlsUntrusted' } });
    const other = makeCertificate({ hosts: ['127.0.0.1'] });
    const { cert } = writeCertificate(parent, 'other', other);
    expect((await hanse([...enrolling, '--ca', cert])).json).toMatchObject({
      problem: { code: 'tlsUntrusted' },
    });
    const none = await hanse([...enrolling, '--ca', files.tlsKey]);
    expect(none.json).toMatchObject({ problem: { code: 'tlsFileInvalid' } });
    expect(await hanse([...enrolling, '--ca', files.tlsCert])).toMatchObject({ exitCode: 0 });
    expect(parseJson(IdentityFile, readFileSync(me, 'utf8'), 'identity').ca).toBe(
      readFileSync(files.tlsCert, 'utf8'),
    );
    expect(await hanse(['job', 'list', '--identity', me])).toMatchObject({ exitCode: 0 });
  });

  test('told so, it takes a renewed pair without a pause, and keeps the old one where the new one is bad', async () => {
    const files = certificateFor('127.0.0.1');
    const served = await serve(files);
    const before = readFileSync(files.tlsCert, 'utf8');
    const asked = () => hanse(['job', 'list', '--identity', operatorFile()]);
    const { cert, key } = makeCertificate({ hosts: ['127.0.0.1'] });

    writeFileSync(files.tlsCert, cert); // the key is not there yet
    process.emit('SIGHUP');
    expect(await served.event(1)).toEqual({ renewed: false, code: 'tlsFileInvalid' });
    expect(served.notes.at(-1)).toMatch(/^the certificate in use stays: tlsFileInvalid: .*not the key/);
    expect(storedIdentity().ca).toBe(before);
    expect(await asked()).toMatchObject({ exitCode: 0 });

    writeFileSync(files.tlsKey, key);
    process.emit('SIGHUP');
    expect(await served.event(2)).toEqual({ renewed: true, expiresAt: expect.stringMatching(/Z$/) });
    expect(storedIdentity().ca).toBe(cert);
    expect(await asked()).toMatchObject({ exitCode: 0 });

    const others = makeCertificate({ hosts: ['other.example'] });
    writeCertificate(parent, 'tls', others);
    process.emit('SIGHUP');
    // Where no address was said, links name the first host of the certificate: it may be another now.
    expect(await served.event(3)).toMatchObject({ renewed: true });
    expect(storedIdentity().publicServer).toMatch(/^https:\/\/other\.example:/);
    expect(await asked()).toMatchObject({ exitCode: 0 });
    await served.stop();
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });
});

test('one process at a time has the data directory', async () => {
  const first = await serve();
  await expect(serve()).rejects.toMatchObject({ code: 'dataDirInUse', detail: { pid: process.pid } });
  await first.stop();
  await expect(serve()).resolves.toBeDefined();
});

test('stops although a node waits for tasks, which gets its answer first', async () => {
  const { ready, stop, notes } = await serve();
  const node = await nodeOf('waiting', 'participant');
  const { token } = await invite();
  const publicKey = toHex(node.signer.publicKey);
  const organisation = (await nodeOf('hansa', 'operator')).signer;
  const admission = await admit(
    { organisationId: 'hansa', publicKey, role: 'participant' },
    storedIdentity(),
    organisation,
  );
  const call = async (route: RouteName, parts: RequestParts) =>
    send(String(ready.url), await signed(node, systemClock, route, parts));
  expectSuccess(await call('enrol', { body: { token, publicKey, name: 'waiting', admission } }));
  const waiting = call('nextTasks', { query: { wait: '60' } });
  let isLive = false;
  while (!isLive) {
    const { members } = (await asOperator('listMembers')) as { members: Member[] };
    isLive = members.some(({ nodeId, live }) => nodeId === node.nodeId && live);
  }
  expect(await stop()).toEqual({ stopped: true, dataDir });
  expect(expectSuccess(await waiting).json).toMatchObject({ tasks: [] });
  expect(notes).toEqual(['stopping: running work is finished and kept']);
}, 15_000);

describe('what keeps it from starting', () => {
  test('an address beyond this machine without TLS, before a folder is made', async () => {
    for (const host of ['0.0.0.0', '192.168.0.1', 'example.org'])
      await expect(serve({ host })).rejects.toMatchObject({ code: 'plainHttpRefused' });
    expect(existsSync(dataDir)).toBe(false);
    await expect(serve({ host: 'localhost' })).resolves.toBeDefined();
  });

  test('an outside address to which tokens would travel in the clear, or that is none', async () => {
    await expect(serve({ publicUrl: 'http://hanse.example' })).rejects.toMatchObject({
      code: 'plainHttpRefused',
    });
    for (const publicUrl of ['hanse.example', 'https://hanse.example/path'])
      await expect(serve({ publicUrl })).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(dataDir)).toBe(false);
  });

  test('half a pair of certificate and key, or a bad one', async () => {
    const { tlsCert, tlsKey } = certificateFor('127.0.0.1');
    await expect(serve({ tlsCert })).rejects.toMatchObject({ code: 'usage' });
    await expect(serve({ tlsCert, tlsKey: tlsCert })).rejects.toMatchObject({ code: 'tlsFileInvalid' });
    expect(existsSync(dataDir)).toBe(false);
    await expect(serve({ tlsCert, tlsKey })).resolves.toBeDefined();
  });

  test('a port in use, at its very first start: the next one finds an operator who can invite', async () => {
    const other = await new Promise<Server>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
    });
    const { port } = other.address() as { port: number };
    await expect(serve({ port })).rejects.toMatchObject({ code: 'portInUse', detail: { port } });
    await new Promise((resolve) => {
      other.close(resolve);
    });
    await serve({ port });
    expect(await invite()).toMatchObject({ role: 'participant' });
    const listed = await hanse(['member', 'list', '--identity', operatorFile(), '--json']);
    expect(listed.json).toMatchObject({ members: [{ role: 'operator' }] });
    expect(existsSync(join(dataDir, 'keys/operator.pending'))).toBe(false);
  });

  test.skipIf(process.getuid?.() === 0 || process.platform !== 'linux')(
    'a port that needs privileges',
    async () => {
      await expect(serve({ port: 1 })).rejects.toMatchObject({
        code: 'usage',
        detail: { reason: expect.stringContaining('EACCES') },
      });
      await expect(serve()).resolves.toBeDefined();
    },
  );

  test('the key of another coordinator', async () => {
    await (await serve()).stop();
    writeFileSync(join(dataDir, 'keys/coordinator.hex'), `${'ab'.repeat(32)}\n`);
    await expect(serve()).rejects.toMatchObject({ code: 'storageCorrupt' });
  });

  test('a database that is gone or empty: nothing is founded among the old data', async () => {
    const { ready, stop } = await serve();
    await stop();
    const database = join(dataDir, 'hanse.sqlite');
    const lost = join(dataDir, 'blobs', '00', '0'.repeat(62));
    writeFileSync(lost, updateFile([1], 1, CODEC));
    const good = readFileSync(database);
    rmSync(database);
    await expect(serve()).rejects.toMatchObject({ code: 'storageCorrupt', detail: { path: database } });
    expect(existsSync(database)).toBe(false);
    for (const damaged of [Buffer.alloc(0), emptied(good)]) {
      writeFileSync(database, damaged);
      await expect(serve()).rejects.toMatchObject({ code: 'storageCorrupt' });
      rmSync(operatorFile(), { force: true }); // the pin does not depend on it
    }
    expect(existsSync(lost)).toBe(true);
    writeFileSync(database, good);
    const again = await serve();
    expect(again.ready.federationId).toBe(ready.federationId);
    await again.stop();
  });

  test('the database of another federation, even under the same key', async () => {
    const { ready, stop } = await serve();
    await stop();
    const pin = join(dataDir, 'keys/federation.id');
    expect(readFileSync(pin, 'utf8')).toBe(`${ready.federationId}\n`);
    writeFileSync(pin, `fed-${'0'.repeat(16)}\n`);
    await expect(serve()).rejects.toMatchObject({ code: 'storageCorrupt' });
    writeFileSync(pin, `${ready.federationId}\n`);
    await expect(serve()).resolves.toBeDefined();
  });
});
