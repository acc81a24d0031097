import { expect, test } from 'vitest';
import { parsePeriod } from '../../../../protocol/audit/period.ts';
import { PolicyChanges } from '../../../../protocol/audit/questions/policy-changes.ts';
import { asked, nodeId, PlantedEntries, sha256 } from '../../../fixtures/planted-entries.ts';

const [OLD, NEW, NEWER] = ['old', 'new', 'newer'].map(sha256) as [string, string, string];
const start = (policies: string) => ({ software: 'hanse/1', origin: 'hanse/coordinator/0', policies });

function world() {
  const log = new PlantedEntries();
  log.member('operator', 'host');
  const by = { version: 1, by: nodeId('operator') };
  const on = (day: string) => ({ time: `2026-11-${day}T12:00:00.000Z` });
  const adopted = (policy: string) => ({ policy: sha256(policy), witnesses: 3, needed: 2 });
  const leaves = {
    started: log.add('admin.started', start(OLD), on('01')),
    adopted: log.add('witness.policyAdopted', adopted('w1'), on('01')),
    proposed: log.add('policy.proposed', { ...by, policies: NEW, note: 'partners may read' }, on('02')),
    approved: log.add('policy.approved', { version: 1, by: nodeId('other') }, on('03')),
    changed: log.add(
      'policy.changed',
      {
        ...by,
        before: OLD,
        after: NEW,
        diff: '+ permit(principal);\n- nothing\n',
        approvedBy: [nodeId('other')],
      },
      on('03'),
    ),
    again: log.add('witness.policyAdopted', adopted('w1'), on('04')),
    other: log.add('witness.policyAdopted', adopted('w2'), on('05')),
    same: log.add('admin.started', start(NEW), on('06')),
    upgraded: log.add('admin.started', start(NEWER), on('07')),
  };
  return { log, leaves };
}

const shown = (changes: PolicyChanges) =>
  Object.fromEntries(
    changes.answer().tables.map(({ name, rows }) => [name, rows.map(({ leaves }) => leaves.last)]),
  );

test('tells each change, its diff, who wanted it and why', () => {
  const { log, leaves } = world();
  const changes = asked(new PolicyChanges(), log.entries);
  expect(shown(changes)).toEqual({
    access: [leaves.started, leaves.changed, leaves.upgraded],
    steps: [leaves.proposed, leaves.approved],
    witnesses: [leaves.adopted, leaves.other],
  });
  const { tables, notes } = changes.answer();
  expect(tables[0]?.rows[1]?.cells).toEqual({
    ...{ time: '2026-11-03T12:00:00.000Z', version: 1, by: nodeId('operator'), organisation: 'host' },
    ...{ approvedBy: nodeId('other'), why: 'partners may read', before: OLD, after: NEW },
    diff: '+ permit(principal);\n- nothing\n',
  });
  expect(tables[2]?.rows[1]?.cells).toMatchObject({ before: sha256('w1'), after: sha256('w2'), needed: 2 });
  expect(notes.length).toBe(1);
});

test('between two dates, both of them in it, with what was in force before', () => {
  const { log, leaves } = world();
  const changes = asked(new PolicyChanges(parsePeriod('2026-11-03..2026-11-05')), log.entries);
  expect(shown(changes)).toEqual({
    access: [leaves.changed],
    steps: [leaves.approved],
    witnesses: [leaves.other],
  });
  const { tables } = changes.answer();
  expect(tables[0]?.rows[0]?.cells.why).toBe('partners may read');
  expect(tables[2]?.rows[0]?.cells.before).toBe(sha256('w1'));
});
