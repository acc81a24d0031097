/**
 * A node's identity, and the file that keeps it. SPEC.md section 4.5.
 *
 * The file holds the secret key: it is written with mode 600 and refused if others may read it. Beside it lies, from
 * before an invite is used until the identity is stored, the key that is being enrolled.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Static, TSchema } from 'typebox';
import { primitives } from '#primitives';
import { hexBytes, toHex } from '../protocol/bytes.ts';
import { parseJson } from '../protocol/parse.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import { IdentityFile, PendingKeyFile } from '../schemas/identity-file.ts';
import type { Role } from '../schemas/member.ts';
import { fileProblem, isOfThePath } from './file-problem.ts';

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
  const { version: _, seed, ...rest } = await readPrivately(IdentityFile, file, 'an identity file');
  return { ...rest, seed: new Secret(hexBytes(seed)) };
}

/**
 * Writes the file, or replaces it as a whole; it is on disk before anything relies on the key.
 * @throws `identityUnreadable` if the path cannot be used; `storageFull`, `storageFailed`
 */
export async function writeIdentity(file: string, identity: Identity): Promise<void> {
  const { seed, ...rest } = identity;
  await writePrivately(file, { version: 1, ...rest, seed: toHex(seed.reveal()) });
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
  const stored = await readPrivately(PendingKeyFile, pending, 'a key').catch(unlessMissing);
  if (!stored) {
    const seed = randomBytes(primitives.random, 32);
    await writePrivately(pending, { version: 1, federationId, coordinatorKey, seed: toHex(seed) });
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

function unlessMissing(error: unknown): undefined {
  const { cause } = error as { cause?: { code?: string } };
  if (!isProblem(error, 'identityUnreadable') || cause?.code !== 'ENOENT') throw error;
}

/** Throws `identityUnreadable`, with nothing of the content. @param what for messages */
async function readPrivately<Form extends TSchema>(
  form: Form,
  file: string,
  what: string,
): Promise<Static<Form>> {
  const unreadable = (reason: string, cause?: unknown) =>
    new HanseError('identityUnreadable', { file, reason }, { cause });
  let text: string;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw unreadable(`others may read it: mode ${(mode & 0o777).toString(8)}`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof HanseError) throw error;
    throw unreadable((error as NodeJS.ErrnoException).code ?? String(error), error);
  }
  try {
    return parseJson(form, text, what);
  } catch (error) {
    throw unreadable(`it is not ${what}`, error);
  }
}

/** Write beside, flush, rename, flush the folder: rename(2), fsync(2). */
async function writePrivately(file: string, content: object): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await flushFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // the first failure is the one to tell
    if (!isOfThePath(error)) throw fileProblem(file, error);
    const reason = `it cannot be written: ${(error as NodeJS.ErrnoException).code}`;
    throw new HanseError('identityUnreadable', { file, reason }, { cause: error });
  }
}

/** Makes the entries of a folder durable. Windows does so by itself and opens no folders. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
