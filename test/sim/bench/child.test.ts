// covers: sim/bench/child.ts, sim/bench/scratch-folder.ts
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Child, withChildren } from '../../../sim/bench/child.ts';
import { withScratchFolder } from '../../../sim/bench/scratch-folder.ts';

const SCRIPT = '../../test/sim/bench/lines-process.mjs';

test('children speak in lines, and are stopped when the work ends or fails', async () => {
  const children: Child[] = [];
  const work = withChildren(async (start) => {
    for (const text of ['one', 'two']) children.push(start(SCRIPT, ['wait', text]));
    expect(await Promise.all(children.map((child) => child.next()))).toEqual([
      { text: 'one' },
      { text: 'two' },
    ]);
    throw new Error('the work failed');
  });
  await expect(work).rejects.toThrow('the work failed');
  for (const child of children) await expect(child.next()).rejects.toThrow('lines-process.mjs ended');
});

test('a child that ends without a word is a failure, told with what it said', async () => {
  const second = withChildren(async (start) => {
    const child = start(SCRIPT, ['fail', 'last words']);
    expect(await child.next()).toEqual({ text: 'last words' });
    return child.next();
  });
  await expect(second).rejects.toThrow(/ended with 3: something broke/);
});

test('a scratch folder is there for the work, and gone afterwards', async () => {
  let seen = '';
  const work = withScratchFolder(async (folder) => {
    seen = folder;
    await writeFile(join(folder, 'file'), 'content');
    expect(existsSync(join(folder, 'file'))).toBe(true);
    throw new Error('the work failed');
  });
  await expect(work).rejects.toThrow('the work failed');
  expect(existsSync(seen)).toBe(false);
});
