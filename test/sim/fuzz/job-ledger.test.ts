import { describe, expect, test } from 'vitest';
import type { JobManifest } from '../../../schemas/job.ts';
import type { StoredEvent } from '../../../server/store/store.ts';
import { JobLedger } from '../../../sim/fuzz/job-ledger.ts';
import { Violation } from '../../../sim/fuzz/violation.ts';

const MANIFEST = {
  rounds: 2,
  cohort: { size: 3, minimum: 2 },
  deadlines: { collectSeconds: 10, evaluateSeconds: 10 },
  maxAttempts: 2,
  initialModel: 'm0',
} as JobManifest;

type Entry = readonly [type: string, data?: object];

const created: Entry = ['jobCreated'];
const chosen = (attempt = 1, cohort = ['a', 'b', 'c']): Entry => ['cohortSelected', { attempt, cohort }];
const update = (node: string, sha256 = node): Entry => ['updateAccepted', { node, sha256 }];
const declined = (node: string, code = 'trainingDiverged'): Entry => ['taskDeclined', { node, code }];
const reported = (node: string): Entry => ['nodeReported', { node }];
const late: Entry = ['deadlinePassed', { phase: 'collecting' }];
const aggregated = (updates: number, more: object = {}): Entry => [
  'aggregated',
  { updates, model: 'm1', evaluateBy: null, ...more },
];
const released: Entry = ['released', { model: 'm1' }];
const of = (round: number, attempt: number, [type, data]: Entry): Entry => [
  type,
  { ...data, round, attempt },
];

/** Enters these, each ten seconds and more after the one before; an event names round 1, attempt 1 unless it says. */
function enter(entries: readonly Entry[], secondsBetween = 11, manifest = MANIFEST): JobLedger {
  const ledger = new JobLedger(manifest, true);
  entries.forEach(([type, data], i) => {
    const record = {
      ...{ type, version: 1, stream: 'job/x', sequence: i + 1, position: i + 1, at: '' },
      data: { round: 1, attempt: 1, ...data },
    } satisfies StoredEvent;
    ledger.enter(record, i * 1000 * secondsBetween);
  });
  return ledger;
}

const all = [update('a'), update('b'), update('c')];

describe('what may be', () => {
  test('a round with everybody, and the next', () => {
    const second = [chosen(), ...all, aggregated(3), released].map((entry) => of(2, 1, entry));
    const ledger = enter([created, chosen(), ...all, aggregated(3), released, ...second]);
    expect([ledger.outcome, ledger.model, [...ledger.endings]]).toEqual([
      'finished',
      'm1',
      [
        ['1/1', 'released'],
        ['2/1', 'released'],
      ],
    ]);
    expect(ledger.counted.get('2/1/c')).toBe('c');
  });

  test('a deadline with the minimum, an evaluation, and its deadline', () => {
    const evaluated = aggregated(2, { evaluateBy: 'then' });
    const start = [created, chosen(), update('a'), update('b'), late, evaluated];
    expect(enter([...start, ['evaluated'], released]).round).toBe(2);
    const refusal: Entry = ['evaluationDeclined', { node: 'e', code: 'dataEmpty' }];
    expect(enter([...start, refusal, ['evaluationGivenUp'], released]).round).toBe(2);
    expect(enter([...start, ['deadlinePassed', { phase: 'evaluating' }], released]).round).toBe(2);
  });

  test('another attempt with who declined for a reason that has passed, or has begun anew since', () => {
    const apart = [declined('a', 'dataEmpty'), update('b'), late];
    const passed = [declined('a'), update('b'), late];
    const again = of(1, 2, chosen(2));
    expect(enter([created, chosen(), ...passed, again]).current?.attempt).toBe(2);
    expect(enter([created, chosen(), ...apart, reported('a'), again]).current?.attempt).toBe(2);
  });

  test('attempts that end for want of updates, and the end of attempts', () => {
    const again = [chosen(), declined('a'), declined('b')].map((entry) => of(1, 2, entry));
    const ledger = enter([created, chosen(), update('a'), late, ...again]);
    expect([ledger.outcome, [...ledger.endings.values()]]).toEqual([
      'failed',
      ['cohortTooSmall', 'cohortTooSmall'],
    ]);
  });
});

