import { expect, test } from 'vitest';
import { describeCodec } from '../../../client/commands/codec-report.ts';
import { explainWidth } from '../../../protocol/ring/explain-width.ts';
import { type CodecPlan, planCodec } from '../../../protocol/ring/width.ts';
import type { Codec } from '../../../schemas/codec.ts';

const plan: CodecPlan = { clipNorm: 2, cohortMax: 100, weightMax: 1, counters: 0 };

const described = (codec: Codec, length = 1_000_000, updates = 100) =>
  describeCodec(codec, explainWidth(codec, length, updates)).map(([label, text]) => `${label}: ${text}`);

test('says what the worst case is, what it takes, and what fewer bits would cost', () => {
  expect(described(planCodec(plan))).toEqual([
    'codec: 24 bits a coordinate in steps of 0.00002384, 83885 to the clip norm of 2',
    'worst case: all of the norm in one coordinate: 83886 steps with rounding, times 100 (cohort), no noise: 8388600',
    'width: 24 bits reach 8388607; with 23 the worst case would wrap',
    'narrower: 16 bits: 326 of 16384 wanted steps to the clip norm, an update would move by 150 % of it',
    'rounding: a coordinate moves by less than a step, an update by at most 0.6 % of the clip norm, the mean of 100 by 0.06 % (root mean square)',
    'update: 3000068 bytes; its coordinates as float32 would take 4000000',
  ]);
});

test('says that updates are turned, and by how much less one coordinate may have', () => {
  const lines = described(planCodec({ ...plan, rotated: 1_000_000 }));
  expect(lines).toContain('rotation: turned in blocks of 262144, no coordinate above 0.02943');
  expect(lines).toContain(
    'worst case: a coordinate at its bound: 327 steps with rounding, times 100 (cohort), no noise: 32700',
  );
  expect(lines).toContain('narrower: no width that packs fast');
});

test('says what weights do to the steps', () => {
  const weighted = described(planCodec({ ...plan, weightMax: 600 }));
  expect(weighted).toContain(': one of weight w, which is 600 at most, by 600 / w times as much');
  expect(weighted).toHaveLength(described(planCodec(plan)).length + 1);
});

test.each<[what: string, codec: Codec, updates: number, line: string]>([
  [
    'a grid coarser than it need be',
    { ...planCodec(plan), grid: 2 / 100 },
    100,
    'width: 24 bits reach 8388607; 15 would be enough on this grid',
  ],
  [
    'a sum that does not fit',
    planCodec(plan),
    200,
    'width: 24 bits reach 8388607: the worst case does not fit, it needs 25',
  ],
  [
    'a cohort that fewer bits cannot hold',
    planCodec({ ...plan, cohortMax: 10_000_000 }),
    10_000_000,
    'narrower: 24 bits: not one step to the clip norm',
  ],
  [
    'bits that nobody asked for',
    planCodec({ ...plan, cohortMax: 1, width: 32 }),
    1,
    'narrower: 24 bits: 8388606 steps to the clip norm, an update would move by 0.006 % of it',
  ],
])('%s', (_what, codec, updates, line) => {
  expect(described(codec, 1_000_000, updates)).toContain(line);
});
