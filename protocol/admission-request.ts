/**
 * What a node asks its organisation to admit, in one word that fits a chat message; it holds no secret. SPEC.md
 * section 4.6.
 *
 *   <federationId>:<coordinatorKey>:<organisationId>:<role>:<publicKey of the node>
 */
import { FederationId, OrganisationId, PublicKey } from '../schemas/ids.ts';
import { Role } from '../schemas/member.ts';
import type { AdmittedNode, PinnedFederation } from './admission.ts';
import { parse } from './parse.ts';
import { HanseError } from './problem.ts';

export type AdmissionRequest = AdmittedNode & PinnedFederation;

export function formatAdmissionRequest(request: AdmissionRequest): string {
  const { federationId, coordinatorKey, organisationId, role, publicKey } = request;
  return [federationId, coordinatorKey, organisationId, role, publicKey].join(':');
}

/** @param text attacker-controlled: who passes it on may have changed it. Throws `invalidFormat`. */
export function parseAdmissionRequest(text: string): AdmissionRequest {
  const parts = text.trim().split(':');
  if (parts.length !== 5)
    throw new HanseError('invalidFormat', {
      where: 'admission request',
      expected: 'must be one word of five parts, as `hanse identity request` prints it',
    });
  const [federationId, coordinatorKey, organisationId, role, publicKey] = parts;
  return {
    federationId: parse(FederationId, federationId, 'admission request, federation'),
    coordinatorKey: parse(PublicKey, coordinatorKey, 'admission request, coordinator'),
    organisationId: parse(OrganisationId, organisationId, 'admission request, organisation'),
    role: parse(Role, role, 'admission request, role'),
    publicKey: parse(PublicKey, publicKey, 'admission request, key'),
  };
}
