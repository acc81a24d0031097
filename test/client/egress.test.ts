// covers: schemas/egress.ts
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { egressOf, histogram } from '../../client/egress.ts';
import { parse } from '../../protocol/parse.ts';
import { seededRandom } from '../../protocol/random.ts';
import { l2Norm } from '../../protocol/ring/clip.ts';
import { encodeUpdate } from '../../protocol/ring/update.ts';
import { HEADER_BYTES } from '../../protocol/vector.ts';
import { Egress } from '../../schemas/egress.ts';
import { jobShelf } from '../fixtures/job-shelf.ts';

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

test('a histogram of known values', () => {
  expect(histogram(new Float32Array([-2, -1, 0, 0, 1, 2]), 0.5, 5)).toEqual({
    least: -1,
    greatest: 1,
    counts: [1, 1, 2, 1, 1],
  });
  expect(histogram(new Int32Array(3), 1, 5)).toMatchObject({ counts: [0, 0, 3, 0, 0] });
});

test('every value is in a bin, none beyond the ends', () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true }), (values) => {
      const { counts, least, greatest } = histogram(values, 1, 9);
      expect(sum(counts)).toBe(values.length);
      for (const value of values) expect(value >= least && value <= greatest).toBe(true);
    }),
  );
});

test.each([1, 1000])(
  'what is shown is what the message holds, clipped where %d times as large',
  async (size) => {
    const { manifest, trainTask } = await jobShelf();
    const { codec, parameters } = manifest;
    const delta = Float32Array.from(
      { length: parameters },
      (_, i) => (Math.sin(i) * size * codec.clipNorm) / 50,
    );
    const norm = l2Norm(delta);
    const weight = Math.min(codec.weightMax, 3);
    const payload = encodeUpdate({ delta, weight, counters: [] }, codec, seededRandom(new Uint8Array(32)));
    const update = new Uint8Array(HEADER_BYTES + payload.length);
    update.set(payload, HEADER_BYTES);
    const egress = egressOf({ task: trainTask({ round: 2 }), manifest, delta, norm, weight, update });
    expect(parse(Egress, egress, 'egress')).toMatchObject({
      round: 2,
      bytes: update.length,
      parameters,
      isClipped: norm > codec.clipNorm,
      visibleAs: 'update',
    });
    for (const { counts } of [egress.before, egress.clipped, egress.quantised])
      expect(sum(counts)).toBe(parameters);
    const factor = Math.min(1, codec.clipNorm / norm);
    expect(egress.clipped.greatest).toBeCloseTo(egress.before.greatest * factor, 6);
    // Rounded to the grid: off by less than one step.
    expect(Math.abs(egress.quantised.greatest - egress.clipped.greatest)).toBeLessThan(egress.step);
    expect(egress.quantised.greatest / egress.step).toBeCloseTo(
      Math.round(egress.quantised.greatest / egress.step),
    );
    // Of the bytes themselves: another message is shown as another.
    const other = egressOf({
      task: trainTask(),
      manifest,
      delta,
      norm,
      weight,
      update: new Uint8Array(update.length),
    });
    expect(other.quantised.greatest).toBe(0);
  },
);
