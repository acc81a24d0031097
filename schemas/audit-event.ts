/**
 * Entries of the audit log: CloudEvents 1.0 envelopes, and what each type of event says. SPEC.md 13.5.
 *
 * What an entry says of a person, or of who took part in a round, stands there as a salted hash: whoever has the salt can show
 * what it was, and once the salt is erased nobody can, while every proof holds as before (`protocol/audit/salted-field.ts`).
 */
import { type Static, type TProperties, Type } from 'typebox';
import { DataSetChange } from './data-set-change.ts';
import { DirectoryStatement } from './directory.ts';
import {
  AgreementId,
  Attempt,
  DataSetVersion,
  FederationId,
  JobId,
  NodeId,
  OrganisationId,
  PRINTABLE,
  PublicKey,
  Round,
  Sha256,
  Timestamp,
} from './ids.ts';
import { Metrics, TrainingManifest } from './job.ts';
import { Revocation, Role } from './member.ts';
import { Actor, PersonId, PersonRole, Scopes, SessionId, SignInMethod, TokenId } from './person.ts';
import { PoliciesAdopted, PolicyNote, PolicyVersion } from './policy.ts';
import { SecurePhase } from './secagg.ts';
import { SessionEnd } from './session-event.ts';

const closed = { additionalProperties: false } as const;

/** In the place of a value: SHA-256 of a salt and the value. */
export const Salted = Type.Object({ salted: Sha256 }, closed);
export type Salted = Static<typeof Salted>;

/** `urn:hanse:<kind>:<name>`. */
const Urn = Type.String({ pattern: '^urn:hanse:[a-z]+:[A-Za-z0-9./-]{1,200}$' });

/**
 * Where what the event is about comes from, in the words of W3C PROV-DM: the activity used some entities, others were generated
 * by it and are attributed to agents.
 */
export const Provenance = Type.Object(
  {
    activity: Urn,
    used: Type.Optional(Type.Array(Urn)),
    generated: Type.Optional(Type.Array(Urn)),
    attributedTo: Type.Optional(Type.Array(Urn)),
  },
  closed,
);
export type Provenance = Static<typeof Provenance>;

const says = <Properties extends TProperties>(properties: Properties) =>
  Type.Object({ ...properties, prov: Type.Optional(Provenance) }, closed);

const Count = Type.Integer({ minimum: 0 });
const Text = Type.String({ minLength: 1, maxLength: 300, pattern: PRINTABLE });
const Epsilon = Type.Number({ minimum: 0, maximum: 1e9 });
const Delta = Type.Number({ minimum: 0, maximum: 1 });
const attempt = { jobId: JobId, round: Round, attempt: Attempt } as const;
const member = {
  nodeId: NodeId,
  publicKey: PublicKey,
  name: Salted,
  role: Role,
  organisationId: OrganisationId,
  organisationKey: PublicKey,
} as const;
const { name, purpose, privacyUnit } = TrainingManifest.properties;
/** As its owner has declared it. */
const LoggedDataSet = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 80, pattern: PRINTABLE }),
    version: Type.Optional(DataSetVersion),
  },
  closed,
);
const agreement = {
  agreementId: AgreementId,
  /** Whose data set it is. */
  provider: OrganisationId,
  /** Who may use it. */
  consumer: OrganisationId,
  dataSet: LoggedDataSet,
  purpose,
} as const;

/** The stream of notes: of no event of the store. */
export const NOTES = 'notes';
/** Of what follows from events of a job, a stream for each job: its id comes behind. */
export const PRIVACY_STREAM = 'privacy/';

