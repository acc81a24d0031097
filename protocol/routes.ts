/**
 * Every request a coordinator answers, as one table: server, client types and the OpenAPI document derive from it.
 * SPEC.md section 9.
 *
 * `action` is what calling it is, for the policies that say who may (SPEC.md 4.10); `public` routes need no signature. A route lists
 * the problems that are its own; those of `EVERYWHERE` and, on signed routes, `SIGNED` can always occur.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { AuditPage, AuditQuery } from '../schemas/audit-query.ts';
import { DataSetChange } from '../schemas/data-set-change.ts';
import { DirectoryAnswer } from '../schemas/directory.ts';
import { JobId, NodeId, OrganisationId, Sha256, Signature } from '../schemas/ids.ts';
import { JobLine, JobManifest, JobStatus, Metrics } from '../schemas/job.ts';
import { Letter, LetterReceipt, Letters, LettersRead } from '../schemas/letter.ts';
import {
  Capabilities,
  Enrolment,
  EnrolmentRequest,
  FederationInfo,
  Forgotten,
  Invite,
  InviteRequest,
  Member,
  Revocation,
  SuccessionReceipt,
  SuccessionRequest,
  WaitingEnrolment,
} from '../schemas/member.ts';
import {
  AssertionOptions,
  PasskeyAssertion,
  PasskeyRegistration,
  RegistrationOptions,
} from '../schemas/passkey.ts';
import {
  CredentialId,
  IssuedToken,
  LinkRequest,
  LinkSignIn,
  OwnTokenRequest,
  People,
  PersonId,
  PersonInvite,
  PersonLink,
  Self,
  SessionId,
  Sessions,
  TokenId,
  TokenRequest,
  Tokens,
} from '../schemas/person.ts';
import { Policies, PolicyDetail, PolicyProposal } from '../schemas/policy.ts';
import { Advertisement, Certificate, Consent, Roster, SignedRecord, Survivors } from '../schemas/secagg.ts';
import { ConsentAnswer, KeysAnswer, SharesAnswer, UpdateAnswer } from '../schemas/secure-answer.ts';
import { Decline, Receipt, Tasks } from '../schemas/task.ts';
import { StreamId, StreamState, TaskLine } from '../schemas/task-stream.ts';
import { UploadId, UploadRequest, UploadState } from '../schemas/upload.ts';
import { WitnessCall, WitnessCosignature, WitnessEvidence } from '../schemas/witness.ts';
import type { ActionName, OpenAction } from './actions.ts';
import type { ProblemCode } from './problem.ts';

/** Body of an update or of other content: bytes, never base64 in JSON. */
export const BINARY = 'application/octet-stream';

/** An answer without end: values of JSON, one a line. */
export const LINES = 'application/x-ndjson';

/** Notes and keys of the audit log, which people read too. */
export const TEXT = 'text/plain; charset=utf-8';

/** Largest body of JSON, where a route does not say otherwise: to look at more would keep all others waiting. */
export const JSON_LIMIT_BYTES = 16_384;

/** A manifest may name a weight for each of many classes. */
const MANIFEST_LIMIT_BYTES = 1_048_576;

/** With each character escaped. */
const POLICIES_LIMIT_BYTES = 1_600_000;

/** As many data sets as a node may report, with the longest of names. */
const CAPABILITIES_LIMIT_BYTES = 262_144;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Parameters as `:name`; one at the end as `:name*` is all of the rest, whose segments are kept. */
  readonly path: string;
  readonly summary: string;
  /** What calling it is, for policies. */
  readonly action: ActionName | OpenAction;
  /**
   * Whether it is known who calls: nobody; nobody yet, from a page of this origin; whoever shows a new key and an invite; a node; or
   * whoever has signed it, a session or a token.
   */
  readonly access: 'public' | 'signIn' | 'enrolling' | 'member' | 'caller';
  readonly params?: TSchema;
  readonly query?: TSchema;
  /** A schema for JSON, `binary` for bytes. */
  readonly body?: TSchema | 'binary';
  /** Greatest size of a body of JSON; absent: `JSON_LIMIT_BYTES`. */
  readonly bodyLimitBytes?: number;
  /** A schema for JSON, `binary` for bytes, `lines` for values of JSON that come as they arise. */
  readonly response: TSchema | 'binary' | 'lines';
  /** Of bytes that are answered, where they are not `BINARY`. */
  readonly mediaType?: typeof TEXT;
  /** Of each line, where the response is `lines`. */
  readonly line?: TSchema;
  readonly problems: readonly ProblemCode[];
  /** Of requests that look at much more than one record; absent: that of the method. */
  readonly rate?: 'query';
}

