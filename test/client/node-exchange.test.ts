/**
 * TLS to a coordinator: which certificates are taken, and why the others are not. What else an exchange does is in
 * http-coordinator.test.ts.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { IDLE_MS } from '../../client/exchange.ts';
import { httpCoordinator } from '../../client/http-coordinator.ts';
import { nodeExchangeTrusting, nodeExchangeWithin } from '../../client/node-exchange.ts';
import type { Trust } from '../../client/tls-trust.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { isProblem } from '../../protocol/problem.ts';
import { type Certificate, type CertificateOptions, makeCertificate } from '../fixtures/certificates.ts';

const DAY_MS = 86_400_000;
const HERE = ['127.0.0.1', 'localhost'];
const authority = makeCertificate({ name: 'authority' });
const stranger = makeCertificate({ name: 'stranger' });
const closers: (() => void)[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => {
  for (const close of closers) close();
});

/** What comes of a request to a server with this certificate: `answered`, or the problem. */
async function outcome(certificate: Certificate, trust: Trust, settings = {}): Promise<string> {
  let asked = 0;
  const server = createServer(
    { cert: certificate.cert, key: certificate.key, ...settings },
    (_, response) => {
      asked += 1;
      response.writeHead(404, { 'content-type': 'text/html' }).end();
    },
  );
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const api = httpCoordinator(url, undefined, systemClock, nodeExchangeTrusting(trust));
  const error: unknown = await api
    .call('getFederation', { query: { challenge: 'a' } })
    .catch((e: unknown) => e);
  server.closeAllConnections();
  if (!isProblem(error)) throw error;
  // A page that is no answer of a coordinator: the request has come through.
  if (asked > 0) return /HTTP status 404/.test(error.message) ? 'answered' : `${error.code}, too late`;
  return error.code;
}

const of = (options: CertificateOptions) => makeCertificate({ hosts: HERE, issuer: authority, ...options });
const trusting = { ca: authority.cert };

test('a certificate of a trusted authority is taken', async () => {
  expect(await outcome(of({}), trusting)).toBe('answered');
  expect(await outcome(of({}), { ca: stranger.cert + authority.cert })).toBe('answered');
});

test('one that is trusted itself needs no authority', async () => {
  const own = makeCertificate({ hosts: HERE });
  expect(await outcome(own, { ca: own.cert })).toBe('answered');
  const issued = of({});
  expect(await outcome(issued, { ca: issued.cert })).toBe('answered');
});

test.each<[what: string, certificate: Certificate, trust: Trust, code: string]>([
  ['an authority that nobody knows', of({}), {}, 'tlsUntrusted'],
  ['another authority', of({}), { ca: stranger.cert }, 'tlsUntrusted'],
  ['one of its own', makeCertificate({ hosts: HERE }), {}, 'tlsUntrusted'],
  [
    'the same name as the trusted one',
    makeCertificate({ name: 'authority', hosts: HERE }),
    trusting,
    'tlsUntrusted',
  ],
  ['an hour too old', of({ notAfter: new Date(Date.now() - 3_600_000) }), trusting, 'tlsExpired'],
  ['a day too new', of({ notBefore: new Date(Date.now() + DAY_MS) }), trusting, 'tlsExpired'],
  ['another name', of({ hosts: ['hanse.example'] }), trusting, 'tlsNameMismatch'],
  ['another address', of({ hosts: ['127.0.0.2'] }), trusting, 'tlsNameMismatch'],
])('%s', async (_, certificate, trust, code) => {
  expect(await outcome(certificate, trust)).toBe(code);
});

test('the name that is asked for may be another than that of the address, and then has to be there', async () => {
  const elsewhere = of({ hosts: ['hanse.example', '10.0.0.1'] });
  for (const tlsName of ['hanse.example', '10.0.0.1'])
    expect(await outcome(elsewhere, { ...trusting, tlsName }), tlsName).toBe('answered');
  for (const tlsName of ['other.example', '127.0.0.1'])
    expect(await outcome(elsewhere, { ...trusting, tlsName }), tlsName).toBe('tlsNameMismatch');
});

test('the environment cannot turn verification off', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  expect(await outcome(of({}), {})).toBe('tlsUntrusted');
  expect(await outcome(of({ hosts: ['hanse.example'] }), trusting)).toBe('tlsNameMismatch');
});

test('TLS 1.2 is the oldest version that is spoken', async () => {
  const only = (version: string, ciphers: string) => ({ minVersion: version, maxVersion: version, ciphers });
  expect(await outcome(of({}), trusting, only('TLSv1.2', 'DEFAULT'))).toBe('answered');
  expect(await outcome(of({}), trusting, only('TLSv1.1', 'DEFAULT@SECLEVEL=0'))).toBe(
    'coordinatorUnreachable',
  );
});

test('plain HTTP goes to this machine alone, whoever makes the exchange', () => {
  const exchange = nodeExchangeWithin(IDLE_MS);
  expect(() => httpCoordinator('http://127.0.0.1:1', undefined, systemClock, exchange)).not.toThrow();
  for (const address of ['http://hanse.example', 'http://10.0.0.1:8790', 'http://[::2]:1'])
    for (const by of [exchange, undefined])
      expect(() => httpCoordinator(address, undefined, systemClock, by)).toThrow(
        expect.objectContaining({ code: 'plainHttpRefused', detail: { url: address } }),
      );
});
