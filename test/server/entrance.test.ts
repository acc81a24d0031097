import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressesOf, entranceOf, isProxied, requireName } from '../../server/entrance.ts';
import type { TlsFiles } from '../../server/tls-credentials.ts';
import { makeCertificate, writeCertificate } from '../fixtures/certificates.ts';

const now = Date.now();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-entrance-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function tls(...hosts: string[]): { tlsCert: string; tlsKey: string } {
  const { cert, key } = writeCertificate(
    folder,
    hosts[0]?.replace('*', '_') ?? 'none',
    makeCertificate({ hosts }),
  );
  return { tlsCert: cert, tlsKey: key };
}

const THIS_MACHINE = ['127.0.0.1', '127.1.2.3', 'localhost', '::1'];
const BEYOND = [
  '0.0.0.0',
  '::',
  '10.0.0.5',
  '192.168.0.1',
  'example.org',
  '127.0.0.999',
  '127.0.0.1.example.org',
];

test('a proxy is there where the operator says so, or names another origin without TLS of his own', () => {
  const host = '127.0.0.1';
  const publicUrl = 'https://hanse.example';
  const files = { tlsCert: 'cert.pem', tlsKey: 'key.pem' };
  expect([{ host }, { host, ...files }, { host, ...files, publicUrl }].map(isProxied)).toEqual([
    false,
    false,
    false,
  ]);
  const behind = [
    { host, publicUrl },
    { host, behindProxy: true, publicUrl },
    { host, ...files, behindProxy: true },
  ];
  expect(behind.map(isProxied)).toEqual([true, true, true]);
});

describe('plain HTTP', () => {
  test('is for this machine', () => {
    for (const host of THIS_MACHINE) expect(entranceOf({ host }, now), host).toEqual({});
    for (const host of BEYOND)
      expect(() => entranceOf({ host }, now), host).toThrow(
        expect.objectContaining({ code: 'plainHttpRefused' }),
      );
  });

  test('is beyond it for a proxy, if that is said, with the https address of the proxy', () => {
    for (const host of BEYOND) {
      const behind = { host, behindProxy: true };
      for (const publicUrl of [undefined, 'http://127.0.0.1:1'])
        expect(() => entranceOf({ ...behind, ...(publicUrl && { publicUrl }) }, now)).toThrow(
          expect.objectContaining({ code: 'usage' }),
        );
      const publicServer = 'https://hanse.example';
      expect(entranceOf({ ...behind, publicUrl: publicServer }, now)).toEqual({ publicServer });
      expect(() => entranceOf({ host, publicUrl: publicServer }, now)).toThrow(
        expect.objectContaining({ code: 'plainHttpRefused' }),
      );
    }
  });

  test('is never what others are told', () => {
    for (const options of [{}, { behindProxy: true }, tls('hanse.example')])
      expect(() =>
        entranceOf({ host: '127.0.0.1', publicUrl: 'http://hanse.example', ...options }, now),
      ).toThrow(
        expect.objectContaining({ code: 'plainHttpRefused', detail: { url: 'http://hanse.example' } }),
      );
  });

  test('reaches its operator at the address that only this machine has, or through the proxy', () => {
    const publicServer = 'https://hanse.example';
    const at = (host: string) => addressesOf({ publicServer }, host, 8790);
    expect(addressesOf({}, 'localhost', 8790)).toEqual({
      url: 'http://localhost:8790',
      operator: { server: 'http://localhost:8790' },
    });
    expect(at('0.0.0.0')).toMatchObject({ publicServer, operator: { server: 'http://127.0.0.1:8790' } });
    expect(at('::')).toMatchObject({ operator: { server: 'http://localhost:8790' } });
    expect(at('::1')).toMatchObject({ operator: { server: 'http://[::1]:8790' } });
    expect(at('10.0.0.5')).toEqual({
      url: 'http://10.0.0.5:8790',
      publicServer,
      operator: { server: publicServer },
    });
  });
});

