/**
 * From an invite link to an identity. SPEC.md section 4.3.
 */
import { primitives } from '#primitives';
import { toBase64Url, toHex } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { checkFederation, nodeIdOf } from '../protocol/identity.ts';
import type { InviteLink } from '../protocol/invite-link.ts';
import { HanseError } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import { negotiateVersion, PROTOCOL_VERSIONS } from '../protocol/versions.ts';
import type { CallOptions, CoordinatorApi } from './coordinator-api.ts';
import type { Exchange } from './exchange.ts';
import { type Caller, httpCoordinator } from './http-coordinator.ts';
import type { Identity } from './identity.ts';

export interface ConnectionOptions {
  /** Put around every connection, to repeat requests for example. Absent: the first failure is the last. */
  readonly around?: (api: CoordinatorApi) => CoordinatorApi;
  /** How requests are sent; absent: by `fetch`. */
  readonly exchange?: Exchange;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

export interface EnrolmentOptions extends ConnectionOptions {
  /** The key to enrol, which the caller has stored: one that can be lost with the answer spends the invite. */
  readonly seed?: Secret;
}

/**
 * Enrols a key, a fresh one if none is given. The coordinator must first prove that it holds the key which the link
 * pins. A repetition brings the same key, so that an answer lost on the way does not spend the invite.
 * @throws `coordinatorKeyMismatch`, `versionUnsupported`, `inviteUnknown`, `inviteExpired`, `inviteSpent`;
 *   `coordinatorMisbehaved` if it enrolled somebody else
 */
export async function enrol(
  link: InviteLink,
  name: string,
  clock: Clock,
  options: EnrolmentOptions = {},
): Promise<Identity> {
  const { server, coordinatorKey, federationId, token } = link;
  const version = await negotiate(link, clock, options);
  const seed = options.seed ?? new Secret(randomBytes(primitives.random, 32));
  const signer = await primitives.signer(seed.reveal());
  const nodeId = await nodeIdOf(signer.publicKey);
  const api = dial(server, { signer, nodeId, version }, clock, options);
  const body = { token, publicKey: toHex(signer.publicKey), name };
  const enrolment = await api.call('enrol', { body }, callOptions(options));
  if (enrolment.nodeId !== nodeId || enrolment.federationId !== federationId)
    throw new HanseError('coordinatorMisbehaved', {
      what: 'it enrolled another node, or in another federation',
    });
  return { server, coordinatorKey, ...enrolment, name, seed };
}

/**
 * Connects an identity with its coordinator, whose key and version are checked first.
 * @throws `coordinatorKeyMismatch`, `versionUnsupported`
 */
export async function connect(
  identity: Identity,
  clock: Clock,
  options: ConnectionOptions = {},
): Promise<CoordinatorApi> {
  const version = await negotiate(identity, clock, options);
  const signer = await primitives.signer(identity.seed.reveal());
  return dial(identity.server, { signer, nodeId: identity.nodeId, version }, clock, options);
}

async function negotiate(
  pinned: Pick<Identity, 'server' | 'federationId' | 'coordinatorKey'>,
  clock: Clock,
  options: ConnectionOptions,
): Promise<number> {
  const challenge = toBase64Url(randomBytes(primitives.random, 32));
  const api = dial(pinned.server, undefined, clock, options);
  const info = await api.call('getFederation', { query: { challenge } }, callOptions(options));
  await checkFederation(info, challenge, pinned);
  return negotiateVersion(PROTOCOL_VERSIONS, info.protocol);
}

function dial(
  server: string,
  caller: Caller | undefined,
  clock: Clock,
  { around = (api) => api, exchange }: ConnectionOptions,
): CoordinatorApi {
  return around(httpCoordinator(server, caller, clock, exchange));
}

function callOptions({ signal }: ConnectionOptions): CallOptions {
  return signal ? { signal } : {};
}
