// covers: schemas/node-status.ts
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { NodeLedger } from '../../client/node-ledger.ts';
import { JobSpending } from '../../schemas/node-status.ts';

test('adds up by job, tells after each entry, and goes on from what was stored', () => {
  let told = 0;
  const ledger = new NodeLedger({}, () => {
    told += 1;
  });
  ledger.add('job-a', 'a', { milliseconds: 30, steps: 3 });
  ledger.add('job-b', 'b', { rounds: 1, bytesUp: 5, bytesDown: 7 });
  ledger.add('job-a', 'a', { milliseconds: 10, steps: 1 });
  expect(told).toBe(3);
  expect(ledger.of('job-a')).toMatchObject({ milliseconds: 40, steps: 4, rounds: 0 });
  expect(ledger.millisecondsPerStep('job-a')).toBe(10);
  expect(ledger.millisecondsPerStep('job-b')).toBeUndefined();
  expect(ledger.of('job-c')).toMatchObject({ milliseconds: 0, steps: 0 });
  const stored = ledger.toJSON();
  expect(Object.keys(stored)).toEqual(['job-b', 'job-a']);
  for (const spending of Object.values(stored)) expect(Value.Check(JobSpending, spending)).toBe(true);
  const later = new NodeLedger(stored);
  later.add('job-b', 'b', { rounds: 1 });
  expect(later.of('job-b')).toMatchObject({ rounds: 2, bytesUp: 5 });
});

test('forgets the job that was quiet longest, and grows no further', () => {
  const ledger = new NodeLedger();
  for (let i = 0; i < 1001; i += 1) ledger.add(`job-${i}`, 'x', { rounds: 1 });
  expect(Object.keys(ledger.toJSON())).toHaveLength(1000);
  expect(ledger.of('job-0').rounds).toBe(0);
  expect(ledger.of('job-1').rounds).toBe(1);
});
