/**
 * How a version of the directory follows from the one that was pinned. SPEC.md section 4.6.
 *
 * Statements form a chain of hashes, so that a later version says which earlier ones it stands upon: one that lies
 * behind the pinned version was rolled back, one that does not stand upon it is a fork. What may change on the way is
 * little: organisations and nodes come, get an end, are revoked. Nothing else changes, and nothing vanishes.
 */
import type {
  Directory,
  DirectoryAnswer,
  DirectoryNode,
  DirectoryOrganisation,
} from '../schemas/directory.ts';
import type { PinnedFederation } from './admission.ts';
import { canonicalJson } from './canonical.ts';
import { checkDirectory, checkVersion, invalid, statementSha256 } from './directory.ts';
import { HanseError } from './problem.ts';

/** What has changed from one version to another, for people and logs. */
export interface DirectoryChange {
  readonly change: 'organisationAdded' | 'organisationRevoked' | 'nodeAdded' | 'nodeReplaced' | 'nodeRevoked';
  readonly organisationId: string;
  /** Absent where the change is one of the organisation. */
  readonly nodeId?: string;
}

/**
 * The directory of the answer, once it has been shown to follow from the pinned one.
 * @param answer attacker-controlled, of its schema
 * @throws `directoryRolledBack`, `directoryForked`, `directoryInvalid`
 */
export async function checkSuccession(
  pinned: Directory,
  { directory, between }: DirectoryAnswer,
  federation: PinnedFederation,
): Promise<Directory> {
  await checkChain(pinned, { directory, between }, federation);
  checkPermitted(pinned, directory);
  const known = new Set(pinned.organisations.flatMap(({ nodes }) => nodes.map(({ nodeId }) => nodeId)));
  await checkDirectory(directory, federation, ({ nodeId }) => known.has(nodeId));
  return directory;
}

async function checkChain(
  pinned: Directory,
  { directory, between }: DirectoryAnswer,
  federation: PinnedFederation,
): Promise<void> {
  const { version } = pinned.statement;
  const latest = directory.statement;
  let sha256 = await statementSha256(pinned.statement);
  await checkVersion(directory, federation);
  if (latest.version < version)
    throw new HanseError('directoryRolledBack', { pinned: version, got: latest.version });
  if (latest.version === version) {
    const got = await statementSha256(latest);
    if (got !== sha256) throw new HanseError('directoryForked', { version, pinned: sha256, got });
    return;
  }
  let expected = version + 1;
  for (const { statement, signature } of [...between, directory]) {
    await checkVersion({ statement, signature }, federation);
    if (statement.version !== expected) throw invalid(statement, `version ${expected} is missing`);
    if (statement.previousSha256 !== sha256) {
      const got = statement.previousSha256 ?? 'nothing';
      throw new HanseError('directoryForked', { version: expected - 1, pinned: sha256, got });
    }
    sha256 = await statementSha256(statement);
    expected += 1;
  }
  if (expected !== latest.version + 1) throw invalid(latest, 'versions are missing');
}

/** Throws `directoryInvalid` for a change that nobody may make. It holds over many versions as over one. */
function checkPermitted(before: Directory, after: Directory): void {
  const fail = (reason: string) => invalid(after.statement, reason);
  const organisations = byId(after.organisations, ({ organisationId }) => organisationId);
  for (const old of before.organisations) {
    const { organisationId } = old;
    const now = organisations.get(organisationId);
    if (!now) throw fail(`organisation ${organisationId} has vanished`);
    if (now.publicKey !== old.publicKey || now.addedAt !== old.addedAt)
      throw fail(`organisation ${organisationId} has changed`);
    if (isTakenBack(old.revokedAt, now.revokedAt))
      throw fail(`the revocation of organisation ${organisationId} was taken back`);
    const nodes = byId(now.nodes, ({ nodeId }) => nodeId);
    for (const node of old.nodes) {
      const later = nodes.get(node.nodeId);
      if (!later) throw fail(`node ${node.nodeId} has vanished from ${organisationId}`);
      checkNodeChange(node, later, fail);
    }
    const revoked = new Set(old.nodes.filter((node) => node.revokedAt !== null).map(({ nodeId }) => nodeId));
    const known = byId(old.nodes, ({ nodeId }) => nodeId);
    for (const { nodeId, proof } of now.nodes)
      if (!known.has(nodeId) && proof.type === 'succession' && revoked.has(proof.from))
        throw fail(`node ${proof.from} got a successor after it was revoked`);
    if (old.revokedAt !== null && now.nodes.length > old.nodes.length)
      throw fail(`organisation ${organisationId} got a node after it was revoked`);
  }
}

function checkNodeChange(old: DirectoryNode, now: DirectoryNode, fail: (reason: string) => Error): void {
  const fixed = ({ publicKey, role, proof, validFrom }: DirectoryNode) =>
    canonicalJson({ publicKey, role, proof, validFrom });
  if (fixed(old) !== fixed(now)) throw fail(`node ${old.nodeId} has changed`);
  if (isTakenBack(old.revokedAt, now.revokedAt))
    throw fail(`the revocation of node ${old.nodeId} was taken back`);
  if (isTakenBack(old.validUntil, now.validUntil)) throw fail(`the end of node ${old.nodeId} was moved`);
}

/** What has been set stays as it is. */
function isTakenBack(old: string | null, now: string | null): boolean {
  return old !== null && now !== old;
}

/** What is in `after` and was not in `before`; everything, where there was nothing before. */
export function directoryChanges(before: Directory | undefined, after: Directory): DirectoryChange[] {
  const known = byId(before?.organisations ?? [], ({ organisationId }) => organisationId);
  return after.organisations.flatMap((organisation) =>
    organisationChanges(known.get(organisation.organisationId), organisation),
  );
}

function organisationChanges(
  before: DirectoryOrganisation | undefined,
  { organisationId, revokedAt, nodes }: DirectoryOrganisation,
): DirectoryChange[] {
  const changes: DirectoryChange[] = [];
  if (!before) changes.push({ change: 'organisationAdded', organisationId });
  const known = byId(before?.nodes ?? [], ({ nodeId }) => nodeId);
  for (const { nodeId, proof, revokedAt: nodeRevokedAt } of nodes) {
    const old = known.get(nodeId);
    if (!old && proof.type === 'admission') changes.push({ change: 'nodeAdded', organisationId, nodeId });
    if (!old && proof.type === 'succession') changes.push({ change: 'nodeReplaced', organisationId, nodeId });
    if (nodeRevokedAt !== null && (old?.revokedAt ?? null) === null)
      changes.push({ change: 'nodeRevoked', organisationId, nodeId });
  }
  if (revokedAt !== null && (before?.revokedAt ?? null) === null)
    changes.push({ change: 'organisationRevoked', organisationId });
  return changes;
}

function byId<Entry>(entries: readonly Entry[], idOf: (entry: Entry) => string): Map<string, Entry> {
  return new Map(entries.map((entry) => [idOf(entry), entry]));
}
