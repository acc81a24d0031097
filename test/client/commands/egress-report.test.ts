import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chart, describeLeft, describeReport } from '../../../client/commands/egress-report.ts';
import type { EgressReport } from '../../../schemas/egress.ts';
import { leftEgress, smallEgress } from '../../fixtures/small-egress.ts';

const UNTIL = '2026-01-01T13:00:00.000Z';
const text = (lines: readonly string[]) => lines.join('\n');

test('an update in words and charts', () => {
  expect(describeLeft(leftEgress())).toEqual([
    'name         small',
    'job          job-0123456789abcdef, round 1, attempt 1',
    'delivered    2026-01-01T12:00:00.000Z',
    `SHA-256      ${'ab'.repeat(32)}`,
    'message      72 bytes, 5 parameters',
    'norm         4, clipped to 2',
    'step         0.25: what is sent are multiples of it',
    '',
    'how many parameters changed by how much',
    '',
    '  before clipping',
    '         2 |  █',
    '           |  █',
    '           |█ ███',
    '         0 |█ ███',
    '            -3  3',
    '',
    '  after clipping',
    '         2 |  █',
    '           |  █',
    '           |█ ███',
    '         0 |█ ███',
    '            -1.5 1.5',
    '',
    '  as sent',
    '         3 |  █',
    '           |  █',
    '           |▃ █ ▃',
    '         0 |█ █ █',
    '            -1.5 1.5',
    '',
    'what the coordinator learns: every number of this update, and whose it is.',
    'From them it may guess something about the rows behind it. No row is sent.',
  ]);
});

test('not clipped, not confirmed, only in a sum: each is said', () => {
  const egress = smallEgress({ isClipped: false, norm: 1.23456, visibleAs: 'sum' });
  const shown = text(describeLeft(leftEgress({ egress, receipt: null })));
  expect(shown).toContain('norm         1.235, within the limit of 2');
  expect(shown).toContain('unconfirmed  2026-01-01T12:00:00.000Z');
  expect(shown).toContain('may have all of it, a part, or nothing');
  expect(shown).toContain('the sum of this update with those of others');
  expect(shown).not.toContain('delivered');
});

test('what is known, what was missed, and how long it watches', () => {
  const of = (change: Partial<EgressReport>) =>
    text(describeReport({ watchedUntil: UNTIL, last: null, unwatched: 0, ...change }, 'clinic'));
  expect(of({})).toBe(
    'nothing is known yet of what leaves clinic\n' +
      `it watches from now, until ${UNTIL}\n` +
      'the next update will be shown by `hanse inspect`; with --wait it waits for one',
  );
  expect(of({ unwatched: 3 })).toContain('clinic: 3 updates left unwatched');
  const last = leftEgress();
  expect(of({ last })).toMatch(new RegExp(`^name .*it watches until ${UNTIL}$`, 's'));
  expect(of({ last })).not.toContain('unwatched');
  expect(of({ last, unwatched: 1 })).toContain('since then 1 update left unwatched');
  expect(of({ last, watchedUntil: null })).toContain('it watches as long as it runs');
});

test('a chart has at most 80 columns, and its highest bar, and every bar that is not empty, is seen', () => {
  const counts = fc.array(fc.nat({ max: 100_000_000 }), { maxLength: 1024 });
  fc.assert(
    fc.property(counts, fc.double({ noNaN: true, noDefaultInfinity: true }), (drawn, reach) => {
      const lines = chart('any', { counts: drawn, least: -reach, greatest: reach });
      for (const line of lines) expect([...line].length).toBeLessThanOrEqual(80);
      const [highestRow = '', , , lowestRow = ''] = lines.slice(2);
      if (drawn.some((count) => count > 0)) expect(highestRow).toContain('█');
      if (drawn.length > 60) return; // neighbours are drawn together
      const bars = [...lowestRow.slice(12).padEnd(drawn.length)];
      expect(bars.map((bar) => bar !== ' ')).toEqual(drawn.map((count) => count > 0));
    }),
  );
});

test('more bars than fit are drawn together, none is lost', () => {
  const lines = chart('many', { counts: new Array<number>(120).fill(1), least: -1, greatest: 1 });
  expect(lines[2]).toBe(`${'2'.padStart(10)} |${'█'.repeat(60)}`);
});

test('an update whose name and numbers are long fits in 80 columns', () => {
  const egress = smallEgress({
    jobName: 'n'.repeat(80),
    bytes: 2 ** 31,
    parameters: 536_870_912,
    round: 1_000_000,
    attempt: 100,
    norm: 1.234567e-300,
    clipNorm: 1.234567e30,
    step: 1.234567e-30,
  });
  for (const receipt of [null, { sha256: 'f'.repeat(64), bytes: 1 }])
    for (const line of describeLeft(leftEgress({ egress, receipt })))
      expect([...line].length).toBeLessThanOrEqual(80);
});
