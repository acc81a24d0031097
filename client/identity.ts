/**
 * A node's identity, and the file that keeps it. SPEC.md section 4.5.
 *
 * The file holds the secret key: it is written with mode 600 and refused if others may read it; the key may be under a
 * passphrase besides. Beside it lies, from before an invite is used until the identity is stored, the key that is being
 * enrolled.
 */
import { rm } from 'node:fs/promises';
import { primitives } from '#primitives';
import type { PinnedFederation } from '../protocol/admission.ts';
import { hexBytes, toHex } from '../protocol/bytes.ts';
import { nodeIdOf } from '../protocol/identity.ts';
import { HanseError } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import { IdentityFile, PendingKeyFile } from '../schemas/identity-file.ts';
import type { Membership } from './membership.ts';
import { isThere, readPrivately, unlessMissing, writePrivately } from './private-file.ts';
import { type AskPassphrase, openKey, storeKey } from './stored-key.ts';

export interface Identity extends Membership {
  /** Of an operator: where others reach the coordinator, if not there. */
  readonly publicServer?: string;
  /** Certificates in PEM, trusted in place of the authorities of the machine. */
  readonly ca?: string;
  /** Name in the certificate of the coordinator, if it is not the host of `server`. */
  readonly tlsName?: string;
  /** Ed25519 secret, 32 bytes. */
  readonly seed: Secret;
  /** Under which the key is stored; absent: in the clear. */
  readonly passphrase?: Secret;
}

/**
 * @param ask for the passphrase, if the key is encrypted
 * @throws `identityUnreadable`, `passphraseNeeded`, `passphraseWrong`
 */
export async function readIdentity(file: string, ask?: AskPassphrase): Promise<Identity> {
  const stored = await storedMember(file);
  const opened = await openKey(stored, file, ask);
  return { ...memberOf(stored), ...opened };
}

/** What an identity file says in the clear, and the public key. Throws `identityUnreadable`. */
export async function describeIdentity(
  file: string,
): Promise<
  Omit<Identity, 'seed' | 'passphrase'> & { readonly publicKey: string; readonly isEncrypted: boolean }
> {
  const stored = await storedMember(file);
  const isEncrypted = stored.version === 2;
  const publicKey = isEncrypted
    ? stored.publicKey
    : toHex((await primitives.signer(hexBytes(stored.seed))).publicKey);
  return { ...memberOf(stored), publicKey, isEncrypted };
}

async function storedMember(file: string): Promise<IdentityFile> {
  try {
    return await readPrivately(IdentityFile, file, 'an identity file', unreadable(file));
  } catch (error) {
    const isMissing = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    if (!isMissing) throw error;
    const reason = (await isThere(pendingFile(file)))
      ? 'it is not enrolled yet: start `hanse join` with its invite link again, which waits until the operator has approved it'
      : 'it is not there: the first start of `hanse join`, with an invite link, makes it';
    throw new HanseError('identityUnreadable', { file, reason }, { cause: (error as Error).cause });
  }
}

function memberOf(stored: IdentityFile): Omit<Identity, 'seed' | 'passphrase'> {
  if (stored.version === 1) {
    const { version: _, seed: __, ...member } = stored;
    return member;
  }
  const { version: _, publicKey: __, sealedSeed: ___, ...member } = stored;
  return member;
}

/**
 * Writes the file, or replaces it as a whole; it is on disk before anything relies on the key.
 * @throws `identityUnreadable` if the path cannot be used; `storageFull`, `storageFailed`
 */
export async function writeIdentity(file: string, identity: Identity): Promise<void> {
  const { seed, passphrase, ...member } = identity;
  await writePrivately(file, { ...(await storeKey(seed, passphrase)), ...member }, unreadable(file));
}

/** A key beside an identity file. */
export interface KeptKey {
  readonly seed: Secret;
  /** Under which it is stored, or is to be from now on. */
  readonly passphrase?: Secret;
  /** Nobody else has seen it yet. */
  readonly isFresh: boolean;
}

/** What was given for a key that is made, and who may be asked for one that is there. */
export interface Passphrases {
  readonly given?: Secret | undefined;
  readonly ask?: AskPassphrase | undefined;
}

