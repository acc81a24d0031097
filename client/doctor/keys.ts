/**
 * The identity file of a node: whether it can be read, by nobody else, and whose it is. Node only.
 */
import { stat } from 'node:fs/promises';
import { type Identity, readIdentity } from '../identity.ts';
import type { AskPassphrase } from '../stored-key.ts';
import { type Finding, failure } from './finding.ts';

const CHECK = 'identity';

export async function keys(
  file: string,
  ask: AskPassphrase,
): Promise<{ readonly finding: Finding; readonly identity?: Identity }> {
  try {
    const identity = await readIdentity(file, ask);
    const { name, role, organisationId, federationId } = identity;
    const mode = ((await stat(file)).mode & 0o777).toString(8);
    const detail = `${name}, ${role} of ${organisationId} in ${federationId}; mode ${mode}`;
    return { identity, finding: { check: CHECK, ok: true, needed: true, detail, remedy: '' } };
  } catch (error) {
    return { finding: failure(CHECK, error) };
  }
}