/** Requests of each class are limited by themselves: SPEC.md section 9.5. */
export type RateClass = 'read' | 'write' | 'query';

export function rateClassOf({ method, rate }: Pick<Route, 'method' | 'rate'>): RateClass {
  return rate ?? (method === 'GET' ? 'read' : 'write');
}

export const EVERYWHERE = [
  'invalidFormat',
  'bodyTooLarge',
  'mediaTypeUnsupported',
  'versionUnsupported',
  'overloaded',
  'rateLimited',
  'storageFull',
  'storageFailed',
  'storageCorrupt',
  'internalError',
] as const satisfies readonly ProblemCode[];

export const SIGNED = [
  'signatureMissing',
  'signatureInvalid',
  'signatureExpired',
  'requestReplayed',
  'memberUnknown',
  'memberRevoked',
  'keyRetired',
  'accessRefused',
  'hashMismatch',
  'sessionEnded',
  'tokenRefused',
  'originRefused',
  'credentialsAmbiguous',
] as const satisfies readonly ProblemCode[];

const closed = { additionalProperties: false } as const;

const Job = Type.Object({ jobId: JobId }, closed);
const Node = Type.Object({ nodeId: NodeId }, closed);
const Context = Type.Object(
  {
    jobId: JobId,
    round: Type.String({ pattern: '^[1-9][0-9]{0,6}$' }),
    attempt: Type.String({ pattern: '^[1-9][0-9]{0,3}$' }),
  },
  closed,
);
const SignedContext = Type.Object({ ...Context.properties, signature: Signature }, closed);
const Upload = Type.Object({ uploadId: UploadId }, closed);
const Chunk = Type.Object(
  { uploadId: UploadId, offset: Type.String({ pattern: '^(0|[1-9][0-9]{0,15})$' }) },
  closed,
);
const PersonPlace = Type.Object({ personId: PersonId }, closed);
const TokenPlace = Type.Object({ tokenId: TokenId }, closed);
const PolicyVersionPlace = Type.Object(
  { version: Type.String({ pattern: '^(0|[1-9][0-9]{0,5})$' }) },
  closed,
);
/** What follows upon the level in the path of a tile; `protocol/audit/tile.ts` says what of it there is. */
const TilePlace = Type.String({ pattern: '^[0-9xp./]{3,60}$' });
/** Whole seconds to wait for something to happen, in decimal digits. */
const Wait = Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$' }));
const Waiting = Type.Object({ wait: Wait }, closed);
const attemptProblems = [
  'jobUnknown',
  'jobEnded',
  'roundUnknown',
  'notInCohort',
  'messageLate',
  'messageOutOfOrder',
  'messageConflict',
] as const satisfies readonly ProblemCode[];

