/**
 * Which organisations of a directory a participant's own policy recognises. SPEC.md section 4.6.
 *
 * A coordinator can enrol as many organisations as it likes, so that a count of nodes says nothing about how many
 * independent parties take part. What counts is how many of them this participant knows, by what it was told by others
 * than the coordinator.
 */
import type { Directory, DirectoryNode, DirectoryOrganisation } from '../schemas/directory.ts';
import type { Company, NamedOrganisation } from './exchange/rule-finding.ts';

/**
 * The organisations of the directory that are listed and not revoked.
 * @param listed ids of organisations, or their public keys in hex; who knows the key should list that: an id is only as
 *   good as the operator who gave it. Without a list nobody is known.
 */
export function knownOrganisations(
  { organisations }: Directory,
  listed: readonly string[],
): DirectoryOrganisation[] {
  const names = new Set(listed);
  return organisations.filter(
    ({ organisationId, publicKey, revokedAt }) =>
      revokedAt === null && (names.has(organisationId) || names.has(publicKey)),
  );
}

/**
 * The known organisations that have a valid node among these.
 * @param listed as above
 * @param nodeIds of a cohort or of survivors; attacker-controlled
 * @param at RFC 3339 in UTC
 */
export function presentOrganisations(
  directory: Directory,
  listed: readonly string[],
  nodeIds: Iterable<string>,
  at: string,
): DirectoryOrganisation[] {
  const present = new Set(nodeIds);
  return knownOrganisations(directory, listed).filter(({ nodes }) =>
    nodes.some((node) => present.has(node.nodeId) && isValidNode(node, at)),
  );
}

/** Whose node this is; undefined where the directory does not have it. @param nodeId attacker-controlled */
export function organisationOfNode(
  { organisations }: Directory,
  nodeId: string,
): NamedOrganisation | undefined {
  for (const { organisationId, publicKey, revokedAt, nodes } of organisations) {
    const node = nodes.find((one) => one.nodeId === nodeId);
    if (node) return { organisationId, publicKey, isRevoked: revokedAt !== null || node.revokedAt !== null };
  }
  return undefined;
}

/** Whose nodes these are, each once, and how many the directory does not have. @param nodeIds attacker-controlled */
export function companyOf(directory: Directory, nodeIds: Iterable<string>): Company {
  const organisations = new Map<string, NamedOrganisation>();
  let strangers = 0;
  for (const nodeId of new Set(nodeIds)) {
    const organisation = organisationOfNode(directory, nodeId);
    if (organisation) organisations.set(organisation.publicKey, organisation);
    else strangers += 1;
  }
  return { organisations: [...organisations.values()], strangers };
}

/** Public keys of the valid participants of a directory, by node id. @param at RFC 3339 in UTC */
export function pinnedParticipants({ organisations }: Directory, at: string): Map<string, string> {
  const open = organisations.filter(({ revokedAt }) => revokedAt === null);
  const nodes = open.flatMap(({ nodes }) => nodes);
  const valid = nodes.filter((node) => node.role === 'participant' && isValidNode(node, at));
  return new Map(valid.map(({ nodeId, publicKey }) => [nodeId, publicKey]));
}

/** Neither revoked nor replaced by now. @param at RFC 3339 in UTC */
export function isValidNode(
  { revokedAt, validUntil }: Pick<DirectoryNode, 'revokedAt' | 'validUntil'>,
  at: string,
): boolean {
  return revokedAt === null && (validUntil === null || Date.parse(at) < Date.parse(validUntil));
}
