import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePeriod } from '../../../../protocol/audit/period.ts';
import { OrganisationRecord } from '../../../../protocol/audit/questions/organisation-record.ts';
import { asked, nodeId, PlantedEntries, sha256 } from '../../../fixtures/planted-entries.ts';

const since = '2026-11-01T00:00:00.000Z';

function world(hasSalts = true) {
  const log = new PlantedEntries();
  const invite = { role: 'participant', expiresAt: '2027-01-01T00:00:00.000Z', needsApproval: false };
  log.member('operator', 'host');
  log.add('member.invited', { ...invite, organisationId: 'clinic-a', by: nodeId('operator') });
  log.member('a', 'clinic-a');
  log.member('b', 'clinic-b');
  const own = log.job('own', 'a');
  const job = log.job('other', 'b');
  log.round(job, 1, ['a', 'b'], { hasSalts });
  const of = { jobId: job, round: 2, attempt: 1 };
  const salts = { hasSalts };
  log.add(
    'round.opened',
    { ...of, size: 1, deadline: since },
    { ...salts, hidden: { cohort: [nodeId('a')] } },
  );
  log.add(
    'round.declined',
    { ...of, code: 'policyRefused:purposes' },
    { ...salts, hidden: { node: nodeId('a') } },
  );
  log.add(
    'access.denied',
    { actor: 'member', since, count: 4, codes: { roleRefused: 4 } },
    { ...salts, hidden: { member: nodeId('a') } },
  );
  log.add(
    'model.downloaded',
    { jobId: job, round: 1, model: sha256(`${job} 1`), count: 2 },
    { ...salts, hidden: { members: [nodeId('a'), nodeId('b')] } },
  );
  log.add(
    'reading.session',
    { first: 0, last: 3, count: 4, since, until: since },
    { ...salts, hidden: { reader: nodeId('a') } },
  );
  log.add('witness.silent', { witness: `clinic-a/${nodeId('a')}`, since });
  log.add('witness.silent', { witness: `clinic-b/${nodeId('b')}`, since });
  log.add('witness.alarmRaised', { by: nodeId('a'), oldSize: 1, size: 2, evidence: ['x', 'y'] });
  log.add('job.cancelled', { jobId: own, by: nodeId('a') });
  log.add('member.revoked', { nodeId: nodeId('a'), reason: 'it has left', by: nodeId('operator') });
  return { log, own, job };
}

const tablesOf = (question: OrganisationRecord) =>
  Object.fromEntries(
    question.answer().tables.map(({ name, rows }) => [name, rows.map(({ cells }) => cells)]),
  );

test('tells everything about one organisation, and nothing about another', () => {
  const { log, own, job } = world();
  const question = asked(new OrganisationRecord('clinic-a'), log.entries);
  const tables = tablesOf(question);
  expect(question.answer()).toMatchObject({ isKnown: true, notes: [] });
  expect(tables.members).toMatchObject([
    { what: 'invited', by: nodeId('operator') },
    { what: 'enrolled', node: nodeId('a'), role: 'participant' },
    { what: 'revoked', reason: 'it has left' },
  ]);
  expect(tables.jobs).toMatchObject([{ job: own, name: 'own', outcome: 'cancelled, 0 rounds released' }]);
  expect(tables.rounds).toEqual([
    {
      ...{ job, name: 'other', purpose: 'to learn other', asked: 2, updates: 1, consents: 0 },
      ...{ evaluations: 0, declined: 1, codes: 'policyRefused:purposes', outcome: '1 round released' },
    },
  ]);
  expect(tables.denials).toMatchObject([{ code: 'roleRefused', node: nodeId('a'), count: 4 }]);
  expect(tables.downloads).toMatchObject([{ job, round: 1, count: 1 }]);
  expect(tables.readings).toMatchObject([{ by: nodeId('a'), first: 0, last: 3, count: 4 }]);
  expect(tables.decisions).toMatchObject([{ what: 'job.cancelled', of: own }]);
  expect(tables.alarms?.map(({ what }) => what)).toEqual(['witness.silent', 'witness.alarmRaised']);
  expect(JSON.stringify(question.answer())).not.toContain(nodeId('b'));
});

