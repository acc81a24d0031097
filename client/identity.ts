/**
 * A node's identity, and the file that keeps it. SPEC.md section 4.5.
 *
 * The file holds the secret key: it is written with mode 600 and refused if others may read it.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hexBytes, toHex } from '../protocol/bytes.ts';
import { parseJson } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import { Secret } from '../protocol/secret.ts';
import { IdentityFile } from '../schemas/identity-file.ts';
import type { Role } from '../schemas/member.ts';

export interface Identity {
  /** Origin of the coordinator. */
  readonly server: string;
  /** Of an operator: where others reach the coordinator, if not there. */
  readonly publicServer?: string;
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
    const { version: _, seed, ...rest } = parseJson(IdentityFile, text, 'identity file');
    return { ...rest, seed: new Secret(hexBytes(seed)) };
  } catch (error) {
    throw unreadable('it is not an identity file', error);
  }
}

/** Writes the file, or replaces it as a whole; it is on disk before anything relies on the key. */
export async function writeIdentity(file: string, identity: Identity): Promise<void> {
  const { seed, ...rest } = identity;
  const text = `${JSON.stringify({ version: 1, ...rest, seed: toHex(seed.reveal()) }, null, 2)}\n`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomUUID()}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
