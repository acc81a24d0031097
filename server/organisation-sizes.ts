/**
 * How many nodes each organisation has: members that are neither revoked nor replaced. Counted again once the directory
 * has changed, and not for each request.
 */
import type { Federation } from './federation.ts';

type Members = Pick<Federation, 'members' | 'directoryVersion'>;

/** @returns the nodes of an organisation as of now; 0 of one that has none */
export function organisationSizes(federation: Members): (organisationId: string) => number {
  let counted = { version: -1, nodes: new Map<string, number>() };
  return (organisationId) => {
    const version = federation.directoryVersion;
    if (counted.version !== version) {
      const nodes = new Map<string, number>();
      for (const { organisationId: id, entry } of federation.members())
        if (entry.revokedAt === null && entry.validUntil === null) nodes.set(id, (nodes.get(id) ?? 0) + 1);
      counted = { version, nodes };
    }
    return counted.nodes.get(organisationId) ?? 0;
  };
}
