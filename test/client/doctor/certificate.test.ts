import { afterEach, expect, test } from 'vitest';
import { certificate } from '../../../client/doctor/certificate.ts';
import { parseProxy } from '../../../client/proxy-choice.ts';
import { type CertificateOptions, makeCertificate } from '../../fixtures/certificates.ts';
import { connectProxy, tlsBefore } from '../../fixtures/connect-proxy.ts';

const DAY_MS = 86_400_000;
const authority = makeCertificate({ name: 'Hanse authority' });
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function found(
  options: CertificateOptions,
  trust = { ca: authority.cert },
  name = '127.0.0.1',
  proxied = false,
) {
  const shown = makeCertificate({ hosts: ['127.0.0.1'], issuer: authority, ...options });
  const server = await tlsBefore(9, shown);
  closers.push(server.close);
  const proxy = await connectProxy({ target: server.port });
  closers.push(proxy.close);
  const finding = await certificate({
    server: `https://${name}:${server.port}`,
    trust,
    proxy: proxied ? parseProxy(proxy.url, '') : undefined,
    now: Date.now(),
    idleMs: 10_000,
  });
  return { ...finding, asked: proxy.asked.length };
}

test('one that is taken, by whom it was made and for how long', async () => {
  const finding = await found({ notAfter: new Date(Date.now() + 20.5 * DAY_MS) });
  expect(finding).toMatchObject({ ok: true, asked: 0 });
  expect(finding.detail).toMatch(/^verified, TLSv1\.3, certificate by Hanse authority, 20 days left$/);
});

test('one that is to be renewed soon is told, and needed by nobody yet', async () => {
  const finding = await found({ notAfter: new Date(Date.now() + 13.5 * DAY_MS) });
  expect(finding).toMatchObject({ ok: false, needed: false, remedy: expect.stringContaining('renew') });
});

test.each<[string, CertificateOptions, RegExp, string]>([
  [
    'expired',
    { notAfter: new Date(Date.now() - DAY_MS / 2) },
    /^tlsExpired: CERT_HAS_EXPIRED; .* -1 days left/,
    'clock',
  ],
  ['of another host', { hosts: ['other.example'] }, /^tlsNameMismatch: /, ''],
  [
    'of nobody that is trusted',
    { issuer: makeCertificate({ name: 'stranger' }) },
    /^tlsUntrusted: .*by stranger/,
    '--ca',
  ],
])('one that is %s fails, with the remedy of its code', async (_, options, detail, remedy) => {
  const finding = await found(options);
  expect(finding).toMatchObject({ ok: false, needed: true });
  expect(finding.detail).toMatch(detail);
  expect(finding.remedy).toContain(remedy);
});

test('through a proxy the certificate is that of the coordinator', async () => {
  const finding = await found({ hosts: ['coordinator.test'] }, undefined, 'coordinator.test', true);
  expect(finding).toMatchObject({ ok: true, asked: 1 });
});

test('where nobody answers there is none, and this machine needs none', async () => {
  const { port, close } = await tlsBefore(9, authority);
  close();
  const check = { trust: {}, proxy: undefined, now: Date.now(), idleMs: 10_000 };
  expect(await certificate({ ...check, server: `https://127.0.0.1:${port}` })).toMatchObject({
    ok: false,
    needed: true,
    detail: expect.stringContaining('coordinatorUnreachable'),
  });
  expect(await certificate({ ...check, server: 'http://127.0.0.1:1' })).toMatchObject({ ok: true });
});