/**
 * The key with which an invite of this federation is, or is to be, used: the one that an earlier try has left, or a
 * fresh one, which is on disk before it is returned. What `forgetPendingKey` removes.
 * @param file of the identity
 * @throws `identityUnreadable`, `passphraseNeeded`, `passphraseWrong`, `storageFull`, `storageFailed`
 */
export function pendingKey(
  file: string,
  federation: PinnedFederation,
  passphrases: Passphrases = {},
): Promise<KeptKey> {
  return keyBeside(pendingFile(file), federation, passphrases);
}

/** The key that is to take the place of the one in the file; else as `pendingKey`. What `forgetNextKey` removes. */
export async function nextKey(
  file: string,
  identity: PinnedFederation & Pick<Identity, 'passphrase'>,
): Promise<Secret> {
  const { passphrase } = identity;
  return (await keyBeside(nextFile(file), identity, { given: passphrase, ask: known(passphrase) })).seed;
}

/**
 * Who the owner of this identity has become: the one in the file, if that is another by now, or with the next key, if
 * that is at hand; undefined if neither is. The passphrase is taken to be the same. Throws as `readIdentity`.
 */
export async function successorIdentity(file: string, identity: Identity): Promise<Identity | undefined> {
  // In this order: the next key goes only once it is in the file, and to open either takes a while.
  const next = await storedKey(nextFile(file), identity, known(identity.passphrase));
  const stored = await readIdentity(file, known(identity.passphrase));
  if (stored.nodeId !== identity.nodeId) return stored;
  return next && withKey(stored, next.seed);
}

/** The same node with another key, which makes it another node to all others. */
export async function withKey(identity: Identity, seed: Secret): Promise<Identity> {
  const { publicKey } = await primitives.signer(seed.reveal());
  return { ...identity, nodeId: await nodeIdOf(publicKey), seed };
}

async function keyBeside(
  file: string,
  federation: PinnedFederation,
  { given, ask }: Passphrases,
): Promise<KeptKey> {
  const under = given ? { passphrase: given } : {};
  const stored = await storedKey(file, federation, ask);
  if (stored) return { ...under, ...stored, isFresh: false };
  const seed = new Secret(randomBytes(primitives.random, 32));
  const { federationId, coordinatorKey } = federation;
  const content = { ...(await storeKey(seed, given)), federationId, coordinatorKey };
  await writePrivately(file, content, unreadable(file));
  return { seed, ...under, isFresh: true };
}

async function storedKey(
  file: string,
  { federationId, coordinatorKey }: PinnedFederation,
  ask: AskPassphrase | undefined,
): Promise<Pick<KeptKey, 'seed' | 'passphrase'> | undefined> {
  const stored = await readPrivately(PendingKeyFile, file, 'a key', unreadable(file)).catch(unlessMissing);
  // One key in two federations would tell both that they have a member in common.
  if (stored && (stored.federationId !== federationId || stored.coordinatorKey !== coordinatorKey))
    throw new HanseError('identityUnreadable', {
      file,
      reason: 'it waits for the invite of another federation; choose another --identity, or remove it',
    });
  return stored && openKey(stored, file, ask);
}

function known(passphrase: Secret | undefined): AskPassphrase | undefined {
  return passphrase && (async () => passphrase);
}

/** Once the identity is stored, or the key has been refused for good. Whether it succeeds does not matter: nothing reads it beside an identity. */
export async function forgetPendingKey(file: string): Promise<void> {
  await rm(pendingFile(file), { force: true }).catch(() => {});
}

/** Once the identity with this key is stored. */
export async function forgetNextKey(file: string): Promise<void> {
  await rm(nextFile(file), { force: true }).catch(() => {});
}

export function hasNextKey(file: string): Promise<boolean> {
  return isThere(nextFile(file));
}

function pendingFile(file: string): string {
  return `${file}.pending`;
}

function nextFile(file: string): string {
  return `${file}.next`;
}

function unreadable(file: string) {
  return (reason: string, cause?: unknown) =>
    new HanseError('identityUnreadable', { file, reason }, { cause });
}
