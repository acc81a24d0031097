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
import { PolicyEvent } from '../schemas/policy.ts';
import { SessionEvent } from '../schemas/session-event.ts';
import { POLICY_STREAM } from './access/policy-history.ts';
import { auditEnvelope } from './audit-envelope.ts';
import type { LogEntry } from './audit-log.ts';
import { entryOfPerson, entryOfSession } from './people/person-entries.ts';
import { SESSION_STREAM } from './people/session-state.ts';
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
export type Hide = (pointer: string, value: unknown) => Salted;

/** The entries of an event: one, or none. */
export async function auditEntriesOf(event: StoredEvent, source: AuditSource): Promise<LogEntry[]> {
  const kept: SaltedField[] = [];
  const hashes: Promise<unknown>[] = [];
  const said = auditEventOf(event, source, (pointer, value) => {
    const [salt, field] = [newSalt(source.random), { salted: '' }];
    kept.push({ pointer, salt, value: canonicalJson(value) });
    hashes.push(salted(salt, value).then((hash) => Object.assign(field, hash)));
    return field;
  });
  await Promise.all(hashes);
  return said ? [{ bytes: encodeLeaf(said), salted: kept }] : [];
}

/**
 * What an event is in the log; undefined where it has no entry.
 * @throws invalidFormat for an event that is not known
 */
export function auditEventOf(event: StoredEvent, source: AuditOrigin, hide: Hide): AuditEvent | undefined {
  const fields = new Fields(hide);
  const said = event.stream.startsWith(JOB)
    ? ofJob(
        event.stream.slice(JOB.length),
        parse(JobEvent, { type: event.type, ...(event.data as object) }, 'event'),
        fields,
      )
    : event.stream === source.federationStream
      ? ofFederation(parse(FederationEvent, { type: event.type, ...(event.data as object) }, 'event'), fields)
      : event.stream === POLICY_STREAM
        ? ofPolicies(parse(PolicyEvent, { type: event.type, ...(event.data as object) }, 'event'))
        : event.stream === SESSION_STREAM
          ? entryOfSession(parse(SessionEvent, { type: event.type, ...(event.data as object) }, 'event'))
          : undefined;
  if (!said) return undefined;
  const { type, subject, data } = said;
  const id = `${event.stream}/${event.sequence}`;
  return auditEnvelope(source.coordinatorKey, { id, type, subject, time: event.at, data });
}

interface Said {
  readonly type: AuditType;
  readonly subject?: string;
  /** Its members are in the order of the canonical form. */
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

  hide(pointer: string, value: unknown): Salted {
    return this.#hide(`/data/${pointer}`, value);
  }
}

const nodeUrn = (nodeId: NodeId) => `urn:hanse:node:${nodeId}`;
const modelUrn = (model: Sha256) => `urn:hanse:model:${model}`;

function ofFederation(event: FederationEvent, fields: Fields): Said | undefined {
  switch (event.type) {
    case 'federationCreated': {
      const { federationId, coordinatorKey } = event;
      return says('federation.created', { coordinatorKey, federationId });
    }
    case 'inviteCreated': {
      const { role, organisationId, expiresAt, needsApproval, by } = event;
      return says('member.invited', { by, expiresAt, needsApproval, organisationId, role });
    }
    case 'memberEnrolled':
    case 'enrolmentRequested': {
      const { nodeId, publicKey, name, role, organisationId, organisationKey } = event;
      const type = event.type === 'memberEnrolled' ? 'member.enrolled' : 'member.requested';
      const hidden = fields.hide('name', name);
      return says(
        type,
        { name: hidden, nodeId, organisationId, organisationKey, publicKey, role },
        nodeUrn(nodeId),
      );
    }
    case 'enrolmentApproved':
      return says('member.approved', { by: event.by, nodeId: event.nodeId }, nodeUrn(event.nodeId));
    case 'enrolmentRefused':
      return says('member.refused', { by: event.by, nodeId: event.nodeId }, nodeUrn(event.nodeId));
    case 'keySucceeded': {
      const { nodeId, publicKey, validUntil } = event;
      return says('member.keySucceeded', { nodeId, publicKey, validUntil }, nodeUrn(nodeId));
    }
    case 'memberRevoked': {
      const { nodeId, reason, by } = event;
      return says('member.revoked', { by, nodeId, reason }, nodeUrn(nodeId));
    }
    case 'organisationRevoked': {
      const { organisationId, reason, by } = event;
      return says('organisation.revoked', { by, organisationId, reason });
    }
    case 'directoryIssued':
      return says('directory.issued', { sha256: event.sha256, version: event.version.statement.version });
    case 'dataSetChanged': {
      const { nodeId: by, organisationId, name: dataSet, oldVersion, newVersion, reason, removed } = event;
      const change = { newVersion, oldVersion, organisationId, reason, removed };
      return says('dataset.versioned', { by, dataSet, ...change }, nodeUrn(by));
    }
    case 'capabilitiesReported':
      return undefined;
    default:
      return entryOfPerson(event, (pointer, value) => fields.hide(pointer, value));
  }
}

