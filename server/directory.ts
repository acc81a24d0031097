/**
 * The coordinator's side of the directory: what it lists, and each of its versions. SPEC.md section 4.6.
 *
 * The organisations of a version are the fold of the events before it; kept are the statements alone.
 */
import { organisationsSha256, signStatement, statementSha256 } from '../protocol/directory.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import type { DirectoryAnswer, DirectoryOrganisation } from '../schemas/directory.ts';
import type { FederationEvent } from '../schemas/federation-event.ts';
import type { FederationState } from './federation-state.ts';

/** Everything that the directory lists now. */
function listedOrganisations({ organisations, members }: FederationState): DirectoryOrganisation[] {
  return [...organisations.values()].map(({ nodes, ...organisation }) => ({
    ...organisation,
    nodes: nodes.flatMap((nodeId) => members.get(nodeId)?.entry ?? []),
  }));
}

/** The next version, of what this state lists. @param at RFC 3339 */
export async function issueDirectory(
  state: FederationState,
  at: string,
  coordinator: Signer,
): Promise<Extract<FederationEvent, { type: 'directoryIssued' }>> {
  const statement = {
    federationId: state.federationId ?? '',
    version: state.directory.length + 1,
    previousSha256: state.directorySha256,
    organisationsSha256: await organisationsSha256(listedOrganisations(state)),
    issuedAt: at,
  };
  const version = await signStatement(statement, coordinator);
  return { type: 'directoryIssued', version, sha256: await statementSha256(statement) };
}

/** Throws `storageCorrupt` unless the last version is the one of what is listed: members would take it for a forgery. */
export async function checkIssued(state: FederationState, path: string): Promise<void> {
  const last = state.directory.at(-1)?.statement;
  const isSame =
    last !== undefined &&
    (await statementSha256(last)) === state.directorySha256 &&
    (await organisationsSha256(listedOrganisations(state))) === last.organisationsSha256;
  if (!isSame)
    throw new HanseError('storageCorrupt', { path, reason: 'the directory is not that of the members' });
}

/** @param after the version that the caller knows; 0 if none. It may know a later one than there is. */
export function answerDirectory(state: FederationState, after: number): DirectoryAnswer {
  const last = state.directory.at(-1);
  if (!last) throw new Error('unreachable: a federation is founded with its directory');
  const between = after === 0 ? [] : state.directory.slice(after, -1);
  return { directory: { ...last, organisations: listedOrganisations(state) }, between };
}
