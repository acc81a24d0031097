/**
 * A node's identity, and the file that keeps it. SPEC.md section 4.5.
 *
 * The file holds the secret key: it is written with mode 600 and refused if others may read it. Beside it lies, from
 * before an invite is used until the identity is stored, the key that is being enrolled.
 */
import { rm } from 'node:fs/promises';
import { primitives } from '#primitives';
import { hexBytes, toHex } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import { IdentityFile, PendingKeyFile } from '../schemas/identity-file.ts';
import type { Role } from '../schemas/member.ts';
import { readPrivately, unlessMissing, writePrivately } from './private-file.ts';

export interface Identity {
  /** Origin of the coordinator. */
  readonly server: string;
  /** Of an operator: where others reach the coordinator, if not there. */
  readonly publicServer?: string;
  /** Certificates in PEM, trusted in place of the authorities of the machine. */
  readonly ca?: string;
  /** Name in the certificate of the coordinator, if it is not the host of `server`. */
  readonly tlsName?: string;
  readonly federationId: string;
  /** Pinned by the invite; hex. */
  readonly coordinatorKey: string;
  readonly nodeId: string;
  readonly organisationId: string;
  readonly role: Role;
  readonly name: string;
  /** Ed25519 secret, 32 bytes. */
  readonly seed: Secret;
}

/** Throws `identityUnreadable`. */
export async function readIdentity(file: string): Promise<Identity> {
  const {
    version: _,
    seed,
    ...rest
  } = await readPrivately(IdentityFile, file, 'an identity file', unreadable(file));
  return { ...rest, seed: new Secret(hexBytes(seed)) };
}

/**
 * Writes the file, or replaces it as a whole; it is on disk before anything relies on the key.
 * @throws `identityUnreadable` if the path cannot be used; `storageFull`, `storageFailed`
 */
export async function writeIdentity(file: string, identity: Identity): Promise<void> {
  const { seed, ...rest } = identity;
  await writePrivately(file, { version: 1, ...rest, seed: toHex(seed.reveal()) }, unreadable(file));
}

/**
 * The key with which an invite of this federation is, or is to be, used: the one that an earlier try has left, or a
 * fresh one, which is on disk before it is returned. What `forgetPendingKey` removes.
 * @param file of the identity
 * @throws `identityUnreadable`, `storageFull`, `storageFailed`
 */
export async function pendingKey(
  file: string,
  { federationId, coordinatorKey }: Pick<Identity, 'federationId' | 'coordinatorKey'>,
): Promise<Secret> {
  const pending = pendingFile(file);
  const stored = await readPrivately(PendingKeyFile, pending, 'a key', unreadable(pending)).catch(
    unlessMissing,
  );
  if (!stored) {
    const seed = randomBytes(primitives.random, 32);
    const content = { version: 1, federationId, coordinatorKey, seed: toHex(seed) };
    await writePrivately(pending, content, unreadable(pending));
    return new Secret(seed);
  }
  // One key in two federations would tell both that they have a member in common.
  if (stored.federationId !== federationId || stored.coordinatorKey !== coordinatorKey)
    throw new HanseError('identityUnreadable', {
      file: pending,
      reason: 'it waits for the invite of another federation; choose another --identity, or remove it',
    });
  return new Secret(hexBytes(stored.seed));
}

/** Once the identity is stored. Whether it succeeds does not matter: nothing reads it beside an identity. */
export async function forgetPendingKey(file: string): Promise<void> {
  await rm(pendingFile(file), { force: true }).catch(() => {});
}

function pendingFile(file: string): string {
  return `${file}.pending`;
}

function unreadable(file: string) {
  return (reason: string, cause?: unknown) =>
    new HanseError('identityUnreadable', { file, reason }, { cause });
}
