/** The key of a ledger: the same over restarts and changes of the key of the node, and no other node's. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ledgerPath } from '../../client/ledger-file.ts';
import { handOverLedgerKey, knownLedgerKey, ledgerKey } from '../../client/ledger-key.ts';
import { Secret } from '../../protocol/secret.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-ledger-key-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ownerOf = (n: number, federationId = 'fed-0123456789abcdef') => ({
  seed: new Secret(new Uint8Array(32).fill(n)),
  nodeId: `${n}`.padStart(32, '0'),
  federationId,
});

test("it is made once, and is its owner's alone", async () => {
  const identity = join(folder, 'a.json');
  expect(await knownLedgerKey(identity, ownerOf(1))).toBeUndefined();
  const key = await ledgerKey(identity, ownerOf(1));
  expect(key.reveal()).toHaveLength(32);
  expect((await ledgerKey(identity, ownerOf(1))).reveal()).toEqual(key.reveal());
  expect((await knownLedgerKey(identity, ownerOf(1)))?.reveal()).toEqual(key.reveal());
  expect((await stat(`${identity}.ledger-key`)).mode & 0o777).toBe(0o600);
  const other = await ledgerKey(join(folder, 'b.json'), ownerOf(1));
  expect(other.reveal()).not.toEqual(key.reveal());
});

test('another node has none, and one with the same id but another seed cannot open it', async () => {
  const identity = join(folder, 'c.json');
  await ledgerKey(identity, ownerOf(1));
  const corrupt = expect.objectContaining({ code: 'ledgerCorrupt' });
  await expect(ledgerKey(identity, ownerOf(2))).rejects.toEqual(corrupt);
  await expect(ledgerKey(identity, { ...ownerOf(1), seed: ownerOf(2).seed })).rejects.toEqual(corrupt);
  await expect(ledgerKey(identity, ownerOf(1, 'fed-00000000000000aa'))).rejects.toEqual(corrupt);
  await expect(ledgerKey(identity, ownerOf(1))).resolves.toBeInstanceOf(Secret);
});

test('a ledger without its key is not taken for a new one', async () => {
  const identity = join(folder, 'd.json');
  await writeFile(ledgerPath(identity), '');
  await expect(ledgerKey(identity, ownerOf(1))).rejects.toMatchObject({ code: 'ledgerCorrupt' });
  await expect(knownLedgerKey(identity, ownerOf(1))).rejects.toMatchObject({ code: 'ledgerCorrupt' });
  await rm(ledgerPath(identity));
  await expect(ledgerKey(identity, ownerOf(1))).resolves.toBeInstanceOf(Secret);
});

test('the next key of a node opens it too, and so does the old one', async () => {
  const identity = join(folder, 'e.json');
  const key = await ledgerKey(identity, ownerOf(1));
  await expect(ledgerKey(identity, ownerOf(2))).rejects.toMatchObject({ code: 'ledgerCorrupt' });
  await handOverLedgerKey(identity, ownerOf(1), ownerOf(2));
  const stored = await readFile(`${identity}.ledger-key`, 'utf8');
  await handOverLedgerKey(identity, ownerOf(1), ownerOf(2)); // a rotation that was tried again
  expect(await readFile(`${identity}.ledger-key`, 'utf8')).toBe(stored);
  for (const n of [1, 2]) expect((await ledgerKey(identity, ownerOf(n))).reveal()).toEqual(key.reveal());
  await handOverLedgerKey(join(folder, 'none.json'), ownerOf(1), ownerOf(2));
  expect(await knownLedgerKey(join(folder, 'none.json'), ownerOf(2))).toBeUndefined();
});