/** What a coordinator notes that is no event of its store, by type: SPEC.md 13.11. */
export const AUDIT_NOTES = {
  /** It has opened its records, and takes requests from now on. */
  'admin.started': says({
    software: Text,
    origin: Text,
    /** SHA-256 of the policies in force. */
    policies: Type.Optional(Sha256),
  }),
  /** It takes none any more. One that was killed has not said so. */
  'admin.stopped': says({ software: Text, origin: Text }),
  /** Requests that were refused for who has sent them, of an actor since a moment. */
  'access.denied': says({
    actor: Type.Union([Type.Literal('member'), Type.Literal('anonymous'), Type.Literal('others')]),
    /** Its id, of a member. */
    member: Type.Optional(Salted),
    since: Timestamp,
    count: Type.Integer({ minimum: 1 }),
    /** How many of them for which problem. */
    codes: Type.Record(Type.String({ pattern: '^[a-zA-Z]{1,40}$' }), Type.Integer({ minimum: 1 })),
    /** How many of them by which policy that forbids; those that no policy permits are not among them. */
    policies: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z0-9-]{1,64}$' }), Type.Integer({ minimum: 1 })),
    ),
  }),
  /** By whom: the list of their ids, as one value. Round 0 is the model that the job begins with. */
  'model.downloaded': says({
    jobId: JobId,
    round: Count,
    model: Sha256,
    count: Type.Integer({ minimum: 1 }),
    members: Salted,
  }),
  /** The data sets that a node says it holds, all of them, from now on. */
  'data.declared': says({
    nodeId: NodeId,
    dataSets: Type.Array(Type.Object({ name: Text, version: DataSetVersion }, closed), { maxItems: 64 }),
  }),
  /**
   * By whom the log is to be cosigned from now on: SHA-256 of the policy, how many witnesses it names, how many members of its
   * quorum it needs.
   */
  'witness.policyAdopted': says({ policy: Sha256, witnesses: Count, needed: Count }),
  /** A node has shown two checkpoints that the log has signed, one of which is none of this log. */
  'witness.alarmRaised': says({
    by: NodeId,
    oldSize: Count,
    size: Count,
    evidence: Type.Array(Type.String({ maxLength: 4096 }), { minItems: 2, maxItems: 2 }),
  }),
  /** A witness has not cosigned since then what it was to cosign. */
  'witness.silent': says({ witness: Text, since: Timestamp }),
  /**
   * Something was kept as long as it was to be, and is no more. updates: of attempts that ended before; orphans: content that no
   * job has named since before; salts: of entries before; member: of one member, which asked for it; sessions: that began before.
   */
  'retention.enforced': says({
    what: Type.Union([
      Type.Literal('updates'),
      Type.Literal('orphans'),
      Type.Literal('salts'),
      Type.Literal('member'),
      Type.Literal('sessions'),
    ]),
    /** Of salts, how many entries had some. */
    count: Type.Integer({ minimum: 1 }),
    bytes: Type.Optional(Count),
    until: Timestamp,
  }),
  /** Entries of this log, by index: the first and the last that were read, and how many were sent. */
  'reading.session': says({
    reader: Salted,
    first: Count,
    last: Count,
    count: Type.Integer({ minimum: 1 }),
    since: Timestamp,
    until: Timestamp,
  }),
} as const;

export type NoteType = keyof typeof AUDIT_NOTES;

