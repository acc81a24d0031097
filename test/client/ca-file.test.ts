import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCa } from '../../client/ca-file.ts';
import { makeCertificate } from '../fixtures/certificates.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-ca-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const written = (content: string) => {
  const file = join(folder, 'ca.pem');
  writeFileSync(file, content);
  return file;
};

test('all certificates of the file are taken, and no key that is beside them', async () => {
  const [a, b] = [makeCertificate(), makeCertificate()];
  expect(await readCa(written(`${a.key}${a.cert}${b.cert}${b.key}`))).toBe(a.cert + b.cert);
});

test('what holds none is refused, with nothing of its content', async () => {
  const { cert, key } = makeCertificate();
  const damaged = cert.replace(/\n.{8}/, '\nAAAAAAAA');
  for (const [file, reason] of [
    [join(folder, 'none.pem'), /cannot be read/],
    [folder, /cannot be read/],
    [written(''), /no certificate/],
  ] as const)
    await expect(readCa(file)).rejects.toMatchObject({
      code: 'tlsFileInvalid',
      detail: { file, reason: expect.stringMatching(reason) },
    });
  for (const [content, reason] of [
    [key, /no certificate/],
    [cert + damaged, /certificate 2 is damaged/],
    [cert + ' '.repeat(1_048_576), /too long/],
  ] as const)
    await expect(readCa(written(content))).rejects.toMatchObject({
      code: 'tlsFileInvalid',
      message: expect.not.stringContaining(key.split('\n')[1] ?? ''),
      detail: { reason: expect.stringMatching(reason) },
    });
});
