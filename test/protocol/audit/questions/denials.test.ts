// covers: protocol/audit/participants.ts, protocol/audit/questions/question.ts
import { expect, test } from 'vitest';
import { parsePeriod } from '../../../../protocol/audit/period.ts';
import { Denials } from '../../../../protocol/audit/questions/denials.ts';
import { asked, nodeId, PlantedEntries } from '../../../fixtures/planted-entries.ts';

const since = '2026-11-01T00:00:00.000Z';

function world() {
  const log = new PlantedEntries();
  log.member('a', 'clinic-a');
  const none = { actor: 'anonymous', since, count: 3, codes: { signatureMissing: 2, signatureInvalid: 1 } };
  const leaves = [
    log.add('access.denied', none),
    log.add(
      'access.denied',
      {
        actor: 'member',
        since,
        count: 2,
        codes: { roleRefused: 2 },
        policies: { 'no-evaluators': 1, quiet: 1 },
      },
      { hidden: { member: nodeId('a') } },
    ),
    log.add(
      'access.denied',
      { actor: 'member', since, count: 1, codes: { roleRefused: 1 }, policies: { quiet: 1 } },
      { hidden: { member: nodeId('b') }, hasSalts: false },
    ),
    log.add(
      'access.denied',
      { ...none, count: 1, codes: { signatureMissing: 1 } },
      { time: '2026-12-01T00:00:00.000Z' },
    ),
  ];
  return { log, leaves };
}

const shown = (denials: Denials) =>
  denials
    .answer()
    .tables.map(({ rows }) =>
      rows.map(({ cells: { code, actor, organisation, policy, requests }, leaves }) => [
        ...(policy === undefined ? [code, actor, organisation] : [policy]),
        requests,
        leaves.leaves,
      ]),
    );

test('tells problems by who was refused, and policies by how often they have decided so', () => {
  const { log, leaves } = world();
  const [first, second, third, fourth] = leaves;
  expect(shown(asked(new Denials(), log.entries))).toEqual([
    [
      ['signatureMissing', 'anonymous', null, 3, [first, fourth]],
      ['signatureInvalid', 'anonymous', null, 1, [first]],
      ['roleRefused', nodeId('a'), 'clinic-a', 2, [second]],
      ['roleRefused', 'a member', null, 1, [third]],
    ],
    [
      ['no-evaluators', 1, [second]],
      ['quiet', 2, [second, third]],
    ],
  ]);
  expect(asked(new Denials(), log.entries).answer().notes.join()).toContain('salted');
});

test('of a period, nothing else', () => {
  const { log, leaves } = world();
  const period = parsePeriod('2026-12');
  expect(shown(asked(new Denials(period), log.entries))).toEqual([
    [['signatureMissing', 'anonymous', null, 1, [leaves[3]]]],
    [],
  ]);
});
