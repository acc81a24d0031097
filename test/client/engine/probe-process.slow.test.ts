import { expect, test } from 'vitest';
import { failureOfTrial } from '../../../client/engine/probe-process.ts';

const LONG = 60_000;

test('a trial that ends well has no failure, and gets its arguments', async () => {
  const script = `if (process.argv.slice(1).join() !== 'a b,--version') process.exit(1);`;
  expect(await failureOfTrial(script, ['a b', '--version'], LONG)).toBeUndefined();
  expect(await failureOfTrial(script, ['a b'], LONG)).toBeDefined();
});

test.each([
  ['its last line', `console.error('a driver speaks\\nno card'); process.exit(1);`, 'no card'],
  ['no more than a line', `console.error('x'.repeat(1000)); process.exit(1);`, 'x'.repeat(160)],
  ['its code, if it says nothing', 'process.exit(7)', 'the trial ended with 7'],
])('one that fails: %s', async (_what, script, failure) => {
  expect(await failureOfTrial(script, [], LONG)).toBe(failure);
});

test('one whose process dies, as by a fault of a driver, leaves this one', async () => {
  const dies = `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`;
  expect(await failureOfTrial(dies, [], LONG)).toBe('the trial was ended by SIGKILL');
});

test('one that never ends is ended', async () => {
  const failure = await failureOfTrial('setInterval(() => {}, 1000)', [], 300);
  expect(failure).toBe('the trial did not end within 0.3 s');
});
