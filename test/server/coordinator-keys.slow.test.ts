import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { readIdentity, writeIdentity } from '../../client/identity.ts';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { Secret } from '../../protocol/secret.ts';
import { CoordinatorKeys } from '../../server/coordinator-keys.ts';
import { type DataDir, openDataDir } from '../../server/data-dir.ts';

let parent: string;
let dataDir: DataDir;

const FEDERATION = `fed-${'0'.repeat(16)}`;
const ADDRESSES = { url: 'http://127.0.0.1:8790', operator: { server: 'http://127.0.0.1:8790' } };
const path = (name: string) => join(dataDir.path, 'keys', name);
const open = () => CoordinatorKeys.open(dataDir);

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'hanse-keys-'));
  dataDir = openDataDir(join(parent, 'data'), { create: true });
});
afterEach(() => {
  dataDir.release();
  rmSync(parent, { recursive: true });
});

/** As a start leaves them that founded a federation. */
async function founded(): Promise<CoordinatorKeys> {
  const keys = await open();
  writeFileSync(dataDir.database, 'events');
  keys.pin(FEDERATION);
  await keys.writeOperator(ADDRESSES);
  return keys;
}

const shownOf = ({ signer, operatorKey, federationId }: CoordinatorKeys) => ({
  signer: toHex(signer.publicKey),
  operator: toHex(operatorKey),
  federationId,
});

test('made at the first start, private, and the same at the next', async () => {
  const first = await open();
  expect(first.federationId).toBeUndefined();
  expect(toHex(first.operatorKey)).not.toBe(toHex(first.signer.publicKey));
  const keys = await founded();
  for (const name of ['coordinator.hex', 'federation.id', 'operator.json'])
    expect(statSync(path(name)).mode & 0o777).toBe(0o600);
  expect(shownOf(keys)).toEqual({ ...shownOf(first), federationId: FEDERATION });
  expect(shownOf(await open())).toEqual(shownOf(keys));
});

test('the operator has an identity that names this coordinator, where it is now', async () => {
  const keys = await founded();
  const expected = {
    server: ADDRESSES.operator.server,
    federationId: FEDERATION,
    coordinatorKey: toHex(keys.signer.publicKey),
    nodeId: await nodeIdOf(keys.operatorKey),
    role: 'operator',
  };
  const identity = await readIdentity(keys.operatorFile);
  expect(identity).toMatchObject(expected);
  expect((await primitives.signer(identity.seed.reveal())).publicKey).toEqual(keys.operatorKey);
  const moved = { server: 'http://127.0.0.1:1', ca: 'PEM' };
  await keys.writeOperator({ url: '', operator: moved, publicServer: 'https://hanse.example' });
  expect(await readIdentity(keys.operatorFile)).toMatchObject({
    ...expected,
    ...moved,
    publicServer: 'https://hanse.example',
  });
});

test('an operator whose identity could not be written yet is found by the next start', async () => {
  const first = await open();
  expect(existsSync(path('operator.pending'))).toBe(true);
  expect(toHex((await founded()).operatorKey)).toBe(toHex(first.operatorKey));
  expect(existsSync(path('operator.pending'))).toBe(false);
});

test('an operator who encrypts the key keeps it so, unopened', async () => {
  const keys = await founded();
  const identity = await readIdentity(keys.operatorFile);
  await writeIdentity(keys.operatorFile, { ...identity, passphrase: new Secret(utf8('correct horse')) });
  const { sealedSeed } = JSON.parse(readFileSync(keys.operatorFile, 'utf8'));
  await keys.writeOperator({ url: '', operator: { server: 'http://127.0.0.1:1' } });
  const stored = JSON.parse(readFileSync(keys.operatorFile, 'utf8'));
  expect(stored).toMatchObject({ version: 2, sealedSeed, server: 'http://127.0.0.1:1' });
  expect(stored).not.toHaveProperty('seed');
  expect(shownOf(await open())).toEqual(shownOf(keys));
});

test('no secret shows itself', async () => {
  const keys = await founded();
  const { seed } = JSON.parse(readFileSync(keys.operatorFile, 'utf8'));
  const secrets = [seed, readFileSync(path('coordinator.hex'), 'utf8').trim()];
  for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{64}$/);
  const shown = inspect(keys, { depth: 9, showHidden: true }) + JSON.stringify(keys);
  for (const secret of secrets) expect(shown).not.toContain(secret);
});

describe('what keeps a coordinator from starting', () => {
  test.each([
    ['coordinator.hex', 'not a key', { code: 'storageCorrupt', detail: { path: 'keys/coordinator.hex' } }],
    ['coordinator.hex', 'abcd', { code: 'storageCorrupt' }],
    ['federation.id', 'none', { code: 'storageCorrupt', detail: { path: 'keys/federation.id' } }],
    ['operator.json', '{', { code: 'identityUnreadable', detail: { file: 'keys/operator.json' } }],
    ['operator.json', '{}', { code: 'identityUnreadable' }],
    ['operator.json', '{"seed":"xyz"}', { code: 'identityUnreadable' }],
  ])('%s is %s', async (name, content, problem) => {
    await founded();
    const good = readFileSync(path(name));
    writeFileSync(path(name), content);
    await expect(open()).rejects.toMatchObject(problem);
    writeFileSync(path(name), good);
    await expect(open()).resolves.toBeDefined();
  });

  test('there has been a federation, and its key or its database is gone: none is made in its place', async () => {
    await founded();
    for (const [file, told] of [
      [path('coordinator.hex'), 'keys/coordinator.hex'],
      [dataDir.database, dataDir.database],
    ] as const) {
      const good = readFileSync(file);
      rmSync(file);
      const lost = { code: 'storageCorrupt', detail: { path: told } };
      await expect(open()).rejects.toMatchObject(lost);
      rmSync(path('operator.json'), { force: true }); // the pin does not depend on it
      await expect(open()).rejects.toMatchObject(lost);
      expect(existsSync(file)).toBe(false);
      writeFileSync(file, good);
    }
    await expect(open()).resolves.toMatchObject({ federationId: FEDERATION });
  });

  test('the pin is gone, as an earlier version leaves it: the identity of the operator names the federation too', async () => {
    await founded();
    rmSync(path('federation.id'));
    expect((await open()).federationId).toBe(FEDERATION);
    rmSync(dataDir.database);
    await expect(open()).rejects.toMatchObject({ code: 'storageCorrupt' });
  });
});
