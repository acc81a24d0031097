// covers: server/access/cedar.ts
/**
 * Code that is dropped while Cedar runs in it: it ends the process on a V8 that has this fault, and does not where we call Cedar.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('../fixtures/dropped-code.mjs', import.meta.url));
const guard = new URL('../../dist/server/access/cedar.js', import.meta.url).href;
const run = (...words: string[]) => promisify(execFile)(process.execPath, [program, ...words]);

test('ends no process that calls Cedar as we do', async () => {
  expect((await run(guard)).stdout).toMatch(/^[0-9]+\n$/);
});

test.runIf(Number.parseInt(process.versions.v8, 10) < 12)('ends one that calls it otherwise', async () => {
  await expect(run()).rejects.toMatchObject({ stderr: expect.stringContaining('unreachable code') });
});
