/**
 * From an invite link to an identity. SPEC.md section 4.3.
 */
import { primitives } from '#primitives';
import { toBase64Url, toHex } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { checkFederation, nodeIdOf } from '../protocol/identity.ts';
import type { InviteLink } from '../protocol/invite-link.ts';
import { Secret } from '../protocol/secret.ts';
import { negotiateVersion, PROTOCOL_VERSIONS } from '../protocol/versions.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { httpCoordinator } from './http-coordinator.ts';
import type { Identity } from './identity.ts';

/**
 * Makes a key and enrols it. The coordinator must first prove that it holds the key which the link pins.
 * @throws `coordinatorKeyMismatch`, `versionUnsupported`, `inviteUnknown`, `inviteExpired`, `inviteSpent`
 */
export async function enrol(link: InviteLink, name: string, clock: Clock): Promise<Identity> {
  const version = await negotiate(httpCoordinator(link.server, undefined, clock), link);
  const seed = new Uint8Array(32);
  primitives.random.fill(seed);
  const signer = await primitives.signer(seed);
  const nodeId = await nodeIdOf(signer.publicKey);
  const api = httpCoordinator(link.server, { signer, nodeId, version }, clock);
  const publicKey = toHex(signer.publicKey);
  const enrolment = await api.call('enrol', { body: { token: link.token, publicKey, name } });
  const { server, coordinatorKey } = link;
  return { server, coordinatorKey, ...enrolment, name, seed: new Secret(seed) };
}

/** Connects an identity with its coordinator, whose key and version are checked first. */
export async function connect(identity: Identity, clock: Clock): Promise<CoordinatorApi> {
  const version = await negotiate(httpCoordinator(identity.server, undefined, clock), identity);
  const signer = await primitives.signer(identity.seed.reveal());
  return httpCoordinator(identity.server, { signer, nodeId: identity.nodeId, version }, clock);
}

async function negotiate(
  api: CoordinatorApi,
  pinned: { readonly federationId: string; readonly coordinatorKey: string },
): Promise<number> {
  const bytes = new Uint8Array(32);
  primitives.random.fill(bytes);
  const challenge = toBase64Url(bytes);
  const info = await api.call('getFederation', { query: { challenge } });
  await checkFederation(info, challenge, pinned);
  return negotiateVersion(PROTOCOL_VERSIONS, info.protocol);
}
