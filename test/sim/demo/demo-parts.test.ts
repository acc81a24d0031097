import { expect, test } from 'vitest';
import { loadMnistLabels } from '../../../client/data/mnist.ts';
import { demoParts } from '../../../sim/demo/demo-parts.ts';

const options = { participants: 5, partition: { type: 'shards' }, seed: 'a' } as const;

test('every image is in one part, and each part knows its labels', async () => {
  const labels = await loadMnistLabels('train');
  const parts = await demoParts({ ...options, browser: 0 });
  expect(parts.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5].map((n) => `participant-0${n}`));
  expect(new Set(parts.flatMap(({ rows }) => [...rows])).size).toBe(labels.length);
  for (const { rows, labels: told } of parts)
    expect([...new Set(Array.from(rows, (row) => labels[row] ?? -1))].sort()).toEqual(told);
});

test('a tab has 64 images of the part that it would have as a process', async () => {
  const whole = await demoParts({ ...options, browser: 0 });
  const parts = await demoParts({ ...options, browser: 2 });
  expect(parts.slice(0, 3)).toEqual(whole.slice(0, 3));
  for (const [i, { rows, labels, examples }] of [...parts.entries()].slice(3)) {
    expect([rows.length, examples]).toEqual([64, 64]);
    expect(labels.length).toBeGreaterThan(1);
    expect(labels.every((label) => whole[i]?.labels.includes(label))).toBe(true);
    expect(rows.every((row) => whole[i]?.rows.includes(row))).toBe(true);
  }
});
