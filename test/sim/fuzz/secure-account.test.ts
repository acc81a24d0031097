// covers: sim/fuzz/violation.ts
import { expect, test } from 'vitest';
import type { JobManifest } from '../../../schemas/job.ts';
import {
  isSecureRecord,
  SecureAccount,
  type SecureRecord,
  thresholdFor,
} from '../../../sim/fuzz/secure-account.ts';
import { Violation } from '../../../sim/fuzz/violation.ts';

const MANIFEST = { cohort: { size: 4, extra: 1, minimum: 2 } } as JobManifest;
const COHORT = ['a', 'b', 'c', 'd', 'e'];
const SECONDS = { advertising: 10, sharing: 20, collecting: 30, consenting: 40, unmasking: 50 };
const momentOf = (seconds: number) => new Date(seconds * 1000).toISOString();

/** Of five, of whom four open the sum. */
function account(): SecureAccount {
  const [advertising, sharing, collecting, consenting, unmasking] = Object.values(SECONDS).map(momentOf);
  return new SecureAccount(MANIFEST, COHORT, {
    advertising: advertising ?? '',
    sharing: sharing ?? '',
    collecting: collecting ?? '',
    consenting: consenting ?? '',
    unmasking: unmasking ?? '',
  });
}

/** `keys a b`, `decline a`, `deadline sharing 20`, `open a b`: the course after the last. */
function follow(...lines: readonly string[]): [account: SecureAccount, course: string] {
  const attempt = account();
  let course = 'goes on';
  for (const line of lines) {
    const [what = '', ...nodes] = line.split(' ');
    expect(course).toBe('goes on');
    if (what === 'open') attempt.open(nodes);
    else if (what === 'deadline') course = attempt.passDeadline(nodes[0] ?? '', 1000 * Number(nodes[1]));
    else
      for (const node of nodes)
        course =
          what === 'decline' ? attempt.decline(node) : attempt.say(RECORDS[what] as SecureRecord, node);
  }
  return [attempt, course];
}

const RECORDS: Readonly<Record<string, SecureRecord>> = {
  keys: 'keysAdvertised',
  shares: 'sharesAccepted',
  update: 'updateAccepted',
  consent: 'consentGiven',
  answer: 'answerAccepted',
};

const KEYS = 'keys a b c d e';
const SHARES = 'shares a b c d e';
const UPDATES = 'update a b c d';
const CONSENTS = 'consent a b c d';
const ANSWERS = 'answer a b c d';

test('the threshold is more than two thirds, rounded down', () => {
  expect([3, 4, 5, 6].map(thresholdFor)).toEqual([3, 3, 4, 5]);
  expect([isSecureRecord('answerAccepted'), isSecureRecord('released')]).toEqual([true, false]);
});

test('each phase ends when all have spoken, the sum has enough, or the threshold has consented', () => {
  expect(follow(KEYS)[0].phase).toBe('sharing');
  expect(follow(KEYS, SHARES)[0].phase).toBe('collecting');
  const [collected] = follow(KEYS, SHARES, UPDATES);
  expect([collected.phase, [...(collected.survivors ?? [])]]).toEqual(['consenting', ['a', 'b', 'c', 'd']]);
  expect(follow(KEYS, SHARES)[0].survivors).toBeUndefined();
  const [opened] = follow(KEYS, SHARES, UPDATES, CONSENTS, ANSWERS, 'open a b c d');
  expect([opened.isOpened, opened.awaited]).toEqual([true, []]);
});

test('who is missing at a deadline is left behind, if enough are there', () => {
  const [attempt] = follow('keys a b c d', 'deadline advertising 10');
  expect([attempt.phase, attempt.awaited]).toEqual(['sharing', ['a', 'b', 'c', 'd']]);
  expect(follow('keys a b c', 'deadline advertising 10')[1]).toBe('cohortTooSmall');
  const answers = [KEYS, SHARES, UPDATES, CONSENTS, 'answer a b c'];
  expect(follow(...answers, 'deadline unmasking 50')[1]).toBe('unmaskingFailed');
  expect(follow(...answers, 'answer d', 'deadline unmasking 50')[1]).toBe('goes on');
});

test('who declines is not waited for, and too many end the attempt', () => {
  expect(follow('keys a b c d', 'decline e')[0].phase).toBe('sharing');
  expect(follow(KEYS, 'decline e d')[1]).toBe('cohortTooSmall');
  expect(follow(KEYS, SHARES, 'decline e d')[1]).toBe('cohortTooSmall');
  expect(follow(KEYS, SHARES, UPDATES, 'decline a')[1]).toBe('cohortTooSmall');
  expect(follow(KEYS, SHARES, UPDATES, CONSENTS, 'decline a')[1]).toBe('unmaskingFailed');
});

test.each<[rule: string, lines: string[]]>([
  ['phases in their order', [KEYS, 'update a']],
  ['nothing after the close', [KEYS, 'shares a b c d', 'deadline sharing 20', 'shares e']],
  ['nothing after the close', [KEYS, SHARES, UPDATES, 'update e']],
  ['one word of each node', ['keys a', 'keys a']],
  ['one word of each node', ['decline a', 'keys a']],
  ['one word of each node', [KEYS, SHARES, UPDATES, CONSENTS, 'answer a', 'decline a']],
  ['only the cohort', ['keys f']],
  ['only who kept up', ['keys a b c d', 'deadline advertising 10', 'shares e']],
  ['only who kept up', [KEYS, SHARES, UPDATES, 'consent e']],
  ['time to deliver', ['keys a b c d', 'deadline advertising 9']],
  ['one close', [KEYS, 'deadline advertising 10']],
  ['opened once, after answers', [KEYS, SHARES, UPDATES, 'open a b c d']],
  ['opened once, after answers', [KEYS, SHARES, UPDATES, CONSENTS, ANSWERS, 'open a b c d', 'open a b c d']],
  ['as many answers as the threshold', [KEYS, SHARES, UPDATES, CONSENTS, ANSWERS, 'open a b c']],
  ['as many answers as the threshold', [KEYS, SHARES, UPDATES, CONSENTS, 'answer a b c', 'open a b c d']],
])('%s: what may not be', (rule, lines) => {
  expect(() => follow(...lines.slice(0, -1))).not.toThrow();
  let broken: unknown;
  try {
    follow(...lines);
  } catch (error) {
    broken = error;
  }
  expect(broken).toBeInstanceOf(Violation);
  expect((broken as Violation).rule).toBe(rule);
});
