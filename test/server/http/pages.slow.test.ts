// covers: server/http/pages.ts, server/web-site.ts
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { brotliCompressSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from '../../../protocol/parse.ts';
import { ProblemDetails } from '../../../schemas/problem.ts';
import { buildApp } from '../../../server/app.ts';
import { PAGE_HEADERS } from '../../../server/http/pages.ts';
import { SECURITY_HEADERS } from '../../../server/http/security-headers.ts';
import { openWebSite, type WebSite } from '../../../server/web-site.ts';
import { TestFederation } from '../../fixtures/federation.ts';

const PAGE = '<!doctype html><title>Hanse</title>'.padEnd(500);
const SCRIPT = 'export const one = 1;\n'.repeat(50);
const LARGE = Buffer.alloc(2 ** 20 + 1, 'w');

let folder: string;
let app: FastifyInstance;
let server: string;

const entryOf = (bytes: Uint8Array | string, compressed: Uint8Array) => ({
  bytes: bytes.length,
  compressedBytes: compressed.length,
  integrity: `sha384-${createHash('sha384').update(bytes).digest('base64')}`,
});

function build(files: Readonly<Record<string, Uint8Array | string>>): void {
  mkdirSync(join(folder, 'assets'), { recursive: true });
  const manifest: Record<string, object> = {};
  for (const [name, bytes] of Object.entries(files)) {
    const compressed = brotliCompressSync(bytes);
    writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, `${name}.br`), compressed);
    manifest[name] = entryOf(bytes, compressed);
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

async function start(site: WebSite | undefined): Promise<void> {
  const { coordinator } = await TestFederation.open();
  app = await buildApp({ coordinator, report: () => {}, ...(site && { site }) });
  server = await app.listen({ port: 0, host: '127.0.0.1' });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-web-'));
});
afterEach(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a page that was built', () => {
  beforeEach(async () => {
    build({ 'index.html': PAGE, 'assets/main-abc.js': SCRIPT, 'assets/ort-abc.wasm': LARGE });
    writeFileSync(join(folder, 'secret.txt'), 'not listed');
    await start(await openWebSite(folder));
  });

  test('is at the address of invite links, and isolated under its policy', async () => {
    for (const path of ['/', '/join']) {
      const answer = await fetch(server + path);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toBe(PAGE);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      const expected = { ...SECURITY_HEADERS, ...PAGE_HEADERS, 'cache-control': 'no-cache' };
      for (const [name, value] of Object.entries(expected)) expect(answer.headers.get(name)).toBe(value);
    }
    expect(PAGE_HEADERS['content-security-policy']).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:|\*/);
    const data = await fetch(`${server}/healthz`);
    expect(data.headers.get('content-security-policy')).toBe(SECURITY_HEADERS['content-security-policy']);
  });

  test.each([
    ['assets/main-abc.js', 'text/javascript; charset=utf-8', SCRIPT],
    ['assets/ort-abc.wasm', 'application/wasm', LARGE.toString()],
  ])('%s is for ever, compressed or not as the caller takes it', async (name, type, content) => {
    const encodings = { '': null, br: 'br', 'gzip, br;q=0.5': 'br', 'br;q=0': null, 'gzip, brx': null };
    const tags = new Set<string | null>();
    for (const [accepted, encoding] of Object.entries(encodings)) {
      const headers = { 'accept-encoding': accepted };
      const answer = await fetch(`${server}/${name}`, { headers });
      expect(answer.headers.get('content-encoding'), accepted).toBe(encoding);
      expect(await answer.text()).toBe(content);
      expect(answer.headers.get('content-type')).toBe(type);
      expect(answer.headers.get('vary')).toBe('accept-encoding');
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      const etag = answer.headers.get('etag') ?? '';
      tags.add(etag);
      const again = await fetch(`${server}/${name}`, { headers: { ...headers, 'if-none-match': etag } });
      expect(again.status).toBe(304);
    }
    expect(tags.size).toBe(2);
  });

  test.each(['gone', 'another'])(
    'a file that is %s since the start is a fault, and nothing to keep',
    async (how) => {
      const path = join(folder, 'assets/ort-abc.wasm');
      const ask = () => fetch(`${server}/assets/ort-abc.wasm`, { headers: { 'accept-encoding': '' } });
      const whole = await ask();
      expect(whole.headers.get('cache-control')).toContain('immutable');
      expect((await whole.arrayBuffer()).byteLength).toBe(LARGE.length);
      if (how === 'gone') rmSync(path);
      else writeFileSync(path, 'a part');
      const answer = await ask();
      expect(answer.status).toBe(500);
      expect([answer.headers.get('cache-control'), answer.headers.get('etag')]).toEqual(['no-store', null]);
      expect(parse(ProblemDetails, await answer.json(), 'answer').code).toBe('internalError');
      expect((await fetch(`${server}/assets/main-abc.js`)).status).toBe(200);
    },
  );

  test('HEAD says what GET would send; nothing else is answered', async () => {
    const path = `${server}/assets/main-abc.js`;
    const head = await fetch(path, { method: 'HEAD', headers: { 'accept-encoding': '' } });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(SCRIPT.length));
    expect(await head.text()).toBe('');
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      expect((await fetch(path, { method })).status).toBe(404);
  });

  test('the hashes of all files are at a fixed address', async () => {
    const answer = await fetch(`${server}/assets/manifest.json`);
    const { integrity } = entryOf(SCRIPT, brotliCompressSync(SCRIPT));
    expect(await answer.json()).toMatchObject({ 'assets/main-abc.js': { bytes: SCRIPT.length, integrity } });
  });

  test('what is not listed is not there, however it is asked for', async () => {
    for (const path of [
      '/secret.txt',
      '/assets/',
      '/assets/../secret.txt',
      '/assets/%2e%2e/secret.txt',
      '/assets/..%2fsecret.txt',
      '/assets/main-abc.js.br',
      '/assets/main-abc.js/',
      '/assets//main-abc.js',
      '/../../etc/passwd',
      '/index.html',
      '/manifest.json',
    ]) {
      const answer = await rawGet(path);
      expect(answer, path).toMatch(/^HTTP\/1\.1 404 /);
      expect(answer).toContain('"code":"routeUnknown"');
    }
    expect(await rawGet('/assets/main-abc.js')).toMatch(/^HTTP\/1\.1 200 /);
  });
});

/** Without what a client does to a path before it asks. */
async function rawGet(path: string): Promise<string> {
  const { hostname, port } = new URL(server);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n`);
  return text(socket);
}

test('where nothing was built, the address of the page says so', async () => {
  expect(await openWebSite(folder)).toBeUndefined();
  await start(undefined);
  for (const path of ['/', '/join']) {
    const answer = await fetch(server + path);
    expect(answer.status).toBe(404);
    expect(parse(ProblemDetails, await answer.json(), 'answer').code).toBe('pagesMissing');
  }
});

test('a list of files that is none is refused', async () => {
  writeFileSync(join(folder, 'manifest.json'), '{"index.html": 1}');
  await expect(openWebSite(folder)).rejects.toMatchObject({ code: 'invalidFormat' });
  build({ 'index.html': PAGE });
  expect((await openWebSite(folder))?.size).toBe(3);
});
