import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../protocol/bytes.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import type { ProblemCode } from '../../protocol/problem.ts';
import { DeniedAccess } from '../../server/denied-access.ts';
import { memberId as member, NotedWorld } from '../fixtures/noted-world.ts';

let world: NotedWorld;
let denied: DeniedAccess;
beforeEach(() => {
  world = new NotedWorld();
  denied = new DeniedAccess(world.around());
});

/** Whom, how often, why. */
const told = () =>
  world.noted.map((note) => {
    if (note.type !== 'access.denied') throw new Error('another note');
    return [note.hidden?.member ?? note.data.actor, note.data.count, note.data.codes];
  });

test('an actor has one entry a minute, with how many requests were refused and why', async () => {
  for (const code of ['accessRefused', 'memberRevoked', 'accessRefused'] as const)
    denied.count(code, member(1));
  denied.count('signatureInvalid', undefined);
  expect(world.noted).toEqual([]);
  await world.clock.advance(59_999);
  denied.count('requestReplayed', member(1));
  expect(world.noted).toEqual([]);
  await world.clock.advance(1);
  expect(told()).toEqual([
    [member(1), 4, { accessRefused: 2, memberRevoked: 1, requestReplayed: 1 }],
    ['anonymous', 1, { signatureInvalid: 1 }],
  ]);
  denied.count('accessRefused', member(1));
  await world.clock.advance(60_000);
  expect(told().slice(2)).toEqual([[member(1), 1, { accessRefused: 1 }]]);
  await world.clock.advance(600_000);
  expect([world.noted.length, world.clock.pending]).toEqual([3, 0]);
});

test('the id of a member stands there as a salted hash alone', async () => {
  denied.count('accessRefused', member(7));
  await denied.close();
  expect(world.noted).toEqual([expect.objectContaining({ hidden: { member: member(7) } })]);
  expect(JSON.stringify(world.noted[0]?.data)).not.toContain(member(7));
});

test('policies that forbid are told of by name, some dozens of them', async () => {
  denied.count('accessRefused', member(1), ['night', 'no-exports']);
  denied.count('accessRefused', member(1), ['night']);
  denied.count('accessRefused', member(1));
  denied.count('accessRefused', member(2));
  for (let i = 0; i < 100; i += 1) denied.count('accessRefused', member(3), [`policy-${i}`]);
  await denied.close();
  const policies = world.noted.map((note) => note.type === 'access.denied' && note.data.policies);
  expect(policies.slice(0, 2)).toEqual([{ night: 2, 'no-exports': 1 }, undefined]);
  expect(Object.keys(policies[2] || {})).toHaveLength(33);
  expect(policies[2]).toMatchObject({ 'policy-0': 1, 'policy-31': 1, others: 68 });
});

test('what was refused for something else than who has asked is not counted', async () => {
  for (const code of ['jobUnknown', 'invalidFormat', 'overloaded', 'internalError'] as const)
    denied.count(code, member(1));
  denied.count('notInCohort', member(1));
  await denied.close();
  expect(told()).toEqual([[member(1), 1, { notInCohort: 1 }]]);
});

describe('whoever wants to fill the log', () => {
  test('has one entry a minute without a key, however often they ask', async () => {
    const codes: ProblemCode[] = ['signatureMissing', 'signatureInvalid', 'memberUnknown', 'inviteUnknown'];
    for (let i = 0; i < 40_000; i += 1) denied.count(codes[i % 4] as ProblemCode, undefined);
    await world.clock.advance(60_000);
    expect(told()).toEqual([['anonymous', 40_000, Object.fromEntries(codes.map((code) => [code, 10_000]))]]);
  });

  test('has eighteen with ten thousand members, and none of the requests goes uncounted', async () => {
    for (let i = 0; i < 10_000; i += 1) denied.count('accessRefused', member(i));
    for (let i = 0; i < 10_000; i += 1) denied.count('requestReplayed', member(i));
    denied.count('memberUnknown', undefined);
    await world.clock.advance(60_000);
    expect(world.noted).toHaveLength(18);
    expect(told().slice(-2)).toEqual([
      ['others', 2 * (10_000 - 16), { accessRefused: 9984, requestReplayed: 9984 }],
      ['anonymous', 1, { memberUnknown: 1 }],
    ]);
    expect(told().reduce((sum, [, count]) => sum + Number(count), 0)).toBe(20_001);
  });

  test('with one member has one, of that member', async () => {
    for (let i = 0; i < 10_000; i += 1) denied.count('accessRefused', member(3));
    await world.clock.advance(60_000);
    expect(told()).toEqual([[member(3), 10_000, { accessRefused: 10_000 }]]);
  });

  test('has no entry that is larger for it', async () => {
    for (let i = 0; i < 1000; i += 1) denied.count('accessRefused', member(i));
    await denied.close();
    for (const { data } of world.noted) expect(utf8(canonicalJson(data)).length).toBeLessThan(300);
  });
});

test('a clock that goes back makes a minute longer, and no more of them', async () => {
  let now = Date.parse('2026-01-01T12:00:00.000Z');
  let due: (() => void)[] = [];
  const schedule = (_: number, work: () => void) => {
    due.push(work);
    return () => {
      due = due.filter((one) => one !== work);
    };
  };
  const restless = new DeniedAccess(world.around({ now: () => now, schedule }));
  for (let i = 0; i < 100; i += 1) {
    restless.count('accessRefused', member(1));
    now -= 3_600_000;
    expect(due).toHaveLength(1);
  }
  expect(world.noted).toEqual([]);
  await restless.close();
  expect(told()).toEqual([[member(1), 100, { accessRefused: 100 }]]);
  expect(due).toEqual([]);
});

test('closing tells what was counted, and counts nothing more', async () => {
  denied.count('accessRefused', member(1));
  await denied.close();
  denied.count('accessRefused', member(2));
  await denied.close();
  expect(told()).toEqual([[member(1), 1, { accessRefused: 1 }]]);
  expect(world.clock.pending).toBe(0);
});

test('a log that cannot be written is reported, once a minute', async () => {
  world.fault = new Error('planted');
  for (let i = 0; i < 5; i += 1) denied.count('accessRefused', member(i));
  await world.clock.advance(60_000);
  expect(world.reported).toEqual([world.fault]);
  world.fault = undefined;
  denied.count('accessRefused', member(1));
  await world.clock.advance(60_000);
  expect(told()).toEqual([[member(1), 1, { accessRefused: 1 }]]);
});
