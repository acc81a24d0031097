/**
 * An organisation admits a node: "this key is the key of a node of ours, in this role". SPEC.md section 4.6.
 *
 * The statement is signed with the key of the organisation, which the coordinator never holds: it can leave a node out,
 * but it cannot put one of its own into an organisation that others know.
 */
import { primitives } from '#primitives';
import type { Role } from '../schemas/member.ts';
import { Admission } from '../schemas/node-proof.ts';
import { hexBytes, toHex, utf8 } from './bytes.ts';
import { canonicalJson } from './canonical.ts';
import { parse } from './parse.ts';
import type { Signer } from './primitives.ts';

/** The federation and the coordinator's key, as an invite pins them. */
export interface PinnedFederation {
  readonly federationId: string;
  /** Hex. */
  readonly coordinatorKey: string;
}

export interface AdmittedNode {
  readonly organisationId: string;
  /** Of the node; hex. */
  readonly publicKey: string;
  readonly role: Role;
}

/** @param organisation the key of the organisation */
export async function admit(
  node: AdmittedNode,
  federation: PinnedFederation,
  organisation: Signer,
): Promise<Admission> {
  const signature = await organisation.sign(admissionMessage(node, federation));
  return { organisationKey: toHex(organisation.publicKey), signature: toHex(signature) };
}

/** Whether the key of the organisation has signed it. @param admission attacker-controlled */
export async function isAdmitted(
  node: AdmittedNode,
  federation: PinnedFederation,
  { organisationKey, signature }: Admission,
): Promise<boolean> {
  const message = admissionMessage(node, federation);
  return primitives.verify(hexBytes(signature), message, hexBytes(organisationKey));
}

/** In one word, as people pass it on: the key of the organisation, a dot, the signature. */
export function formatAdmission({ organisationKey, signature }: Admission): string {
  return `${organisationKey}.${signature}`;
}

/** Throws `invalidFormat`. */
export function parseAdmission(text: string): Admission {
  const [organisationKey, signature, ...rest] = text.trim().split('.');
  return parse(Admission, { organisationKey, signature: rest.length > 0 ? '' : signature }, 'admission');
}

/** "HANSE admission" || 00 || JCS of what is admitted where. */
function admissionMessage(
  { organisationId, publicKey, role }: AdmittedNode,
  { federationId, coordinatorKey }: PinnedFederation,
): Uint8Array {
  const statement = { federationId, coordinatorKey, organisationId, publicKey, role };
  return utf8(`HANSE admission\0${canonicalJson(statement)}`);
}
