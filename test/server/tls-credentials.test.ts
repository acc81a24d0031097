import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTlsCredentials, type TlsFiles } from '../../server/tls-credentials.ts';
import { type CertificateOptions, makeCertificate, writeCertificate } from '../fixtures/certificates.ts';

const HOUR_MS = 3_600_000;
const now = Date.now();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-tls-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const written = (name: string, options: CertificateOptions = {}) =>
  writeCertificate(folder, name, makeCertificate({ hosts: ['hanse.example'], ...options }));
const refusal = (files: TlsFiles) => {
  try {
    readTlsCredentials(files, now);
    return undefined;
  } catch (error) {
    return error;
  }
};

test('a pair is read with the names that it is for and the time until which it is', () => {
  const hosts = ['Hanse.example', '*.nodes.example', '10.0.0.1', '::1'];
  const notAfter = new Date(now + HOUR_MS - (now % 1000));
  const { names, expiresAt, covers } = readTlsCredentials(written('good', { hosts, notAfter }), now);
  expect(names).toEqual(['hanse.example', '*.nodes.example', '10.0.0.1', '0:0:0:0:0:0:0:1']);
  expect(expiresAt).toBe(notAfter.getTime());
  for (const host of ['hanse.example', 'a.nodes.example', '10.0.0.1', '::1', '[::1]'])
    expect(covers(host), host).toBe(true);
  for (const host of ['example', 'a.hanse.example', 'nodes.example', '10.0.0.2', '::2', 'Hanse test'])
    expect(covers(host), host).toBe(false);
});

test('the chain is kept whole and in order, the key shows itself nowhere', () => {
  const authority = makeCertificate({ name: 'authority' });
  const leaf = makeCertificate({ hosts: ['hanse.example'], issuer: authority });
  const files = writeCertificate(folder, 'chain', { ...leaf, cert: leaf.cert + authority.cert });
  const credentials = readTlsCredentials(files, now);
  expect(credentials.chain).toBe(leaf.cert + authority.cert);
  expect(new TextDecoder().decode(credentials.key.reveal())).toBe(leaf.key);
  const shown = inspect(credentials) + JSON.stringify(credentials);
  expect(shown).toContain('[secret]');
  expect(shown).not.toContain(leaf.key.split('\n')[1]);
});

test('two files that are no pair, or not now, are refused and the one at fault is named', () => {
  const good = written('good');
  const other = written('other');
  const old = written('old', { notAfter: new Date(now - HOUR_MS) });
  const early = written('early', { notBefore: new Date(now + HOUR_MS) });
  const text = join(folder, 'text');
  writeFileSync(text, 'no PEM', { mode: 0o600 });
  const locked = join(folder, 'locked');
  writeFileSync(
    locked,
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n',
    {
      mode: 0o600,
    },
  );
  expect(refusal(good)).toBeUndefined();
  for (const [files, file, reason] of [
    [{ ...good, key: other.key }, other.key, /not the key of/],
    [{ ...good, key: text }, text, /no private key/],
    [{ ...good, key: locked }, locked, /passphrase/],
    [{ ...good, key: good.cert }, good.cert, /others may read/],
    [{ ...good, key: join(folder, 'none') }, join(folder, 'none'), /ENOENT/],
    [{ ...good, cert: text }, text, /no certificate/],
    [{ ...good, cert: good.key }, good.key, /no certificate/],
    [{ ...good, cert: folder }, folder, /EISDIR/],
    [old, old.cert, /has expired/],
    [early, early.cert, /not valid yet/],
  ] as const)
    expect(refusal(files)).toMatchObject({
      code: 'tlsFileInvalid',
      detail: { file, reason: expect.stringMatching(reason) },
    });
});

test.skipIf(process.platform === 'win32')('a key that others may read is refused, until they may not', () => {
  const files = written('open');
  for (const mode of [0o640, 0o604, 0o660, 0o601]) {
    chmodSync(files.key, mode);
    expect(refusal(files)).toMatchObject({
      code: 'tlsFileInvalid',
      detail: { file: files.key, reason: expect.stringContaining('chmod 600') },
    });
  }
  chmodSync(files.key, 0o400);
  expect(refusal(files)).toBeUndefined();
});
