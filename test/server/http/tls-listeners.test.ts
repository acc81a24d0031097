import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { Secret } from '../../../protocol/secret.ts';
import { TlsListeners } from '../../../server/http/tls-listeners.ts';
import type { TlsCredentials } from '../../../server/tls-credentials.ts';
import { makeCertificate } from '../../fixtures/certificates.ts';

const SETTINGS = { idleMs: 60_000, keepAliveMs: 60_000, maxConnections: 10 };
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function credentials(name: string): TlsCredentials {
  const { cert, key } = makeCertificate({ name, hosts: ['localhost'] });
  return {
    chain: cert,
    key: new Secret(new TextEncoder().encode(key)),
    names: ['localhost'],
    expiresAt: 0,
    covers: () => true,
  };
}

async function listening(listeners: TlsListeners): Promise<number> {
  const server = listeners.create((_, response) => response.end('here'), SETTINGS);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** A connection that verifies nothing: these tests are about what is presented. */
async function connected(port: number, options = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  closers.push(() => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject);
  });
  return socket;
}

const presented = async (port: number) => (await connected(port)).getPeerCertificate().subject.CN;

async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  let text = '';
  while (!text.endsWith('here'))
    text += await new Promise<string>((resolve, reject) => {
      socket
        .once('data', (bytes) => resolve(bytes.toString('latin1')))
        .once('close', () => reject(new Error(text)));
    });
  return text;
}

test('a new certificate is for new connections, of every server; the open ones go on', async () => {
  const listeners = new TlsListeners(credentials('old'));
  const ports = [await listening(listeners), await listening(listeners)];
  expect(await Promise.all(ports.map(presented))).toEqual(['old', 'old']);
  const open = await connected(ports[0] ?? 0);
  expect(await ask(open)).toContain('200 OK');
  listeners.replace(credentials('new'));
  expect(await Promise.all([...ports, await listening(listeners)].map(presented))).toEqual([
    'new',
    'new',
    'new',
  ]);
  expect(await ask(open)).toContain('200 OK');
});

test('TLS 1.3 is what both prefer, 1.2 the oldest that is spoken', async () => {
  const port = await listening(new TlsListeners(credentials('a')));
  expect((await connected(port)).getProtocol()).toBe('TLSv1.3');
  expect((await connected(port, { maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2');
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  await expect(connected(port, old)).rejects.toMatchObject({
    code: expect.stringMatching(/ERR_SSL|ECONNRESET/),
  });
});

test('plain HTTP to it is not answered; without a certificate it is', async () => {
  const secure = await listening(new TlsListeners(credentials('a')));
  await expect(fetch(`http://127.0.0.1:${secure}`)).rejects.toThrow();
  const plain = await listening(new TlsListeners());
  expect(await (await fetch(`http://127.0.0.1:${plain}`)).text()).toBe('here');
});