test('decisions are told of those who have made them', () => {
  const { log } = world();
  const { decisions } = tablesOf(asked(new OrganisationRecord('host'), log.entries));
  expect(decisions).toMatchObject([{ what: 'member.invited' }, { what: 'member.revoked', of: nodeId('a') }]);
});

test('people belong to an organisation as nodes do, and so do their sessions and tokens', () => {
  const { log } = world();
  const [ann, bob, token] = ['ann', 'bob', 'token'].map(nodeId);
  const invited = {
    role: 'auditor',
    by: nodeId('operator'),
    handle: { salted: sha256('h') },
    name: { salted: sha256('n') },
  };
  log.add('person.invited', { ...invited, person: ann, organisationId: 'clinic-a' });
  log.add('person.invited', { ...invited, person: bob, organisationId: 'clinic-b' });
  for (const session of ['s1', 's2'])
    log.add('session.opened', { session: nodeId(session), person: ann, method: 'passkey' });
  log.add('session.opened', { session: nodeId('s3'), person: bob, method: 'passkey' });
  log.add('token.issued', {
    token,
    person: ann,
    name: { salted: sha256('t') },
    scopes: ['x'],
    expiresAt: since,
    by: ann,
  });
  log.add('token.revoked', { token, by: nodeId('operator') });
  const denied = { actor: 'member', since, count: 1, codes: { roleRefused: 1 } };
  log.add('access.denied', denied, { hidden: { member: ann } });
  const tables = tablesOf(asked(new OrganisationRecord('clinic-a'), log.entries));
  expect(tables.people?.map(({ what, count }) => [what, count])).toEqual([
    ['person.invited', 1],
    ['session.opened', 2],
    ['token.issued', 1],
    ['token.revoked', 1],
  ]);
  expect(tables.denials).toMatchObject([{ node: nodeId('a') }, { node: ann, count: 1 }]);
  expect(JSON.stringify(tables)).not.toContain(bob);
  const host = tablesOf(asked(new OrganisationRecord('host'), log.entries));
  expect(host.decisions?.map(({ what }) => what)).toContain('token.revoked');
});

test('without salts it says how many entries may be about it', () => {
  const { log } = world(false);
  const question = asked(new OrganisationRecord('clinic-a'), log.entries);
  expect(tablesOf(question)).toMatchObject({ rounds: [], denials: [], downloads: [], readings: [] });
  expect(question.answer().notes.join()).toMatch(/^8 entries may be about it/);
});

test('one of which the log tells nothing is not known; of a period only that is told', () => {
  const { log } = world();
  expect(asked(new OrganisationRecord('clinic-c'), log.entries).answer().isKnown).toBe(false);
  const later = asked(new OrganisationRecord('clinic-a', parsePeriod('2027')), log.entries);
  expect(later.answer().isKnown).toBe(true);
  expect(later.answer().tables.flatMap(({ rows }) => rows)).toEqual([]);
});

test('its updates are those that whoever counts them finds, in any world', () => {
  const NODES = ['a1', 'a2', 'b', 'stranger'];
  const rounds = fc.array(fc.subarray(NODES, { minLength: 1 }), { maxLength: 8 });
  fc.assert(
    fc.property(rounds, (all) => {
      const log = new PlantedEntries();
      for (const name of NODES.slice(0, 3)) log.member(name, `clinic-${name[0]}`);
      const job = log.job('any', 'b');
      for (const [at, nodes] of all.entries()) log.round(job, at + 1, nodes);
      const { rounds: told = [] } = tablesOf(asked(new OrganisationRecord('clinic-a'), log.entries));
      const own = all.map((nodes) => nodes.filter((name) => name.startsWith('a')).length);
      const sum = own.reduce((total, count) => total + count, 0);
      expect(told.map(({ asked: wanted, updates }) => [wanted, updates])).toEqual(
        sum === 0 ? [] : [[sum, sum]],
      );
    }),
    { numRuns: 50 },
  );
});
