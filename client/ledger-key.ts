/**
 * The key with which a node marks the lines of its privacy ledger, in a file beside its identity:
 * `identity.json.ledger-key`. Node only.
 *
 * A node may change its key (SPEC.md section 4.7), and what it has written before has to stay its own. So the key of the
 * ledger is a random one, and lies sealed under every key that the node has had:
 *
 *   sealing key = HKDF-SHA-256( seed, salt = federationId, info = "HANSE privacy ledger key", 32 bytes )
 *   sealed      = XChaCha20-Poly1305( sealing key, nonce, ledger key, aad = nodeId )
 */
import { type Static, Type } from 'typebox';
import { primitives } from '#primitives';
import { hexBytes, toHex, utf8 } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import { NodeId } from '../schemas/ids.ts';
import type { Identity } from './identity.ts';
import { ledgerPath } from './ledger-file.ts';
import { isThere, readPrivately, unlessMissing, writePrivately } from './private-file.ts';

const closed = { additionalProperties: false } as const;
const hex = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${2 * bytes}}$` });

/** Of 32 bytes, with a tag of 16. */
const SealedKey = Type.Object({ nonce: hex(24), sealed: hex(48) }, closed);

const LedgerKeyFile = Type.Object(
  { version: Type.Literal(1), keys: Type.Record(NodeId, SealedKey, closed) },
  closed,
);
type LedgerKeyFile = Static<typeof LedgerKeyFile>;

type Owner = Pick<Identity, 'seed' | 'nodeId' | 'federationId'>;

/**
 * The key of the ledger, 32 bytes; a fresh one, which is durable before it is returned, where there is no ledger yet.
 * @throws `ledgerCorrupt` where there is a ledger and no key of this node to it; `storageFull`, `storageFailed`
 */
export async function ledgerKey(identityFile: string, owner: Owner): Promise<Secret> {
  const path = keyPath(identityFile);
  const stored = await read(path);
  if (stored) return opened(stored, owner, path);
  if (await isThere(ledgerPath(identityFile))) throw foreign(path, 'the key of the ledger is not there');
  const key = new Secret(randomBytes(primitives.random, 32));
  await write(path, { version: 1, keys: await sealedFor(owner, key) });
  return key;
}

/** As `ledgerKey`; undefined where there is neither key nor ledger. Nothing is written. */
export async function knownLedgerKey(identityFile: string, owner: Owner): Promise<Secret | undefined> {
  const path = keyPath(identityFile);
  const stored = await read(path);
  if (stored) return opened(stored, owner, path);
  if (await isThere(ledgerPath(identityFile))) throw foreign(path, 'the key of the ledger is not there');
  return undefined;
}

/**
 * Before the key of a node is replaced: the next one opens the ledger too. Nothing happens where there is no ledger.
 * @throws as `ledgerKey`
 */
export async function handOverLedgerKey(identityFile: string, old: Owner, next: Owner): Promise<void> {
  const path = keyPath(identityFile);
  const stored = await read(path);
  if (!stored || Object.hasOwn(stored.keys, next.nodeId)) return;
  const key = await opened(stored, old, path);
  await write(path, { ...stored, keys: { ...stored.keys, ...(await sealedFor(next, key)) } });
}

function keyPath(identityFile: string): string {
  return `${identityFile}.ledger-key`;
}

function read(path: string): Promise<LedgerKeyFile | undefined> {
  return readPrivately(LedgerKeyFile, path, 'the key of a ledger', (reason, cause) =>
    foreign(path, reason, cause),
  ).catch(unlessMissing);
}

function write(path: string, content: LedgerKeyFile): Promise<void> {
  return writePrivately(
    path,
    content,
    (reason, cause) => new HanseError('storageFailed', { path, reason }, { cause }),
  );
}

async function sealedFor(owner: Owner, key: Secret): Promise<LedgerKeyFile['keys']> {
  const nonce = randomBytes(primitives.random, 24);
  const sealed = await primitives.seal(key.reveal(), await sealOf(owner, nonce));
  return { [owner.nodeId]: { nonce: toHex(nonce), sealed: toHex(sealed) } };
}

async function opened({ keys }: LedgerKeyFile, owner: Owner, path: string): Promise<Secret> {
  const mine = keys[owner.nodeId];
  if (!mine) throw foreign(path, 'it is of another node');
  const key = await primitives.open(hexBytes(mine.sealed), await sealOf(owner, hexBytes(mine.nonce)));
  if (!key) throw foreign(path, 'this node cannot open it');
  return new Secret(key);
}

async function sealOf({ seed, nodeId, federationId }: Owner, nonce: Uint8Array) {
  const info = utf8('HANSE privacy ledger key');
  const key = await primitives.hkdf(seed.reveal(), utf8(federationId), info, 32);
  return { key, nonce, associated: utf8(nodeId) };
}

function foreign(file: string, reason: string, cause?: unknown): HanseError {
  return new HanseError('ledgerCorrupt', { file, line: 0, reason }, { cause });
}
