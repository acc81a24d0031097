import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import {
  forgetNextKey,
  forgetPendingKey,
  type Identity,
  nextKey,
  pendingKey,
  readIdentity,
  successorIdentity,
  withKey,
  writeIdentity,
} from '../../client/identity.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { isProblem } from '../../protocol/problem.ts';
import { Secret } from '../../protocol/secret.ts';

const SEED = 'c0ffee'.repeat(10).padEnd(64, '0');
const identity: Identity = {
  server: 'http://127.0.0.1:8790',
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: 'ab'.repeat(32),
  nodeId: '01'.repeat(16),
  organisationId: 'clinic.example',
  role: 'participant',
  name: 'node',
  seed: new Secret(Buffer.from(SEED, 'hex')),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('what is written is read again, from a file that only its owner may read', async () => {
  const file = join(folder, 'deep', 'down', 'identity.json');
  await writeIdentity(file, identity);
  const { seed, ...rest } = await readIdentity(file);
  expect(Buffer.from(seed.reveal()).toString('hex')).toBe(SEED);
  expect({ ...rest, seed: identity.seed }).toEqual(identity);
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  await writeIdentity(file, { ...identity, name: 'renamed' });
  expect((await readIdentity(file)).name).toBe('renamed');
  expect(await readdir(join(folder, 'deep', 'down'))).toEqual(['identity.json']);
});

test.each<[what: string, spoil: (file: string) => Promise<unknown>, reason: RegExp]>([
  ['others may read it', (file) => chmod(file, 0o644), /mode 644/],
  ['its group may read it', (file) => chmod(file, 0o640), /mode 640/],
  ['it is not there', (file) => rm(file), /not there: the first start of `hanse join`/],
  [
    'it is cut off',
    async (file) => writeFile(file, (await readFile(file)).subarray(0, -20)),
    /not an identity/,
  ],
  [
    'its seed is too short',
    (file) => edit(file, (text) => text.replace(SEED, SEED.slice(2))),
    /not an identity/,
  ],
  [
    'it has a member too many',
    (file) => edit(file, (text) => text.replace('{', '{"more":1,')),
    /not an identity/,
  ],
  [
    'it is of a later version',
    (file) => edit(file, (text) => text.replace('"version": 1', '"version": 2')),
    /not an/,
  ],
])('a file is refused when %s, and nothing of its secret is told', async (_what, spoil, reason) => {
  const file = join(folder, 'spoilt.json');
  await rm(file, { force: true });
  await writeIdentity(file, identity);
  await expect(readIdentity(file)).resolves.toMatchObject({ name: 'node' });
  await spoil(file);
  const error = await readIdentity(file).catch((problem: unknown) => problem);
  if (!isProblem(error, 'identityUnreadable')) expect.fail('it was read');
  expect(error.detail).toEqual({ file, reason: expect.stringMatching(reason) });
  expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain('c0ffeec0ffee');
});

test('an identity does not show its secret', async () => {
  const shown = [
    inspect(identity, { depth: 9, showHidden: true }),
    JSON.stringify(identity),
    `${identity.seed}`,
  ];
  for (const text of shown) expect(text).toContain('[secret]');
  expect(shown.join()).not.toContain('c0ffee');
  // The probe finds what it looks for where the secret is revealed.
  expect(Buffer.from(identity.seed.reveal()).toString('hex')).toContain('c0ffee');
});

test('the key of an invite is there before it is used, and the same for every try', async () => {
  const file = join(folder, 'joining', 'identity.json');
  const pending = async (at: string) => (await pendingKey(at, identity)).seed.reveal();
  const { seed, isFresh } = await pendingKey(file, identity);
  const first = seed.reveal();
  expect(isFresh).toBe(true);
  const [name] = await readdir(join(folder, 'joining'));
  expect(name).toBe('identity.json.pending');
  expect((await stat(`${file}.pending`)).mode & 0o777).toBe(0o600);
  expect(await pending(file)).toEqual(first);
  expect((await pendingKey(file, identity)).isFresh).toBe(false);
  expect(await pending(join(folder, 'joining', 'other.json'))).not.toEqual(first);
  for (const change of [{ federationId: 'fed-fedcba9876543210' }, { coordinatorKey: 'cd'.repeat(32) }])
    await expect(pendingKey(file, { ...identity, ...change })).rejects.toMatchObject({
      code: 'identityUnreadable',
    });
  await forgetPendingKey(file);
  await forgetPendingKey(file);
  expect(await pending(file)).not.toEqual(first);
  await chmod(`${file}.pending`, 0o644);
  await expect(pendingKey(file, identity)).rejects.toMatchObject({ code: 'identityUnreadable' });
});

test('the key of an invite that is under a passphrase is opened with what somebody says, and goes on under it', async () => {
  const file = join(folder, 'asking', 'identity.json');
  const word = new Secret(Buffer.from('correct horse'));
  const { seed } = await pendingKey(file, identity, { given: word });
  await expect(pendingKey(file, identity)).rejects.toMatchObject({ code: 'passphraseNeeded' });
  const asked: string[] = [];
  const ask = async (name: string) => {
    asked.push(name);
    return word;
  };
  const again = await pendingKey(file, identity, { ask });
  expect([again.seed.reveal(), again.passphrase, asked]).toEqual([seed.reveal(), word, [`${file}.pending`]]);
  await forgetPendingKey(file);
  // One that is in the clear is asked nothing for; the identity will be under what was given.
  await pendingKey(file, identity);
  const later = await pendingKey(file, identity, { given: word, ask });
  expect([later.passphrase, asked]).toHaveLength(2);
  expect(later.passphrase).toBe(word);
});

test('the next key is another one, is there before it is named, and makes the node another', async () => {
  const file = join(folder, 'rotating', 'identity.json');
  const [{ publicKey }, next] = [
    await primitives.signer(identity.seed.reveal()),
    await nextKey(file, identity),
  ];
  const known = { ...identity, nodeId: await nodeIdOf(publicKey) };
  await writeIdentity(file, known);
  expect((await nextKey(file, known)).reveal()).toEqual(next.reveal());
  expect((await stat(`${file}.next`)).mode & 0o777).toBe(0o600);
  expect(await withKey(known, known.seed)).toEqual(known);
  const renewed = await withKey(known, next);
  expect(renewed).toEqual({ ...known, nodeId: renewed.nodeId, seed: next });
  expect(renewed.nodeId).not.toBe(known.nodeId);
  // At hand before it is stored, and after; to who is the one in the file, there is no other.
  expect((await successorIdentity(file, known))?.nodeId).toBe(renewed.nodeId);
  await writeIdentity(file, renewed);
  await forgetNextKey(file);
  expect((await successorIdentity(file, known))?.nodeId).toBe(renewed.nodeId);
  expect(await successorIdentity(file, renewed)).toBeUndefined();
});

test('what cannot be written is told by name, and leaves nothing behind', async () => {
  const here = join(folder, 'unwritable');
  await mkdir(join(here, 'folder'), { recursive: true });
  await writeFile(join(here, 'file'), '');
  await writeIdentity(join(here, 'good.json'), identity);
  const before = await readdir(here);
  for (const path of ['file/identity.json', 'folder', `${'x'.repeat(300)}.json`]) {
    const refused = { code: 'identityUnreadable', detail: { file: join(here, path) } };
    await expect(writeIdentity(join(here, path), identity)).rejects.toMatchObject(refused);
  }
  await expect(pendingKey(join(here, 'file/identity.json'), identity)).rejects.toMatchObject({
    code: 'identityUnreadable',
  });
  expect(await readdir(here)).toEqual(before);
});

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(file, 'utf8');
  expect(change(text)).not.toBe(text);
  await writeFile(file, change(text));
}
