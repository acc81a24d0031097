/**
 * What the events of the store are in the audit log. SPEC.md 13.5. What says who took part in a round, or what somebody is called,
 * goes into the log as a salted hash, and the salt beside it.
 *
 * Keys, shares and answers of secure rounds have no entries of their own: they are sealed, or follow from the record of the
 * round. Nor have what nodes say of their machines, and letters.
 */

import { encodeLeaf } from '../protocol/audit/leaf.ts';
import { newSalt, type SaltedField, salted } from '../protocol/audit/salted-field.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import { parse } from '../protocol/parse.ts';
import type { RandomSource } from '../protocol/random.ts';
import type { AuditData, AuditEvent, AuditType, Provenance, Salted } from '../schemas/audit-event.ts';
import { FederationEvent } from '../schemas/federation-event.ts';
import type { NodeId, Sha256 } from '../schemas/ids.ts';
import { JobEvent } from '../schemas/job-event.ts';
import type { LogEntry } from './audit-log.ts';
import type { StoredEvent } from './store/store.ts';

const JOB = 'job/';

export interface AuditOrigin {
  /** Of the coordinator, hex. */
  readonly coordinatorKey: string;
  /** Of the stream in which the federation is kept. */
  readonly federationStream: string;
}

export interface AuditSource extends AuditOrigin {
  /** Of salts. */
  readonly random: RandomSource;
}

/** Gives what stands in an entry in the place of a value. @param pointer of the place, within the entry */
export type Hide = (pointer: string, value: unknown) => Salted | Promise<Salted>;

/** The entries of an event: one, or none. */
export async function auditEntriesOf(event: StoredEvent, source: AuditSource): Promise<LogEntry[]> {
  const kept: SaltedField[] = [];
  const said = await auditEventOf(event, source, (pointer, value) => {
    const salt = newSalt(source.random);
    kept.push({ pointer, salt, value: canonicalJson(value) });
    return salted(salt, value);
  });
  return said ? [{ bytes: encodeLeaf(said), salted: kept }] : [];
}

/**
 * What an event is in the log; undefined where it has no entry.
 * @throws invalidFormat for an event that is not known
 */
export async function auditEventOf(
  event: StoredEvent,
  source: AuditOrigin,
  hide: Hide,
): Promise<AuditEvent | undefined> {
  const fields = new Fields(hide);
  const said = event.stream.startsWith(JOB)
    ? await ofJob(
        event.stream.slice(JOB.length),
        parse(JobEvent, { type: event.type, ...(event.data as object) }, 'event'),
        fields,
      )
    : event.stream === source.federationStream
      ? await ofFederation(
          parse(FederationEvent, { type: event.type, ...(event.data as object) }, 'event'),
          fields,
        )
      : undefined;
  if (!said) return undefined;
  // In the order of the canonical form, which spares whoever makes that a copy.
  return {
    data: said.data,
    datacontenttype: 'application/json',
    id: `${event.stream}/${event.sequence}`,
    source: `urn:hanse:coordinator:${source.coordinatorKey}`,
    specversion: '1.0',
    ...(said.subject !== undefined && { subject: said.subject }),
    time: event.at,
    type: `hanse.${said.type}`,
  };
}

interface Said {
  readonly type: AuditType;
  readonly subject?: string;
  readonly data: object;
}

function says<Name extends AuditType>(type: Name, data: AuditData<Name>, subject?: string): Said {
  return { type, data, ...(subject !== undefined && { subject }) };
}

/** The salted fields of one entry. */
class Fields {
  readonly #hide: Hide;

  constructor(hide: Hide) {
    this.#hide = hide;
  }

  hide(pointer: string, value: unknown): Salted | Promise<Salted> {
    return this.#hide(`/data/${pointer}`, value);
  }
}

const nodeUrn = (nodeId: NodeId) => `urn:hanse:node:${nodeId}`;
const modelUrn = (model: Sha256) => `urn:hanse:model:${model}`;

