/**
 * From an invite link to an identity. SPEC.md section 4.3.
 */
import { primitives } from '#primitives';
import { admit } from '../protocol/admission.ts';
import { toBase64Url, toHex } from '../protocol/bytes.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import { type Clock, pause } from '../protocol/clock.ts';
import { checkFederation, nodeIdOf } from '../protocol/identity.ts';
import type { InviteLink } from '../protocol/invite-link.ts';
import { isLoopback } from '../protocol/loopback.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError, isProblem, type ProblemCode } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import { negotiateVersion, PROTOCOL_VERSIONS } from '../protocol/versions.ts';
import type { Enrolment, EnrolmentRequest } from '../schemas/member.ts';
import type { Admission } from '../schemas/node-proof.ts';
import type { CallOptions, CoordinatorApi } from './coordinator-api.ts';
import { deltaDownloads } from './delta-download.ts';
import type { Exchange } from './exchange.ts';
import { type Caller, httpCoordinator } from './http-coordinator.ts';
import type { Identity } from './identity.ts';
import type { Membership } from './membership.ts';
import { resumingUploads } from './resumable-upload.ts';

export interface ConnectionOptions {
  /** Put around every connection, to repeat requests for example. Absent: the first failure is the last. */
  readonly around?: (api: CoordinatorApi) => CoordinatorApi;
  /** How requests are sent; absent: by `fetch`. */
  readonly exchange?: Exchange;
  /** Whether models are asked for as differences; absent: unless the coordinator is on this machine. */
  readonly deltas?: boolean;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

export interface AdmissionOptions extends ConnectionOptions {
  /**
   * What admits the node: the key of its organisation, or what somebody has signed with it. Absent: a key of the
   * organisation that nobody keeps, which will do for its first and only node.
   */
  readonly organisation?: OnceTrusted<Signer> | Admission;
  /** Called when the enrolment begins to wait for the operator. */
  readonly onPending?: () => void;
}

export interface EnrolmentOptions extends AdmissionOptions {
  /** The key to enrol, which the caller has stored: one that can be lost with the answer spends the invite. */
  readonly seed?: OnceTrusted<Secret>;
}

/** A function is called once the coordinator has proved who it is: until then nothing has to be stored. */
export type OnceTrusted<T> = T | (() => Promise<T>);

const REFUSALS: ReadonlySet<ProblemCode> = new Set([
  'inviteUnknown',
  'inviteExpired',
  'inviteSpent',
  'admissionInvalid',
  'organisationKeyMismatch',
  'identityDuplicate',
  'memberRevoked',
  'enrolmentRefused',
]);

/** Between two questions whether the operator has decided. */
const PENDING_MS = 5000;

/**
 * Enrols a key, a fresh one if none is given. The coordinator must first prove that it holds the key which the link
 * pins. A repetition brings the same key, so that an answer lost on the way does not spend the invite.
 * Where the operator wants to approve it first, waits until that is done or the signal aborts.
 * @throws `coordinatorKeyMismatch`, `versionUnsupported`, and the problems of the route; `approvalPending` if the signal
 *   aborts while it waits; `coordinatorMisbehaved` if it enrolled somebody else
 */
export async function enrol(
  link: InviteLink,
  name: string,
  clock: Clock,
  options: EnrolmentOptions = {},
): Promise<Identity> {
  let seed: Secret | undefined;
  const signer = async () => {
    seed = (await made(options.seed)) ?? new Secret(randomBytes(primitives.random, 32));
    return primitives.signer(seed.reveal());
  };
  const membership = await enrolSigner(link, name, signer, clock, options);
  if (!seed) throw new Error('unreachable: the key was made before it was enrolled');
  return { ...membership, seed };
}

/** As `enrol`, with a key that is not given away. */
export async function enrolSigner(
  link: InviteLink,
  name: string,
  key: OnceTrusted<Signer>,
  clock: Clock,
  options: AdmissionOptions = {},
): Promise<Membership> {
  const { server, coordinatorKey, federationId, organisationId, role, token } = link;
  const version = await negotiate(link, clock, options);
  const signer = await made(key);
  const nodeId = await nodeIdOf(signer.publicKey);
  const api = dial(server, { signer, nodeId, version }, clock, options);
  const publicKey = toHex(signer.publicKey);
  const organisation =
    (await made(options.organisation)) ?? (await primitives.signer(randomBytes(primitives.random, 32)));
  const admission =
    'sign' in organisation
      ? await admit({ organisationId, publicKey, role }, link, organisation)
      : organisation;
  const enrolment = await untilDecided(api, { token, publicKey, name, admission }, clock, options);
  const got = { nodeId, federationId, organisationId, role };
  if (canonicalJson(enrolment) !== canonicalJson(got))
    throw new HanseError('coordinatorMisbehaved', {
      what: 'it enrolled another node, or elsewhere, or as something else',
    });
  return { server, coordinatorKey, ...enrolment, name };
}

function made<T extends object | undefined>(value: OnceTrusted<T>): T | Promise<T> {
  return typeof value === 'function' ? value() : value;
}

/** Whether the coordinator has refused an enrolment for good: a key that was made for it is good for nothing. */
export function isEnrolmentRefused(error: unknown): boolean {
  return isProblem(error) && REFUSALS.has(error.code);
}

/** The same request again and again, while it waits for the operator. */
async function untilDecided(
  api: CoordinatorApi,
  body: EnrolmentRequest,
  clock: Clock,
  options: AdmissionOptions,
): Promise<Enrolment> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await api.call('enrol', { body }, callOptions(options));
    } catch (error) {
      if (!isProblem(error, 'approvalPending')) throw error;
      if (isFirst) options.onPending?.();
      await pause(clock, PENDING_MS, options.signal);
      if (options.signal?.aborted) throw error;
    }
  }
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
  return connectSigner(identity, await primitives.signer(identity.seed.reveal()), clock, options);
}

/** As `connect`, with a key that is not given away. */
export async function connectSigner(
  member: Membership,
  signer: Signer,
  clock: Clock,
  options: ConnectionOptions = {},
): Promise<CoordinatorApi> {
  const version = await negotiate(member, clock, options);
  return dial(member.server, { signer, nodeId: member.nodeId, version }, clock, options);
}

async function negotiate(
  pinned: Pick<Membership, 'server' | 'federationId' | 'coordinatorKey'>,
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
  { around = (api) => api, exchange, deltas }: ConnectionOptions,
): CoordinatorApi {
  const api = resumingUploads(httpCoordinator(server, caller, clock, exchange));
  // A difference costs processor time on both sides, which only a line that is slower is worth.
  const isWorthIt = deltas ?? !isLoopback(new URL(server).hostname);
  return around(isWorthIt ? deltaDownloads(api) : api);
}

function callOptions({ signal }: ConnectionOptions): CallOptions {
  return signal ? { signal } : {};
}
