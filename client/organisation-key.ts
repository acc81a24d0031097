/**
 * The key of an organisation, in a file of its own: it is used seldom, and belongs on another machine than the nodes
 * that it admits. SPEC.md section 4.6.
 */
import { primitives } from '#primitives';
import { hexBytes, toHex } from '../protocol/bytes.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { OrganisationKeyFile } from '../schemas/organisation-file.ts';
import { readPrivately, writeOncePrivately } from './private-file.ts';

/**
 * Makes a key, on disk before it is returned. Never replaces one: an organisation cannot change its key.
 * @throws `organisationKeyUnreadable` if there is a file already; `storageFull`, `storageFailed`
 */
export async function makeOrganisationKey(file: string): Promise<Signer> {
  const seed = randomBytes(primitives.random, 32);
  const content = { version: 1, type: 'organisationKey', seed: toHex(seed) };
  await writeOncePrivately(file, content, unreadable(file));
  return primitives.signer(seed);
}

/** Throws `organisationKeyUnreadable`. */
export async function readOrganisationKey(file: string): Promise<Signer> {
  const { seed } = await readPrivately(
    OrganisationKeyFile,
    file,
    'a file with the key of an organisation',
    unreadable(file),
  );
  return primitives.signer(hexBytes(seed));
}

function unreadable(file: string) {
  return (reason: string, cause?: unknown) =>
    new HanseError('organisationKeyUnreadable', { file, reason }, { cause });
}