async function ofFederation(event: FederationEvent, fields: Fields): Promise<Said | undefined> {
  switch (event.type) {
    case 'federationCreated': {
      const { federationId, coordinatorKey } = event;
      return says('federation.created', { federationId, coordinatorKey });
    }
    case 'inviteCreated': {
      const { role, organisationId, expiresAt, needsApproval, by } = event;
      return says('member.invited', { role, organisationId, expiresAt, needsApproval, by });
    }
    case 'memberEnrolled':
    case 'enrolmentRequested': {
      const { nodeId, publicKey, name, role, organisationId, organisationKey } = event;
      const type = event.type === 'memberEnrolled' ? 'member.enrolled' : 'member.requested';
      const who = { nodeId, publicKey, role, organisationId, organisationKey };
      return says(type, { ...who, name: await fields.hide('name', name) }, nodeUrn(nodeId));
    }
    case 'enrolmentApproved':
      return says('member.approved', { nodeId: event.nodeId, by: event.by }, nodeUrn(event.nodeId));
    case 'enrolmentRefused':
      return says('member.refused', { nodeId: event.nodeId, by: event.by }, nodeUrn(event.nodeId));
    case 'keySucceeded': {
      const { nodeId, publicKey, validUntil } = event;
      return says('member.keySucceeded', { nodeId, publicKey, validUntil }, nodeUrn(nodeId));
    }
    case 'memberRevoked': {
      const { nodeId, reason, by } = event;
      return says('member.revoked', { nodeId, reason, by }, nodeUrn(nodeId));
    }
    case 'organisationRevoked': {
      const { organisationId, reason, by } = event;
      return says('organisation.revoked', { organisationId, reason, by });
    }
    case 'directoryIssued':
      return says('directory.issued', { version: event.version.statement.version, sha256: event.sha256 });
    case 'capabilitiesReported':
      return undefined;
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

async function ofJob(jobId: string, event: JobEvent, fields: Fields): Promise<Said | undefined> {
  const job = `urn:hanse:job:${jobId}`;
  if (event.type === 'jobCreated') {
    const { manifest, manifestSha256, createdBy } = event;
    const { name, purpose, privacyUnit, initialModel } = manifest;
    const prov: Provenance = {
      activity: job,
      used: [modelUrn(initialModel)],
      attributedTo: [nodeUrn(createdBy)],
    };
    return says(
      'job.created',
      { jobId, manifestSha256, name, purpose, privacyUnit, by: createdBy, prov },
      job,
    );
  }
  if (event.type === 'jobCancelled') return says('job.cancelled', { jobId, by: event.by }, job);
  if (event.type === 'nodeReported') return undefined;
  const { round, attempt } = event;
  // Names are written out below: a literal that begins with others' members takes longer than all the rest.
  const activity = `urn:hanse:round:${jobId}/${round}/${attempt}`;
  switch (event.type) {
    case 'cohortSelected': {
      const { cohort, deadline } = event;
      const hidden = await fields.hide('cohort', cohort);
      return says(
        'round.opened',
        { jobId, round, attempt, size: cohort.length, cohort: hidden, deadline },
        activity,
      );
    }
    case 'updateAccepted': {
      const { sha256, bytes } = event;
      const prov = { activity, used: [`urn:hanse:update:${sha256}`] };
      return says(
        'round.updateAccepted',
        { jobId, round, attempt, node: await fields.hide('node', event.node), sha256, bytes, prov },
        activity,
      );
    }
    case 'consentGiven':
      return says(
        'round.consented',
        { jobId, round, attempt, node: await fields.hide('node', event.node) },
        activity,
      );
    case 'taskDeclined':
    case 'evaluationDeclined': {
      const node = await fields.hide('node', event.node);
      return says('round.declined', { jobId, round, attempt, node, code: event.code }, activity);
    }
    case 'deadlinePassed':
      return says('round.deadlinePassed', { jobId, round, attempt, phase: event.phase }, activity);
    case 'secretsOpened': {
      const [answers, faulty] = [event.answers.length, event.faulty.length];
      return says('round.secretsOpened', { jobId, round, attempt, answers, faulty }, activity);
    }
    case 'aggregated': {
      const { model, updates, weight, record, sum } = event;
      const secure = { ...(record !== undefined && { record }), ...(sum !== undefined && { sum }) };
      const used = sum === undefined ? {} : { used: [`urn:hanse:sum:${sum}`] };
      const prov = { activity, ...used, generated: [modelUrn(model)] };
      return says(
        'round.aggregated',
        { jobId, round, attempt, model, updates, weight, ...secure, prov },
        activity,
      );
    }
    case 'aggregationFailed':
      return says('round.failed', { jobId, round, attempt, code: event.code }, activity);
    case 'evaluated': {
      const node = await fields.hide('node', event.node);
      return says('round.evaluated', { jobId, round, attempt, node, metrics: event.metrics }, activity);
    }
    case 'released':
      return says(
        'round.released',
        { jobId, round, attempt, model: event.model, prov: { activity, generated: [modelUrn(event.model)] } },
        activity,
      );
    case 'keysAdvertised':
    case 'sharesAccepted':
    case 'answerAccepted':
    case 'evaluationGivenUp':
      return undefined;
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}
