import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { askPassphrase, givenPassphrase, type Keyboard, newPassphrase } from '../../client/passphrase.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rm(folder, { recursive: true }));

const text = (secret: { reveal(): Uint8Array } | undefined) =>
  secret && new TextDecoder().decode(secret.reveal());
const nobody: Keyboard = { input: new PassThrough(), output: new PassThrough(), isTerminal: false };

/** Somebody who answers each question with the next of these lines. */
function typist(...answers: string[]): Keyboard & { shown(): string } {
  const input = new PassThrough();
  let shown = '';
  const output = new PassThrough().on('data', (chunk) => {
    shown += chunk;
    if (String(chunk).endsWith(': ')) setImmediate(() => input.write(`${answers.shift() ?? ''}\r`));
  });
  return { input, output, isTerminal: true, shown: () => shown };
}

async function fileOf(content: string, mode = 0o600): Promise<string> {
  const file = join(folder, 'passphrase');
  await writeFile(file, content);
  await chmod(file, mode);
  return file;
}

test('a file comes before the environment, and that before a question', async () => {
  const passphraseFile = await fileOf('from the file\r\nsecond line\n');
  expect(await givenPassphrase({})).toBeUndefined();
  vi.stubEnv('HANSE_PASSPHRASE', 'from outside');
  expect(text(await givenPassphrase({ passphraseFile }))).toBe('from the file');
  expect(text(await givenPassphrase({}))).toBe('from outside');
  expect(text(await askPassphrase({}, typist('typed'))('key.json'))).toBe('from outside');
  vi.stubEnv('HANSE_PASSPHRASE', '');
  expect(text(await askPassphrase({}, typist('typed'))('key.json'))).toBe('typed');
});

test('a file that others can read, that is empty or not there, is refused', async () => {
  for (const file of [await fileOf('x', 0o644), join(folder, 'none')])
    await expect(givenPassphrase({ passphraseFile: file })).rejects.toMatchObject({
      code: 'usage',
      detail: { reason: expect.stringContaining(file) },
    });
  await expect(givenPassphrase({ passphraseFile: await fileOf('\nx') })).rejects.toMatchObject({
    detail: { reason: expect.stringContaining('it holds no passphrase') },
  });
  expect(text(await givenPassphrase({ passphraseFile: await fileOf('x') }))).toBe('x');
});

test('what is typed is not shown, and the same however it was composed', async () => {
  const keyboard = typist('pa\u0308ss');
  expect(text(await askPassphrase({}, keyboard)('key.json'))).toBe('p\u00e4ss');
  expect(keyboard.shown()).toBe('Passphrase of key.json: \n');
  expect(await askPassphrase({}, nobody)('key.json')).toBeUndefined();
  expect(await askPassphrase({}, typist(''))('key.json')).toBeUndefined();
});

test('a new one is typed twice, alike', async () => {
  const keyboard = typist('secret', 'secret');
  expect(text(await newPassphrase('key.json', {}, keyboard))).toBe('secret');
  expect(keyboard.shown()).not.toContain('secret');
  await expect(newPassphrase('key.json', {}, typist('secret', 'sekret'))).rejects.toMatchObject({
    code: 'usage',
  });
  await expect(newPassphrase('key.json', {}, nobody)).rejects.toMatchObject({ code: 'passphraseNeeded' });
  const passphraseFile = await fileOf('given');
  expect(text(await newPassphrase('key.json', { passphraseFile }, nobody))).toBe('given');
});