test.each<[rule: string, entries: Entry[]]>([
  ['one beginning', [created, created]],
  ['a cohort comes first', [created, update('a')]],
  ['one cohort an attempt', [created, chosen(), chosen()]],
  ['a cohort of minimum to size', [created, chosen(1, ['a'])]],
  ['a cohort of minimum to size', [created, chosen(1, ['a', 'a'])]],
  [
    'who cannot take part is not asked again',
    [created, chosen(), declined('a', 'dataEmpty'), update('b'), late, of(1, 2, chosen(2))],
  ],
  ['only what changes something', [created, reported('a')]],
  ['only the cohort', [created, chosen(), update('d')]],
  ['one word of each node', [created, chosen(), update('a'), update('a')]],
  ['one word of each node', [created, chosen(), update('a'), declined('a')]],
  ['one word of each node', [created, chosen(), declined('a'), update('a')]],
  ['nothing after the close', [created, chosen(), update('a'), update('b'), late, update('c')]],
  ['one close', [created, chosen(), ...all, late]],
  ['aggregated once, when complete', [created, chosen(), update('a'), update('b'), aggregated(2)]],
  ['each update once', [created, chosen(), ...all, aggregated(4)]],
  ['each update once', [created, chosen(), ...all, aggregated(2)]],
  ['states move forward', [created, chosen(), update('a'), late, aggregated(1)]],
  ['states move forward', [created, chosen(), of(1, 2, update('a'))]],
  ['released is what was aggregated', [created, chosen(), ...all, released]],
  ['released is what was aggregated', [created, chosen(), ...all, aggregated(3, { model: 'm2' }), released]],
  [
    'released is what was aggregated',
    [created, chosen(), ...all, aggregated(3, { evaluateBy: 'x' }), released],
  ],
  ['evaluated once', [created, chosen(), ...all, aggregated(3), ['evaluated']]],
  ['evaluated once', [created, chosen(), ...all, aggregated(3), ['evaluationGivenUp']]],
  [
    'evaluated once',
    [created, chosen(), ...all, aggregated(3), ['evaluationDeclined', { node: 'e', code: 'x' }]],
  ],
  ['plain sums', [created, chosen(), ['keysAdvertised', { node: 'a' }]]],
  ['plain sums', [created, chosen(), ['secretsOpened', { answers: [], faulty: [] }]]],
  ['as the job says', [created, ['cohortSelected', { attempt: 1, cohort: ['a', 'b', 'c'], secure: {} }]]],
  ['a record of each secure round', [created, chosen(), ...all, aggregated(3, { record: 'r', sum: 's' })]],
  ['nobody cancelled', [created, ['jobCancelled']]],
])('%s: what may not be', (rule, entries) => {
  expect(() => enter(entries.slice(0, -1))).not.toThrow();
  expect(brokenBy(() => enter(entries))).toBe(rule);
});

describe('a secure round', () => {
  const secure = { ...MANIFEST, aggregation: 'secure' } as JobManifest;
  const moment = '1970-01-01T00:00:00.000Z';
  const [advertising, sharing, collecting, consenting, unmasking] = Array(5).fill(moment);
  const deadlines = { advertising, sharing, collecting, consenting, unmasking };
  const drawn: Entry = ['cohortSelected', { cohort: ['a', 'b', 'c'], secure: { descriptor: { deadlines } } }];
  const say = (type: string, more: object = {}): Entry[] =>
    ['a', 'b', 'c'].map((node) => [type, { node, sha256: `${type} ${node}`, ...more }]);
  const collected = [
    ...[created, drawn, ...say('keysAdvertised'), ...say('sharesAccepted')],
    ...say('updateAccepted', { signature: 's' }),
  ];
  const answered = [...collected, ...say('consentGiven'), ...say('answerAccepted')];
  const opened: Entry = ['secretsOpened', { answers: ['a', 'b', 'c'], faulty: [] }];
  const signed = aggregated(3, { record: 'r', sum: 's' });

  test('goes through all of its phases', () => {
    const ledger = enter([...answered, opened, signed, released], 1, secure);
    expect([ledger.round, ledger.model, ledger.endings.get('1/1')]).toEqual([2, 'm1', 'released']);
    expect([...ledger.counted.values()]).toEqual(['a', 'b', 'c'].map((node) => `updateAccepted ${node}`));
    expect([ledger.said.has('answerAccepted 1/1/c'), ledger.startedFrom.get('1/1')]).toEqual([true, 'm0']);
    expect(enter(collected.slice(0, 4), 1, secure).awaited).toEqual(['c']);
  });

  test('ends for want of messages, by name', () => {
    const late: Entry = ['deadlinePassed', { phase: 'unmasking' }];
    expect(enter([...answered.slice(0, -1), late], 1, secure).endings.get('1/1')).toEqual({
      failed: 'unmaskingFailed',
    });
    expect(enter([...collected, declined('b')], 1, secure).endings.get('1/1')).toBe('cohortTooSmall');
  });

  test.each<[rule: string, entries: Entry[]]>([
    ['a cohort of minimum to size', [created, ['cohortSelected', { cohort: ['a', 'b'], secure: {} }]]],
    ['as the job says', [created, chosen()]],
    ['nothing plain leaves', [...collected.slice(0, 8), update('a')]],
    ['aggregated once, when complete', [...answered, signed]],
    ['a record of each secure round', [...answered, opened, aggregated(3)]],
    ['each update once', [...answered, opened, aggregated(2, { record: 'r', sum: 's' })]],
  ])('%s: what may not be', (rule, entries) => {
    expect(() => enter(entries.slice(0, -1), 1, secure)).not.toThrow();
    expect(brokenBy(() => enter(entries, 1, secure))).toBe(rule);
  });
});

test('a deadline may not come early, and no record may be missing', () => {
  expect(brokenBy(() => enter([created, chosen(), update('a'), late], 3))).toBe('time to deliver');
  const ledger = enter([created]);
  const record = { type: 'x', version: 1, stream: 'job/x', position: 9, at: '', data: {}, sequence: 3 };
  expect(brokenBy(() => ledger.enter(record, 0))).toBe('records without gaps');
});

test('nothing comes after the end', () => {
  const lost = (attempt: number): Entry[] => [chosen(), late].map((entry) => of(1, attempt, entry));
  const entries = [created, ...lost(1), ...lost(2)];
  expect(enter(entries).outcome).toBe('failed');
  expect(brokenBy(() => enter([...entries, of(1, 2, update('a'))]))).toBe('nothing after the end');
});

function brokenBy(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return error.rule;
  }
}