/** By type, without the prefix `hanse.` that types have in an envelope. */
export const AUDIT_EVENTS = {
  ...AUDIT_NOTES,
  'federation.created': says({ federationId: FederationId, coordinatorKey: PublicKey }),
  'member.invited': says({
    role: Role,
    organisationId: OrganisationId,
    expiresAt: Timestamp,
    needsApproval: Type.Boolean(),
    by: NodeId,
  }),
  'member.enrolled': says(member),
  'member.requested': says(member),
  'member.approved': says({ nodeId: NodeId, by: NodeId }),
  'member.refused': says({ nodeId: NodeId, by: NodeId }),
  'member.keySucceeded': says({ nodeId: NodeId, publicKey: PublicKey, validUntil: Timestamp }),
  'member.revoked': says({ nodeId: NodeId, ...Revocation.properties, by: NodeId }),
  'organisation.revoked': says({ organisationId: OrganisationId, ...Revocation.properties, by: NodeId }),
  'policy.proposed': says({ version: PolicyVersion, policies: Sha256, note: PolicyNote, by: NodeId }),
  'policy.approved': says({ version: PolicyVersion, by: NodeId }),
  'policy.withdrawn': says({ version: PolicyVersion, by: NodeId }),
  /** They are in force from now on. Hashes of the texts; who has proposed it, then who has approved it. */
  'policy.changed': says({
    version: PolicyVersion,
    before: Sha256,
    after: Sha256,
    diff: PoliciesAdopted.properties.diff,
    by: NodeId,
    approvedBy: Type.Array(NodeId, { maxItems: 15 }),
  }),
  /** Name and handle are salted; who it is stands there as a random id. */
  'person.invited': says({
    person: PersonId,
    organisationId: OrganisationId,
    role: PersonRole,
    handle: Salted,
    name: Salted,
    by: Actor,
  }),
  'person.linked': says({ person: PersonId, expiresAt: Timestamp, by: Actor }),
  'person.linkSpent': says({ person: PersonId }),
  'person.enrolled': says({ person: PersonId, credential: Salted, isBackedUp: Type.Boolean() }),
  'person.credentialAdded': says({ person: PersonId, credential: Salted, isBackedUp: Type.Boolean() }),
  'person.credentialRemoved': says({ person: PersonId, credential: Salted }),
  'person.revoked': says({ person: PersonId, ...Revocation.properties, by: Actor }),
  'token.issued': says({
    token: TokenId,
    person: PersonId,
    name: Salted,
    scopes: Scopes,
    expiresAt: Timestamp,
    by: Actor,
  }),
  'token.revoked': says({ token: TokenId, by: Actor }),
  'session.opened': says({ session: SessionId, person: PersonId, method: SignInMethod }),
  'session.closed': says({
    session: SessionId,
    person: PersonId,
    reason: SessionEnd,
    by: Type.Union([Actor, Type.Null()]),
  }),
  'directory.issued': says({ version: DirectoryStatement.properties.version, sha256: Sha256 }),
  /** Rows of a data set of this node were withdrawn, so many: SPEC.md 6.7. What was learnt before was learnt from the old version. */
  'dataset.versioned': says({
    by: NodeId,
    organisationId: OrganisationId,
    dataSet: DataSetChange.properties.name,
    oldVersion: DataSetChange.properties.oldVersion,
    newVersion: DataSetChange.properties.newVersion,
    reason: DataSetChange.properties.reason,
    removed: DataSetChange.properties.removed,
  }),
  'job.created': says({
    jobId: JobId,
    manifestSha256: Sha256,
    name,
    purpose,
    privacyUnit,
    by: NodeId,
    /** That it is about, where its manifest names any. */
    dataSets: Type.Optional(Type.Array(LoggedDataSet, { minItems: 1, maxItems: 64 })),
    /** By which it may use them. */
    agreements: Type.Optional(Type.Array(AgreementId, { minItems: 1, maxItems: 64 })),
  }),
  'job.cancelled': says({ jobId: JobId, by: NodeId }),
  /** Whom: the list of their ids, as one value. */
  'round.opened': says({ ...attempt, size: Count, cohort: Salted, deadline: Timestamp }),
  'round.updateAccepted': says({ ...attempt, node: Salted, sha256: Sha256, bytes: Count }),
  'round.consented': says({ ...attempt, node: Salted }),
  'round.declined': says({ ...attempt, node: Salted, code: Type.String() }),
  'round.deadlinePassed': says({
    ...attempt,
    phase: Type.Union([...SecurePhase.anyOf, Type.Literal('evaluating')]),
  }),
  'round.secretsOpened': says({ ...attempt, answers: Count, faulty: Count }),
  'round.aggregated': says({
    ...attempt,
    model: Sha256,
    updates: Type.Integer({ minimum: 1 }),
    weight: Type.Integer({ minimum: 1 }),
    /** Where aggregation is secure. */
    record: Type.Optional(Sha256),
    sum: Type.Optional(Sha256),
  }),
  'round.failed': says({ ...attempt, code: Type.String() }),
  'round.evaluated': says({ ...attempt, node: Salted, metrics: Metrics }),
  /** Why: `aggregatedUnreleased`, with how many witnesses of those that are needed. */
  'round.unreleased': says({
    ...attempt,
    code: Type.Literal('aggregatedUnreleased'),
    cosigned: Count,
    needed: Type.Integer({ minimum: 1 }),
  }),
  'round.released': says({ ...attempt, model: Sha256 }),
  /** Two organisations have agreed on what one may do with a data set of the other. The policy that binds both, by its hash. */
  'agreement.concluded': says({ ...agreement, policyHash: Sha256, expiresAt: Timestamp }),
  'agreement.ended': says({ ...agreement, policyHash: Sha256, ...Revocation.properties }),
  /** What all rounds of a job take of the privacy of each unit, if each is opened once; and what the manifest states. */
  'privacy.reserved': says({
    jobId: JobId,
    unit: privacyUnit,
    delta: Delta,
    mechanism: Text,
    epsilon: Epsilon,
    stated: Epsilon,
  }),
  /** What the attempts of a job have taken of it since its beginning, once this one is opened. */
  'privacy.spent': says({ ...attempt, unit: privacyUnit, delta: Delta, opened: Count, epsilon: Epsilon }),
} as const;

export type AuditType = keyof typeof AUDIT_EVENTS;
export type AuditData<Name extends AuditType> = Static<(typeof AUDIT_EVENTS)[Name]>;

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md */
export const AuditEvent = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    /** Unique within the source: the stream of the event, and its place there. */
    id: Text,
    source: Type.String({ pattern: '^urn:hanse:coordinator:[0-9a-f]{64}$' }),
    type: Type.String({ pattern: '^hanse\\.[a-z]+\\.[a-zA-Z]+$' }),
    time: Timestamp,
    subject: Type.Optional(Urn),
    datacontenttype: Type.Literal('application/json'),
    data: Type.Object({}),
  },
  closed,
);
export type AuditEvent = Static<typeof AuditEvent>;
