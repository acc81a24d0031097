import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tryExclusiveLock } from '../../../server/store/exclusive-lock.ts';

// Between processes, and after a kill: test/e2e/store-kill.test.ts.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('one holder at a time, and another after its release', () => {
  const file = join(folder, 'lock');
  const first = tryExclusiveLock(file);
  expect(first).toBeDefined();
  expect(tryExclusiveLock(file)).toBeUndefined();
  const elsewhere = tryExclusiveLock(join(folder, 'other'));
  expect(elsewhere).toBeDefined();
  first?.release();
  first?.release();
  const second = tryExclusiveLock(file);
  expect(second).toBeDefined();
  second?.release();
  elsewhere?.release();
});

test('what cannot be locked is a problem, not a lock', () => {
  expect(() => tryExclusiveLock(join(folder, 'missing', 'lock'))).toThrow(
    expect.objectContaining({ code: 'storageFailed' }),
  );
  const sound = tryExclusiveLock(join(folder, 'lock'));
  expect(sound).toBeDefined();
  sound?.release();
  const file = join(folder, 'text');
  writeFileSync(file, 'not a lock file at all '.repeat(100));
  expect(() => tryExclusiveLock(file)).toThrow(expect.objectContaining({ code: 'storageCorrupt' }));
});
