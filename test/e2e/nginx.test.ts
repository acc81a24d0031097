/**
 * A coordinator behind nginx, with the configuration that is shown to operators: streams, large bodies, and what a proxy
 * could change on the way. Skipped where nginx is not installed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { connect as connectTo, enrol } from '../../client/enrol.ts';
import type { Identity } from '../../client/identity.ts';
import { nodeExchangeTrusting } from '../../client/node-exchange.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { BINARY } from '../../protocol/routes.ts';
import type { TaskLine } from '../../schemas/task-stream.ts';
import { makeCertificate, writeCertificate } from '../fixtures/certificates.ts';
import type { Node } from '../fixtures/federation.ts';
import { type RunningCoordinator, runCoordinator } from '../fixtures/running-coordinator.ts';
import { type RequestParts, signed } from '../fixtures/signed-client.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const EXAMPLE = readFileSync(new URL('../../server/nginx.conf.example', import.meta.url), 'utf8');
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };
const isThere = spawnSync('nginx', ['-v'], { env }).status === 0;

describe.skipIf(!isThere)('behind nginx (skipped: it is not installed)', () => {
  const certificate = makeCertificate({ hosts: ['localhost'] });
  const exchange = nodeExchangeTrusting({ ca: certificate.cert });
  let folder: string;
  let running: RunningCoordinator;
  let nginx: ChildProcess;
  let log = '';
  let server: string;
  let operator: Identity;
  let api: CoordinatorApi;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanse-nginx-'));
    running = await runCoordinator();
    const port = await freePort();
    server = `https://localhost:${port}`;
    writeFileSync(join(folder, 'nginx.conf'), configuration(port));
    const flags = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
    nginx = spawn('nginx', flags, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    nginx.stderr?.on('data', (text) => {
      log += text;
    });
    await isListening(port);
    operator = { ...running.operator, server };
    api = await connectTo(operator, systemClock, { exchange });
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => nginx.once('close', resolve));
    nginx.kill('SIGKILL');
    await ended;
    await running.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The example, with what an operator has to replace, on a port and in a folder of this test. */
  function configuration(port: number): string {
    const files = writeCertificate(folder, 'tls', certificate);
    const site = Object.entries({
      'server 127.0.0.1:8790;': `server 127.0.0.1:${new URL(running.url).port};`,
      'listen 443 ssl;': `listen 127.0.0.1:${port} ssl;`,
      'server_name hanse.example;': 'server_name localhost;',
      '/etc/ssl/hanse/fullchain.pem': files.cert,
      '/etc/ssl/hanse/key.pem': files.key,
    }).reduce((text, [from, to]) => {
      expect(text).toContain(from);
      return text.replace(from, to);
    }, EXAMPLE);
    const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const folders = kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join('\n');
    return `daemon off; master_process off; pid ${join(folder, 'pid')};
      events { worker_connections 100; }
      http { access_log off; ${folders}\n${site} }`;
  }

  async function isListening(port: number): Promise<void> {
    for (;;) {
      if (nginx.exitCode !== null) throw new Error(`nginx ended: ${log}`);
      const isOpen = await new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
        socket.once('connect', () => socket.end());
      });
      if (isOpen) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Signed by the operator, sent as it is. */
  async function ask(
    route: 'listJobs' | 'getBlob' | 'putBlob',
    parts: RequestParts,
    change = (target: string) => target,
  ) {
    const { seed, nodeId } = operator;
    const node: Node = { nodeId, role: 'operator', signer: await primitives.signer(seed.reveal()) };
    const one = await signed(node, systemClock, route, parts);
    const { method, headers, body } = one;
    return exchange({ url: server + change(one.target), method, headers, ...(body && { body }) });
  }

  test('a stream comes line by line, and its end at once', async () => {
    const link = parseInviteLink(await running.invite());
    const node = await enrol({ ...link, server }, 'node', systemClock, { exchange });
    const nodeApi = await connectTo(node, systemClock, { exchange });
    const life = new AbortController();
    const stream = await nodeApi.call('taskStream', {}, { signal: life.signal });
    const lines = stream[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value as TaskLine;
    const opened = await next();
    expect(await next()).toMatchObject({ type: 'tasks', tasks: [] });
    if (opened.type !== 'opened') expect.fail('no id');
    const params = { streamId: opened.streamId };
    expect(await nodeApi.call('answerStream', { params })).toEqual({ open: true });
    life.abort();
    await lines.next().catch(() => {});
    while (running.coordinator.presence.streams > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(await nodeApi.call('answerStream', { params })).toEqual({ open: false });
  });

  test('a body of many megabytes goes through as it is, and answers keep their type', async () => {
    const content = new Uint8Array(24 * 2 ** 20).map((_, i) => i * 31);
    const sha256 = hashOf(content);
    const put = await ask('putBlob', { params: { sha256 }, body: content });
    expect(put.status).toBe(200);
    expect(JSON.parse(new TextDecoder().decode(await put.bytes()))).toEqual({
      sha256,
      bytes: content.length,
    });
    // Only what a job names can be fetched: this is its refusal, as a problem with its own type.
    const refused = await ask('getBlob', { params: { sha256 } });
    expect([refused.status, refused.header('content-type')]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
    ]);
    expect(refused.header('hanse-protocol')).toBe('1-1');
    expect(await refused.bytes()).not.toHaveLength(0);
  });

  test('a body that is refused while it is sent is answered with the reason', async () => {
    const content = new Uint8Array(4 * 2 ** 20);
    await expect(
      api.call('putBlob', { params: { sha256: hashOf(new Uint8Array()) }, body: content }),
    ).rejects.toMatchObject({ code: 'hashMismatch' });
    const { headers } = await signed(
      { nodeId: operator.nodeId, role: 'operator', signer: await primitives.signer(new Uint8Array(32)) },
      systemClock,
      'putBlob',
      { params: { sha256: hashOf(content) }, body: content },
    );
    expect(headers['content-type']).toBe(BINARY);
    const url = `${server}/v1/blobs/${hashOf(content)}`;
    const answer = await exchange({ url, method: 'PUT', headers, body: content });
    expect(answer.status).toBe(401);
    expect(new TextDecoder().decode(await answer.bytes())).toContain('"signatureInvalid"');
  });

  test('path and query arrive as they were signed', async () => {
    expect((await ask('listJobs', {})).status).toBe(200);
    const { status } = await ask('listJobs', {}, (target) => target.replace('jobs', '%6Aobs'));
    expect(status).toBe(401); // another path than was signed, though it means the same
    const job = `job-${'0'.repeat(16)}`;
    const query = { after: '0', wait: '0' };
    await expect(api.call('getJob', { params: { jobId: job }, query })).rejects.toMatchObject({
      code: 'jobUnknown',
    });
  });
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => {
    probe.listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