function ofPolicies(event: PolicyEvent): Said {
  const { version } = event;
  const subject = `urn:hanse:policies:${version}`;
  switch (event.type) {
    case 'policiesProposed': {
      const { by, note, sha256 } = event;
      return says('policy.proposed', { by, note, policies: sha256, version }, subject);
    }
    case 'policiesApproved':
      return says('policy.approved', { by: event.by, version }, subject);
    case 'policiesWithdrawn':
      return says('policy.withdrawn', { by: event.by, version }, subject);
    case 'policiesAdopted': {
      const { before, after, diff } = event;
      const [by = '', ...approvedBy] = event.by;
      return says('policy.changed', { after, approvedBy, before, by, diff, version }, subject);
    }
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

function ofJob(jobId: string, event: JobEvent, fields: Fields): Said | undefined {
  const job = `urn:hanse:job:${jobId}`;
  if (event.type === 'jobCreated') {
    const { manifest, manifestSha256, createdBy } = event;
    const { name, purpose, privacyUnit, initialModel } = manifest;
    const prov: Provenance = {
      activity: job,
      attributedTo: [nodeUrn(createdBy)],
      used: [modelUrn(initialModel)],
    };
    return says(
      'job.created',
      { by: createdBy, jobId, manifestSha256, name, privacyUnit, prov, purpose },
      job,
    );
  }
  if (event.type === 'jobCancelled') return says('job.cancelled', { by: event.by, jobId }, job);
  if (event.type === 'nodeReported') return undefined;
  const { round, attempt } = event;
  // Names are written out below: a literal that begins with others' members takes longer than all the rest.
  const activity = `urn:hanse:round:${jobId}/${round}/${attempt}`;
  switch (event.type) {
    case 'cohortSelected': {
      const { cohort, deadline } = event;
      const hidden = fields.hide('cohort', cohort);
      return says(
        'round.opened',
        { attempt, cohort: hidden, deadline, jobId, round, size: cohort.length },
        activity,
      );
    }
    case 'updateAccepted': {
      const { sha256, bytes } = event;
      const prov = { activity, used: [`urn:hanse:update:${sha256}`] };
      return says(
        'round.updateAccepted',
        { attempt, bytes, jobId, node: fields.hide('node', event.node), prov, round, sha256 },
        activity,
      );
    }
    case 'consentGiven':
      return says(
        'round.consented',
        { attempt, jobId, node: fields.hide('node', event.node), round },
        activity,
      );
    case 'taskDeclined':
    case 'evaluationDeclined': {
      const node = fields.hide('node', event.node);
      return says('round.declined', { attempt, code: event.code, jobId, node, round }, activity);
    }
    case 'deadlinePassed':
      return says('round.deadlinePassed', { attempt, jobId, phase: event.phase, round }, activity);
    case 'secretsOpened': {
      const [answers, faulty] = [event.answers.length, event.faulty.length];
      return says('round.secretsOpened', { answers, attempt, faulty, jobId, round }, activity);
    }
    case 'aggregated': {
      const { model, updates, weight, record, sum } = event;
      const used = sum === undefined ? {} : { used: [`urn:hanse:sum:${sum}`] };
      const prov = { activity, generated: [modelUrn(model)], ...used };
      const recorded = record === undefined ? {} : { record };
      const summed = sum === undefined ? {} : { sum };
      return says(
        'round.aggregated',
        { attempt, jobId, model, prov, ...recorded, round, ...summed, updates, weight },
        activity,
      );
    }
    case 'aggregationFailed':
      return says('round.failed', { attempt, code: event.code, jobId, round }, activity);
    case 'evaluated': {
      const node = fields.hide('node', event.node);
      return says('round.evaluated', { attempt, jobId, metrics: event.metrics, node, round }, activity);
    }
    case 'releaseWithheld': {
      const { cosigned, needed } = event;
      return says(
        'round.unreleased',
        { attempt, code: 'aggregatedUnreleased', cosigned, jobId, needed, round },
        activity,
      );
    }
    case 'released':
      return says(
        'round.released',
        { attempt, jobId, model: event.model, prov: { activity, generated: [modelUrn(event.model)] }, round },
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