export const ROUTES = {
  getFederation: {
    method: 'GET',
    path: '/v1/federation',
    summary: 'Which federation this is, with a proof that it holds its key',
    action: 'readFederation',
    access: 'public',
    query: Type.Object({ challenge: Type.String({ pattern: '^[A-Za-z0-9_-]{22,64}$' }) }, closed),
    response: FederationInfo,
    problems: [],
  },
  createInvite: {
    method: 'POST',
    path: '/v1/invites',
    summary: 'Make an invite for one node',
    action: 'inviteMember',
    access: 'caller',
    body: InviteRequest,
    response: Invite,
    problems: [],
  },
  enrol: {
    method: 'POST',
    path: '/v1/nodes',
    summary: 'Become a member with an invite; signed with the key that is to be enrolled',
    action: 'enrol',
    access: 'enrolling',
    body: EnrolmentRequest,
    // Read before anybody knows who sends it.
    bodyLimitBytes: 4096,
    response: Enrolment,
    problems: [
      'inviteUnknown',
      'inviteExpired',
      'inviteSpent',
      'admissionInvalid',
      'organisationKeyMismatch',
      'identityDuplicate',
      'approvalPending',
      'enrolmentRefused',
    ],
  },
  listEnrolments: {
    method: 'GET',
    path: '/v1/enrolments',
    summary: 'Who waits to become a member',
    action: 'decideEnrolments',
    access: 'caller',
    response: Type.Object({ waiting: Type.Array(WaitingEnrolment) }, closed),
    problems: [],
  },
  approveEnrolment: {
    method: 'POST',
    path: '/v1/enrolments/:nodeId/approve',
    summary: 'Make a member of somebody who waits',
    action: 'decideEnrolments',
    access: 'caller',
    params: Node,
    response: Type.Object({}, closed),
    problems: ['nodeUnknown', 'organisationKeyMismatch', 'identityDuplicate'],
  },
  refuseEnrolment: {
    method: 'POST',
    path: '/v1/enrolments/:nodeId/refuse',
    summary: 'Make no member of somebody who waits',
    action: 'decideEnrolments',
    access: 'caller',
    params: Node,
    response: Type.Object({}, closed),
    problems: ['nodeUnknown'],
  },
  revokeMember: {
    method: 'POST',
    path: '/v1/nodes/:nodeId/revoke',
    summary: 'End the membership of a node, at once',
    action: 'revokeMember',
    access: 'caller',
    params: Node,
    body: Revocation,
    response: Type.Object({}, closed),
    problems: ['nodeUnknown'],
  },
  forgetMember: {
    method: 'POST',
    path: '/v1/nodes/:nodeId/forget',
    summary: 'Erase from the log what says whom its entries are about, where that is this member',
    action: 'forgetMember',
    access: 'member',
    params: Node,
    response: Forgotten,
    problems: ['nodeUnknown'],
  },
  revokeOrganisation: {
    method: 'POST',
    path: '/v1/organisations/:organisationId/revoke',
    summary: 'End the membership of an organisation and all its nodes, at once',
    action: 'revokeOrganisation',
    access: 'caller',
    params: Type.Object({ organisationId: OrganisationId }, closed),
    body: Revocation,
    response: Type.Object({}, closed),
    problems: ['nodeUnknown'],
  },
  succeedKey: {
    method: 'POST',
    path: '/v1/nodes/self/successor',
    summary: 'Name the key that takes the place of that of this node',
    action: 'succeedKey',
    access: 'member',
    body: SuccessionRequest,
    response: SuccessionReceipt,
    problems: ['identityDuplicate', 'messageConflict'],
  },
  getDirectory: {
    method: 'GET',
    path: '/v1/directory',
    summary: 'The signed directory, and how it follows from the version that the caller knows',
    action: 'readDirectory',
    access: 'caller',
    query: Type.Object({ after: Type.Optional(Type.String({ pattern: '^[0-9]{1,9}$' })) }, closed),
    response: DirectoryAnswer,
    problems: [],
  },
  listMembers: {
    method: 'GET',
    path: '/v1/nodes',
    summary: 'The members of the federation',
    action: 'listMembers',
    access: 'caller',
    response: Type.Object({ members: Type.Array(Member) }, closed),
    problems: [],
  },
  reportCapabilities: {
    method: 'PUT',
    path: '/v1/nodes/self/capabilities',
    summary: 'Say what this node can do',
    action: 'reportCapabilities',
    access: 'member',
    body: Capabilities,
    bodyLimitBytes: CAPABILITIES_LIMIT_BYTES,
    response: Type.Object({}, closed),
    problems: ['ledgerForked'],
  },
  changeDataSet: {
    method: 'POST',
    path: '/v1/nodes/self/data-sets/changes',
    summary: 'Tell that a data set has a new version, for rows of it were withdrawn',
    action: 'reportCapabilities',
    access: 'member',
    body: DataSetChange,
    response: Type.Object({}, closed),
    problems: [],
  },
  nextTasks: {
    method: 'GET',
    path: '/v1/tasks',
    summary: 'What this node is asked to do; waits until there is something',
    action: 'takeTasks',
    access: 'member',
    query: Type.Object(
      { wait: Wait, letters: Type.Optional(Type.String({ pattern: '^(0|[1-9][0-9]{0,14})$' })) },
      closed,
    ),
    response: Tasks,
    problems: [],
  },
  taskStream: {
    method: 'GET',
    path: '/v1/tasks/stream',
    summary: 'What this node is asked to do, again whenever it changes; the answer does not end',
    action: 'takeTasks',
    access: 'member',
    response: 'lines',
    line: TaskLine,
    problems: [],
  },
  answerStream: {
    method: 'POST',
    path: '/v1/tasks/stream/:streamId/answer',
    summary: 'Say that somebody still reads this stream, whose id nobody else knows',
    action: 'answerStream',
    access: 'public',
    params: Type.Object({ streamId: StreamId }, closed),
    response: StreamState,
    problems: [],
  },
  postLetter: {
    method: 'POST',
    path: '/v1/letters',
    summary: 'Leave a signed letter for another organisation; repeating it is harmless',
    action: 'exchangeLetters',
    access: 'member',
    body: Letter,
    // A body in which every character is escaped, and the statement.
    bodyLimitBytes: 131_072,
    response: LetterReceipt,
    problems: ['letterInvalid', 'letterExpired', 'mailboxFull', 'messageConflict', 'nodeUnknown'],
  },
  listLetters: {
    method: 'GET',
    path: '/v1/letters',
    summary: 'Letters that wait for the organisation of the caller, in order',
    action: 'exchangeLetters',
    access: 'member',
    query: Type.Object({ after: Type.Optional(Type.String({ pattern: '^(0|[1-9][0-9]{0,14})$' })) }, closed),
    response: Letters,
    problems: [],
  },
  ackLetters: {
    method: 'POST',
    path: '/v1/letters/read',
    summary: 'Say that all letters up to this one have been dealt with; repeating it is harmless',
    action: 'exchangeLetters',
    access: 'member',
    body: LettersRead,
    response: Type.Object({}, closed),
    problems: [],
  },
  putBlob: {
    method: 'PUT',
    path: '/v1/blobs/:sha256',
    summary: 'Store a graph or an initial model',
    action: 'storeContent',
    access: 'member',
    params: Type.Object({ sha256: Sha256 }, closed),
    body: 'binary',
    response: Receipt,
    problems: ['contentQuota'],
  },
  getBlob: {
    method: 'GET',
    path: '/v1/blobs/:sha256',
    summary: 'A graph or a model that a job names; immutable',
    action: 'readContent',
    access: 'caller',
    params: Type.Object({ sha256: Sha256 }, closed),
    response: 'binary',
    problems: ['blobUnknown', 'rangeInvalid'],
  },
  getBlobFrom: {
    method: 'GET',
    path: '/v1/blobs/:sha256/from/:base',
    summary:
      'The same as its difference from a model that the caller has; as a whole where that is hardly longer',
    action: 'readContent',
    access: 'caller',
    params: Type.Object({ sha256: Sha256, base: Sha256 }, closed),
    response: 'binary',
    problems: ['blobUnknown', 'rangeInvalid'],
  },
  // Of a node: whose job it is they look up in the signed directory, which has no people.
  createJob: {
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Start a job',
    action: 'createJob',
    access: 'member',
    body: JobManifest,
    bodyLimitBytes: MANIFEST_LIMIT_BYTES,
    response: JobStatus,
    problems: ['manifestInvalid', 'ringOverflow', 'blobUnknown'],
  },
  listJobs: {
    method: 'GET',
    path: '/v1/jobs',
    summary: 'All jobs, newest first',
    action: 'listJobs',
    access: 'caller',
    response: Type.Object({ jobs: Type.Array(JobLine) }, closed),
    problems: [],
  },
  getJob: {
    method: 'GET',
    path: '/v1/jobs/:jobId',
    summary: 'A job and its rounds; with `after`, waits until it has changed',
    action: 'readJob',
    access: 'caller',
    params: Job,
    query: Type.Object(
      { after: Type.Optional(Type.String({ pattern: '^[0-9]{1,9}$' })), wait: Wait },
      closed,
    ),
    response: JobStatus,
    problems: ['jobUnknown'],
  },
  cancelJob: {
    method: 'POST',
    path: '/v1/jobs/:jobId/cancel',
    summary: 'End a job; released models stay',
    action: 'cancelJob',
    access: 'caller',
    params: Job,
    response: JobStatus,
    problems: ['jobUnknown', 'jobEnded'],
  },
  advertiseKeys: {
    method: 'PUT',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/keys',
    summary: 'M1: the signed keys of this node for a secure attempt; waits for M2, repeating it is harmless',
    action: 'contribute',
    access: 'member',
    params: Context,
    query: Waiting,
    body: Advertisement,
    response: KeysAnswer,
    problems: [...attemptProblems, 'advertisementInvalid', 'keyLowOrder'],
  },
  getRoster: {
    method: 'GET',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/roster',
    summary: 'M2: whose keys came in time; waits for it, null while it is not known',
    action: 'contribute',
    access: 'member',
    params: Context,
    query: Waiting,
    response: Type.Object({ roster: Type.Union([Roster, Type.Null()]) }, closed),
    problems: attemptProblems,
  },
  putShares: {
    method: 'PUT',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/shares',
    summary: 'M3: the sealed shares of this node; waits for M4, repeating it is harmless',
    action: 'contribute',
    access: 'member',
    params: Context,
    query: Waiting,
    body: 'binary',
    response: SharesAnswer,
    problems: [...attemptProblems, 'invalidLength', 'sharesInvalid'],
  },
  getDelivery: {
    method: 'GET',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/delivery',
    summary:
      'M4: whose shares came in time, and those for this node; waits for it, empty while it is not known',
    action: 'contribute',
    access: 'member',
    params: Context,
    query: Waiting,
    response: 'binary',
    problems: attemptProblems,
  },
  putUpdate: {
    method: 'PUT',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/update',
    summary: 'Deliver the update of this node; repeating it is harmless',
    action: 'contribute',
    access: 'member',
    params: Context,
    body: 'binary',
    response: Receipt,
    problems: [...attemptProblems, 'updateMalformed', 'updateUnsigned', 'invalidLength'],
  },
  putMaskedUpdate: {
    method: 'PUT',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/masked/:signature',
    summary: 'M5: the masked update of this node with its signature; waits for M6, repeating it is harmless',
    action: 'contribute',
    access: 'member',
    params: SignedContext,
    query: Waiting,
    body: 'binary',
    response: UpdateAnswer,
    problems: [...attemptProblems, 'updateMalformed', 'updateUnsigned', 'invalidLength'],
  },
  getSurvivors: {
    method: 'GET',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/survivors',
    summary: 'M6: whose updates are in the sum; waits for it, null while it is not known',
    action: 'contribute',
    access: 'member',
    params: Context,
    query: Waiting,
    response: Type.Object({ survivors: Type.Union([Survivors, Type.Null()]) }, closed),
    problems: attemptProblems,
  },
  putConsent: {
    method: 'PUT',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/consent',
    summary: 'M7: this node has been told of these survivors; waits for M8, repeating it is harmless',
    action: 'contribute',
    access: 'member',
    params: Context,
    query: Waiting,
    body: Consent,
    response: ConsentAnswer,
    problems: [...attemptProblems, 'consentInvalid'],
  },
  getCertificate: {
    method: 'GET',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/certificate',
    summary: 'M8: consents of enough survivors; waits for them, null while there are too few',
    action: 'contribute',
    access: 'member',
    params: Context,
    query: Waiting,
    response: Type.Object({ certificate: Type.Union([Certificate, Type.Null()]) }, closed),
    problems: attemptProblems,
  },
  putAnswer: {
    method: 'PUT',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/answer',
    summary: 'M9: the shares that open the masks of this attempt; repeating it is harmless',
    action: 'contribute',
    access: 'member',
    params: Context,
    body: 'binary',
    response: Receipt,
    problems: [...attemptProblems, 'invalidLength'],
  },
  getRecord: {
    method: 'GET',
    path: '/v1/jobs/:jobId/rounds/:round/record',
    summary: 'M10: the signed record of a secure round',
    action: 'readJob',
    access: 'caller',
    params: Type.Object({ jobId: JobId, round: Type.String({ pattern: '^[1-9][0-9]{0,6}$' }) }, closed),
    response: SignedRecord,
    problems: ['jobUnknown', 'roundUnknown'],
  },
  openUpload: {
    method: 'POST',
    path: '/v1/uploads',
    summary: 'Send content in chunks, or go on with it: says where the next one begins',
    action: 'sendContent',
    access: 'member',
    body: UploadRequest,
    response: UploadState,
    problems: [...attemptProblems, 'updateUnsigned', 'invalidLength', 'contentQuota'],
  },
  getUpload: {
    method: 'GET',
    path: '/v1/uploads/:uploadId',
    summary: 'How much of an upload has arrived',
    action: 'sendContent',
    access: 'member',
    params: Upload,
    response: UploadState,
    problems: ['uploadUnknown'],
  },
  putChunk: {
    method: 'PUT',
    path: '/v1/uploads/:uploadId/chunks/:offset',
    summary: 'The chunk of an upload that begins at this byte; repeating it is harmless',
    action: 'sendContent',
    access: 'member',
    params: Chunk,
    body: 'binary',
    response: UploadState,
    problems: ['uploadUnknown', 'rangeInvalid', 'invalidLength'],
  },
  completeUpload: {
    method: 'POST',
    path: '/v1/uploads/:uploadId/complete',
    summary:
      'Check what has arrived and take it as if it had been sent in one piece; repeating it is harmless',
    action: 'sendContent',
    access: 'member',
    params: Upload,
    response: Receipt,
    problems: [
      'uploadUnknown',
      'rangeInvalid',
      ...attemptProblems,
      'updateMalformed',
      'updateUnsigned',
      'invalidLength',
      'contentQuota',
    ],
  },
  decline: {
    method: 'POST',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/decline',
    summary: 'Say that no update will come, or no metrics, and why',
    action: 'decline',
    access: 'member',
    params: Context,
    body: Decline,
    response: Type.Object({}, closed),
    problems: attemptProblems,
  },
  putEvaluation: {
    method: 'PUT',
    path: '/v1/jobs/:jobId/rounds/:round/attempts/:attempt/evaluation',
    summary: 'Deliver the metrics of an aggregated model',
    action: 'evaluate',
    access: 'member',
    params: Context,
    body: Metrics,
    response: Type.Object({}, closed),
    problems: attemptProblems,
  },
  startSignIn: {
    method: 'POST',
    path: '/v1/sign-in/challenge',
    summary: 'What a passkey has to sign, for the browser that asks',
    action: 'signIn',
    access: 'signIn',
    response: AssertionOptions,
    problems: [],
  },
  signInByPasskey: {
    method: 'POST',
    path: '/v1/sign-in/passkey',
    summary: 'Open a session with what a passkey has signed',
    action: 'signIn',
    access: 'signIn',
    body: PasskeyAssertion,
    response: Self,
    problems: ['passkeyUnknown', 'passkeyRefused'],
  },
  signInByLink: {
    method: 'POST',
    path: '/v1/sign-in/link',
    summary: 'Open a session with a link that works once',
    action: 'signIn',
    access: 'signIn',
    body: LinkSignIn,
    response: Self,
    problems: ['linkUnknown', 'linkExpired', 'linkSpent'],
  },
  getSelf: {
    method: 'GET',
    path: '/v1/self',
    summary: 'Who is signed in, and the passkeys that they have',
    action: 'manageOwnAccount',
    access: 'caller',
    response: Self,
    problems: [],
  },
  signOut: {
    method: 'POST',
    path: '/v1/self/sign-out',
    summary: 'End the session of this request',
    action: 'manageOwnAccount',
    access: 'caller',
    response: Type.Object({}, closed),
    problems: [],
  },
  listOwnSessions: {
    method: 'GET',
    path: '/v1/self/sessions',
    summary: 'Sessions of the caller that are open',
    action: 'manageOwnAccount',
    access: 'caller',
    response: Sessions,
    problems: [],
  },
  endOwnSession: {
    method: 'POST',
    path: '/v1/self/sessions/:sessionId/end',
    summary: 'End a session of the caller, wherever it is open',
    action: 'manageOwnAccount',
    access: 'caller',
    params: Type.Object({ sessionId: SessionId }, closed),
    response: Type.Object({}, closed),
    problems: ['sessionUnknown'],
  },
  startPasskey: {
    method: 'POST',
    path: '/v1/self/passkeys/challenge',
    summary: 'What an authenticator needs to make a passkey for the caller',
    action: 'manageOwnAccount',
    access: 'caller',
    response: RegistrationOptions,
    problems: ['sessionStale'],
  },
  addPasskey: {
    method: 'POST',
    path: '/v1/self/passkeys',
    summary: 'Add the passkey that an authenticator has made',
    action: 'manageOwnAccount',
    access: 'caller',
    body: PasskeyRegistration,
    response: Self,
    problems: ['sessionStale', 'passkeyRefused'],
  },
  removePasskey: {
    method: 'POST',
    path: '/v1/self/passkeys/:credentialId/remove',
    summary: 'Remove a passkey of the caller, but for the last one',
    action: 'manageOwnAccount',
    access: 'caller',
    params: Type.Object({ credentialId: CredentialId }, closed),
    response: Self,
    problems: ['sessionStale', 'passkeyUnknown', 'passkeyLast'],
  },
  createOwnToken: {
    method: 'POST',
    path: '/v1/self/tokens',
    summary: 'Issue an API token for the caller; the answer alone has it',
    action: 'manageOwnAccount',
    access: 'caller',
    body: OwnTokenRequest,
    response: IssuedToken,
    problems: ['sessionStale'],
  },
  listOwnTokens: {
    method: 'GET',
    path: '/v1/self/tokens',
    summary: 'API tokens of the caller, which it does not tell',
    action: 'manageOwnAccount',
    access: 'caller',
    response: Tokens,
    problems: [],
  },
  revokeOwnToken: {
    method: 'POST',
    path: '/v1/self/tokens/:tokenId/revoke',
    summary: 'End an API token of the caller',
    action: 'manageOwnAccount',
    access: 'caller',
    params: TokenPlace,
    response: Type.Object({}, closed),
    problems: ['tokenUnknown'],
  },
  invitePerson: {
    method: 'POST',
    path: '/v1/people',
    summary: 'Make a person known, with a link to sign in by',
    action: 'managePeople',
    access: 'caller',
    body: PersonInvite,
    response: PersonLink,
    problems: ['handleTaken'],
  },
  listPeople: {
    method: 'GET',
    path: '/v1/people',
    summary: 'The people of the federation',
    action: 'listPeople',
    access: 'caller',
    response: People,
    problems: [],
  },
  linkPerson: {
    method: 'POST',
    path: '/v1/people/:personId/links',
    summary: 'Another link for a person to sign in by, which takes the place of one that nobody has used',
    action: 'managePeople',
    access: 'caller',
    params: PersonPlace,
    body: LinkRequest,
    response: PersonLink,
    problems: ['personUnknown'],
  },
  endPersonSessions: {
    method: 'POST',
    path: '/v1/people/:personId/sessions/end',
    summary: 'End all sessions of a person, who may sign in again',
    action: 'managePeople',
    access: 'caller',
    params: PersonPlace,
    response: Type.Object({}, closed),
    problems: ['personUnknown'],
  },
  revokePerson: {
    method: 'POST',
    path: '/v1/people/:personId/revoke',
    summary: 'End all that a person may do, at once and for good',
    action: 'managePeople',
    access: 'caller',
    params: PersonPlace,
    body: Revocation,
    response: Type.Object({}, closed),
    problems: ['personUnknown'],
  },
  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Issue an API token for a person; the answer alone has it',
    action: 'manageTokens',
    access: 'caller',
    body: TokenRequest,
    response: IssuedToken,
    problems: ['personUnknown'],
  },
  listTokens: {
    method: 'GET',
    path: '/v1/tokens',
    summary: 'API tokens of all people, which it does not tell',
    action: 'manageTokens',
    access: 'caller',
    response: Tokens,
    problems: [],
  },
  revokeToken: {
    method: 'POST',
    path: '/v1/tokens/:tokenId/revoke',
    summary: 'End an API token of anybody',
    action: 'manageTokens',
    access: 'caller',
    params: TokenPlace,
    response: Type.Object({}, closed),
    problems: ['tokenUnknown'],
  },
  getCheckpoint: {
    method: 'GET',
    path: '/checkpoint',
    summary: 'The newest checkpoint of the audit log, a signed note',
    action: 'readCheckpoints',
    access: 'public',
    response: 'binary',
    mediaType: TEXT,
    problems: ['routeUnknown'],
  },
  getLogKey: {
    method: 'GET',
    path: '/log.vkey',
    summary:
      'The key by which the audit log is verified, for those who compare it with the one they were told',
    action: 'readCheckpoints',
    access: 'public',
    response: 'binary',
    mediaType: TEXT,
    problems: ['routeUnknown'],
  },
  getWitnessPolicy: {
    method: 'GET',
    path: '/witness-policy',
    summary:
      'Which witnesses have to have cosigned a checkpoint; for those who compare it with the one they were told',
    action: 'readCheckpoints',
    access: 'public',
    response: 'binary',
    mediaType: TEXT,
    problems: ['routeUnknown'],
  },
  getWitnessCheckpoint: {
    method: 'GET',
    path: '/v1/witness/checkpoint',
    summary: 'The checkpoint that this node is asked to cosign; waits until there is one',
    action: 'witnessLog',
    access: 'member',
    query: Waiting,
    response: WitnessCall,
    problems: ['routeUnknown'],
  },
  putCosignature: {
    method: 'PUT',
    path: '/v1/witness/cosignature',
    summary: 'Cosign the checkpoint that this node was asked to cosign',
    action: 'witnessLog',
    access: 'member',
    body: WitnessCosignature,
    response: Type.Object({}, closed),
    problems: ['routeUnknown', 'noteMalformed', 'noteUnsigned'],
  },
  putWitnessEvidence: {
    method: 'PUT',
    path: '/v1/witness/evidence',
    summary: 'Tell that the log has signed two checkpoints that contradict each other',
    action: 'witnessLog',
    access: 'member',
    body: WitnessEvidence,
    response: Type.Object({}, closed),
    problems: [
      'routeUnknown',
      'noteMalformed',
      'checkpointMalformed',
      'originUnknown',
      'noteUnsigned',
      'witnessRequestMalformed',
    ],
  },
  getEntries: {
    method: 'GET',
    path: '/tile/entries/:place*',
    summary: 'A bundle of entries of the audit log',
    action: 'readLog',
    access: 'caller',
    params: Type.Object({ place: TilePlace }, closed),
    response: 'binary',
    problems: ['routeUnknown', 'tilePathInvalid', 'tileUnknown', 'rangeInvalid'],
  },
  queryAudit: {
    method: 'GET',
    path: '/v1/audit/entries',
    summary: 'Entries of the audit log that fit, a page of them, each with its proof',
    action: 'queryLog',
    access: 'caller',
    rate: 'query',
    query: AuditQuery,
    response: AuditPage,
    problems: ['routeUnknown'],
  },
  getTile: {
    method: 'GET',
    path: '/tile/:level/:place*',
    summary: 'A tile of hashes of the audit log; immutable',
    action: 'readCheckpoints',
    access: 'public',
    params: Type.Object({ level: Type.String({ pattern: '^[0-9]{1,2}$' }), place: TilePlace }, closed),
    response: 'binary',
    problems: ['routeUnknown', 'tilePathInvalid', 'tileUnknown', 'rangeInvalid'],
  },
  getPolicies: {
    method: 'GET',
    path: '/v1/policies',
    summary: 'The policies in force, and how they came about',
    action: 'readPolicies',
    access: 'caller',
    response: Policies,
    problems: [],
  },
  getPolicyVersion: {
    method: 'GET',
    path: '/v1/policies/:version',
    summary: 'A version of the policies, and how it differs from the one before',
    action: 'readPolicies',
    access: 'caller',
    params: PolicyVersionPlace,
    response: PolicyDetail,
    problems: ['policiesUnknown'],
  },
  proposePolicies: {
    method: 'POST',
    path: '/v1/policies',
    summary: 'Propose other policies; where nobody else has to approve them they are in force',
    action: 'changePolicies',
    access: 'caller',
    body: PolicyProposal,
    bodyLimitBytes: POLICIES_LIMIT_BYTES,
    response: PolicyDetail,
    problems: ['policyInvalid', 'policyLocksOut', 'policiesOverlap'],
  },
  approvePolicies: {
    method: 'POST',
    path: '/v1/policies/:version/approve',
    summary: 'Approve policies that somebody else has proposed',
    action: 'changePolicies',
    access: 'caller',
    params: PolicyVersionPlace,
    response: PolicyDetail,
    problems: ['policiesUnknown', 'policiesOverlap', 'approvalRepeated', 'policyLocksOut'],
  },
  withdrawPolicies: {
    method: 'POST',
    path: '/v1/policies/:version/withdraw',
    summary: 'Withdraw policies that wait for approval',
    action: 'changePolicies',
    access: 'caller',
    params: PolicyVersionPlace,
    response: PolicyDetail,
    problems: ['policiesUnknown', 'policiesOverlap'],
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;

/** Whether it is known who calls, so that policies decide. */
export function isDecided({ access }: Pick<Route, 'access'>): boolean {
  return access === 'member' || access === 'caller';
}

type SchemaOf<Name extends RouteName, Part extends string> =
  (typeof ROUTES)[Name] extends Record<Part, infer Schema> ? Schema : never;
type ValueOf<Schema> = Schema extends 'binary' ? Uint8Array : Schema extends TSchema ? Static<Schema> : never;

/** What a caller passes for a route: only the parts that the route has. */
export type RouteRequest<Name extends RouteName> = {
  [Part in 'params' | 'query' | 'body' as SchemaOf<Name, Part> extends never ? never : Part]: ValueOf<
    SchemaOf<Name, Part>
  >;
};
export type RouteResponse<Name extends RouteName> =
  SchemaOf<Name, 'response'> extends 'lines'
    ? AsyncIterable<ValueOf<SchemaOf<Name, 'line'>>>
    : ValueOf<SchemaOf<Name, 'response'>>;

/** Round and attempt of a path; the schema has limited them to digits. */
export function attemptOf(params: Static<typeof Context>): { round: number; attempt: number } {
  return { round: Number(params.round), attempt: Number(params.attempt) };
}

/** The inverse of `attemptOf`, with the job: the parameters of a path that leads to an attempt. */
export function attemptParams(attempt: {
  readonly jobId: string;
  readonly round: number;
  readonly attempt: number;
}): Static<typeof Context> {
  return { jobId: attempt.jobId, round: String(attempt.round), attempt: String(attempt.attempt) };
}

/** The path of a route with its parameters filled in. Throws TypeError where one is not given. */
export function routePath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/:([a-zA-Z0-9]+)(\*?)/g, (_, name: string, isRest: string) => {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    if (value === undefined) throw new TypeError(`parameter ${name} of ${path} is not given`);
    return isRest ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value);
  });
}
