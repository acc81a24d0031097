/**
 * What the entries of an evidence pack say of the attempts at the rounds of its job, and of the organisations of its federation.
 * SPEC.md 13.10. Pure.
 */
import type { AuditData, AuditEvent, AuditType } from '../../schemas/audit-event.ts';
import { typeOf } from './leaf.ts';

export interface PackedRound {
  readonly round: number;
  readonly attempt: number;
  /** ISO 8601. */
  readonly opened: string;
  /** Participants that were asked. */
  readonly cohort: number;
  /** To the survivors whose updates are summed. */
  readonly consented: number;
  readonly declined: number;
  /** Updates that were accepted, and their bytes together. */
  readonly updates: number;
  readonly bytes: number;
  /** Whether its sum is out, whatever became of it. */
  readonly isOpened: boolean;
  /** Attempts of the job up to this one of which that is so. */
  readonly openedSoFar: number;
  readonly isSecure: boolean;
  /** Until it was released, or failed; undefined where it has not ended. */
  readonly seconds: number | undefined;
  /** SHA-256 of a model that was released. */
  readonly released: string | undefined;
  /** Code of the problem. */
  readonly failed: string | undefined;
  /** Last that was measured, from 0 to 1. */
  readonly accuracy: number | undefined;
}

type Growing = { -readonly [Name in keyof PackedRound]: PackedRound[Name] };

/** In the order in which they were opened. */
export function packedRounds(events: readonly AuditEvent[]): PackedRound[] {
  const rounds = new Map<string, Growing>();
  for (const event of events) {
    if (is(event, 'round.opened')) {
      const { round, attempt, size } = event.data;
      rounds.set(`${round}/${attempt}`, {
        ...{ round, attempt, opened: event.time, cohort: size },
        ...{ consented: 0, declined: 0, updates: 0, bytes: 0 },
        ...{ isOpened: false, openedSoFar: 0, isSecure: false },
        ...{ seconds: undefined, released: undefined, failed: undefined, accuracy: undefined },
      });
      continue;
    }
    const { round, attempt } = event.data as { round?: number; attempt?: number };
    const known = rounds.get(`${round}/${attempt}`);
    if (known) take(known, event);
  }
  let openedSoFar = 0;
  for (const round of rounds.values()) {
    if (round.isOpened) openedSoFar += 1;
    round.openedSoFar = openedSoFar;
  }
  return [...rounds.values()];
}

function take(round: Growing, event: AuditEvent): void {
  if (is(event, 'round.consented')) round.consented += 1;
  else if (is(event, 'round.declined')) round.declined += 1;
  else if (is(event, 'round.secretsOpened')) round.isOpened = true;
  else if (is(event, 'round.updateAccepted')) {
    round.updates += 1;
    round.bytes += event.data.bytes;
  } else if (is(event, 'round.aggregated')) {
    round.isOpened = true;
    round.isSecure = event.data.record !== undefined;
  } else if (is(event, 'round.evaluated')) {
    const { accuracy } = event.data.metrics;
    if (typeof accuracy === 'number') round.accuracy = accuracy;
  } else if (is(event, 'round.released') || is(event, 'round.failed')) {
    round.seconds = (Date.parse(event.time) - Date.parse(round.opened)) / 1000;
    if (is(event, 'round.released')) round.released = event.data.model;
    else if (is(event, 'round.failed')) round.failed = event.data.code;
  }
}

export interface PackedOrganisation {
  readonly organisationId: string;
  /** Nodes of the role that were admitted, and of these the revoked ones. */
  readonly participants: number;
  readonly revoked: number;
}

/** Who could take part: who did is hashed with salts. In the order in which they came. */
export function packedOrganisations(events: readonly AuditEvent[]): PackedOrganisation[] {
  const nodes = new Map<string, { organisationId: string; isAdmitted: boolean; isRevoked: boolean }>();
  for (const event of events) {
    if (is(event, 'member.enrolled') || is(event, 'member.requested')) {
      const { nodeId, organisationId, role } = event.data;
      const isAdmitted = is(event, 'member.enrolled');
      if (role === 'participant') nodes.set(nodeId, { organisationId, isAdmitted, isRevoked: false });
    } else if (is(event, 'organisation.revoked')) {
      for (const node of nodes.values())
        if (node.organisationId === event.data.organisationId) node.isRevoked = true;
    } else {
      const node = nodes.get((event.data as { nodeId?: string }).nodeId ?? '');
      if (node && is(event, 'member.approved')) node.isAdmitted = true;
      if (node && is(event, 'member.revoked')) node.isRevoked = true;
    }
  }
  const found = new Map<string, { participants: number; revoked: number }>();
  for (const { organisationId, isAdmitted, isRevoked } of nodes.values()) {
    const counted = found.get(organisationId) ?? { participants: 0, revoked: 0 };
    found.set(organisationId, counted);
    if (isAdmitted) counted.participants += 1;
    if (isAdmitted && isRevoked) counted.revoked += 1;
  }
  return [...found].map(([organisationId, counted]) => ({ organisationId, ...counted }));
}

function is<Name extends AuditType>(
  event: AuditEvent,
  name: Name,
): event is AuditEvent & { readonly data: AuditData<Name> } {
  return typeOf(event) === name;
}