describe('TLS', () => {
  test('is for every address, with certificate and key', () => {
    const { tlsCert, tlsKey } = tls('hanse.example');
    for (const host of [...THIS_MACHINE, ...BEYOND]) {
      expect(entranceOf({ host, tlsCert, tlsKey }, now).tls?.files).toEqual({ cert: tlsCert, key: tlsKey });
      for (const half of [{ tlsCert }, { tlsKey }])
        expect(() => entranceOf({ host, ...half }, now)).toThrow(expect.objectContaining({ code: 'usage' }));
    }
  });

  test('is for the address that nodes are told, unless a proxy has that', () => {
    const files = tls('hanse.example', '10.0.0.5', '*.nodes.example');
    const told = (publicUrl: string, behindProxy = false) =>
      entranceOf({ host: '0.0.0.0', publicUrl, behindProxy, ...files }, now).publicServer;
    for (const url of ['https://hanse.example', 'https://10.0.0.5:8790', 'https://a.nodes.example'])
      expect(told(url)).toBe(url);
    expect(() => told('https://other.example')).toThrow(
      expect.objectContaining({
        code: 'tlsFileInvalid',
        detail: { file: files.tlsCert, reason: expect.stringContaining('hanse.example') },
      }),
    );
    expect(told('https://other.example', true)).toBe('https://other.example');
  });

  test('has a name to tell', () => {
    for (const files of [tls('*.nodes.example'), tls()]) {
      expect(() => entranceOf({ host: '::', ...files }, now)).toThrow(
        expect.objectContaining({ code: 'tlsFileInvalid' }),
      );
    }
    const url = 'https://a.nodes.example';
    expect(entranceOf({ host: '::', publicUrl: url, ...tls('*.nodes.example') }, now).publicServer).toBe(url);
  });

  test('tells nodes the first name, and lets the operator know the certificate from this machine', () => {
    const entrance = entranceOf(
      { host: '0.0.0.0', ...tls('*.nodes.example', 'hanse.example', '10.0.0.5') },
      now,
    );
    const ca = entrance.tls?.credentials.chain;
    expect(addressesOf(entrance, '0.0.0.0', 8790)).toEqual({
      url: 'https://127.0.0.1:8790',
      publicServer: 'https://hanse.example:8790',
      operator: { server: 'https://127.0.0.1:8790', ca, tlsName: 'hanse.example' },
    });
    expect(addressesOf(entrance, '10.0.0.5', 443).publicServer).toBe('https://hanse.example');
  });

  test('tells a name that an address in the certificate gives, of either version', () => {
    const six = entranceOf({ host: '::1', ...tls('::1') }, now);
    expect(addressesOf(six, '::1', 8790)).toMatchObject({
      publicServer: 'https://[::1]:8790',
      operator: { server: 'https://[::1]:8790', tlsName: '::1' },
    });
    const wildcard = { ...tls('*.nodes.example'), publicUrl: 'https://a.nodes.example' };
    expect(addressesOf(entranceOf({ host: '::', ...wildcard }, now), '::', 1).operator.tlsName).toBe(
      'a.nodes.example',
    );
    const proxied = { ...tls('inside.example'), publicUrl: 'https://outside.example', behindProxy: true };
    expect(addressesOf(entranceOf({ host: '::', ...proxied }, now), '::', 1)).toMatchObject({
      publicServer: 'https://outside.example',
      operator: { tlsName: 'inside.example' },
    });
  });

  test('renewed, is for the same address', () => {
    const { tls: used } = entranceOf({ host: '::', ...tls('other.example') }, now);
    if (!used) expect.fail('no TLS');
    const files: TlsFiles = used.files;
    expect(() => requireName(used.credentials, files, 'https://other.example', false)).not.toThrow();
    expect(() => requireName(used.credentials, files, 'https://hanse.example', false)).toThrow(
      expect.objectContaining({ code: 'tlsFileInvalid' }),
    );
  });
});
