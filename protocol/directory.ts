/**
 * The rules of one version of the directory: how it is hashed and signed, and what makes it sound by itself.
 * SPEC.md section 4.6. How one version follows another is in `directory-succession.ts`.
 *
 *   organisationsSha256 = SHA-256( JCS( organisations, each node replaced by the SHA-256 of its JCS ) )
 *   signature           = Ed25519( "HANSE directory" || 00 || JCS( statement ) ), by the coordinator's key
 *
 * Why nodes are hashed one by one: an entry hardly ever changes, so that the next version costs one new hash, and not
 * those of a thousand nodes.
 */
import { primitives } from '#primitives';
import type {
  Directory,
  DirectoryNode,
  DirectoryOrganisation,
  DirectoryStatement,
  DirectoryVersion,
} from '../schemas/directory.ts';
import { isAdmitted, type PinnedFederation } from './admission.ts';
import { hexBytes, toHex, utf8 } from './bytes.ts';
import { canonicalJson, canonicalSha256 } from './canonical.ts';
import { nodeIdOf } from './identity.ts';
import { isSuccession } from './key-succession.ts';
import type { Signer } from './primitives.ts';
import { HanseError } from './problem.ts';

/** Hashes of entries that are at hand. Entries are never changed. */
const nodeHashes = new WeakMap<DirectoryNode, Promise<string>>();

/** @param organisations their nodes must not be changed afterwards */
export async function organisationsSha256(organisations: readonly DirectoryOrganisation[]): Promise<string> {
  const hashed = organisations.map(async ({ nodes, ...organisation }) => ({
    ...organisation,
    nodes: await Promise.all(nodes.map(nodeSha256)),
  }));
  return canonicalSha256(await Promise.all(hashed));
}

function nodeSha256(node: DirectoryNode): Promise<string> {
  const known = nodeHashes.get(node);
  if (known) return known;
  const hash = canonicalSha256(node);
  nodeHashes.set(node, hash);
  return hash;
}

/** By this the next version names it. */
export async function statementSha256(statement: DirectoryStatement): Promise<string> {
  return canonicalSha256(statement);
}

/** @param coordinator its own key */
export async function signStatement(
  statement: DirectoryStatement,
  coordinator: Signer,
): Promise<DirectoryVersion> {
  return { statement, signature: toHex(await coordinator.sign(statementMessage(statement))) };
}

/** Throws `directoryInvalid` unless the pinned coordinator has signed it for the pinned federation. */
export async function checkVersion(
  { statement, signature }: DirectoryVersion,
  { federationId, coordinatorKey }: PinnedFederation,
): Promise<void> {
  if (statement.federationId !== federationId) throw invalid(statement, 'it is of another federation');
  const message = statementMessage(statement);
  if (!(await primitives.verify(hexBytes(signature), message, hexBytes(coordinatorKey))))
    throw invalid(statement, 'its signature is not of the pinned coordinator');
}

/**
 * Throws `directoryInvalid` unless this version is sound by itself: signed, of the content that its statement names,
 * no id and no key twice, every node id that of its key, and every node proved to be of its organisation.
 *
 * @param directory attacker-controlled, of its schema
 * @param isProved nodes whose proof need not be verified again, because the same entry was verified before
 */
export async function checkDirectory(
  directory: Directory,
  federation: PinnedFederation,
  isProved: (node: DirectoryNode) => boolean = () => false,
): Promise<void> {
  const { statement, organisations } = directory;
  await checkVersion(directory, federation);
  if ((await organisationsSha256(organisations)) !== statement.organisationsSha256)
    throw invalid(statement, 'its organisations are not those that were signed');
  checkDistinct(directory);
  for (const organisation of organisations)
    for (const [at, node] of organisation.nodes.entries())
      if (!isProved(node)) await checkNode(directory, organisation, at, federation);
}

function checkDistinct({ statement, organisations }: Directory): void {
  const seen = new Set<string>();
  const requireNew = (what: string, name: string) => {
    if (seen.has(name)) throw invalid(statement, `${what} ${name} is there twice`);
    seen.add(name);
  };
  for (const { organisationId, publicKey, nodes } of organisations) {
    requireNew('organisation', organisationId);
    requireNew('key', publicKey);
    // A key and its node id stand and fall together: `checkNode`.
    for (const node of nodes) {
      requireNew('node', node.nodeId);
      requireNew('key', node.publicKey);
    }
  }
}

async function checkNode(
  { statement }: Directory,
  { organisationId, publicKey: organisationKey, nodes }: DirectoryOrganisation,
  at: number,
  federation: PinnedFederation,
): Promise<void> {
  const node = nodes[at] as DirectoryNode;
  const { nodeId, publicKey, role, proof } = node;
  if (nodeId !== (await nodeIdOf(hexBytes(publicKey))))
    throw invalid(statement, `node ${nodeId} is not that of its key`);
  if (proof.type === 'admission') {
    const admission = { organisationKey, signature: proof.signature };
    if (await isAdmitted({ organisationId, publicKey, role }, federation, admission)) return;
    throw invalid(statement, `node ${nodeId} was not admitted by ${organisationId}`);
  }
  const { type: _, ...succession } = proof;
  // Only one before it: nodes that name each other in a circle would need no admission.
  const predecessor = nodes.slice(0, at).find((other) => other.nodeId === proof.from);
  const isOnly = !nodes.some(
    (other) => other !== node && other.proof.type === 'succession' && other.proof.from === proof.from,
  );
  const keys = { oldKey: predecessor?.publicKey ?? '', newKey: publicKey };
  if (!predecessor || !isOnly || predecessor.role !== role || predecessor.validUntil === null)
    throw invalid(statement, `node ${nodeId} takes no node's place`);
  if (!(await isSuccession(succession, keys, federation)))
    throw invalid(statement, `node ${nodeId} was not named by the node whose place it takes`);
}

function statementMessage(statement: DirectoryStatement): Uint8Array {
  return utf8(`HANSE directory\0${canonicalJson(statement)}`);
}

export function invalid({ version }: DirectoryStatement, reason: string): HanseError<'directoryInvalid'> {
  return new HanseError('directoryInvalid', { version, reason });
}
