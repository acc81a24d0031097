// covers: sim/demo/demo-tab.ts
/**
 * `hanse demo --browser`: one participant is a process, the other a tab on WebGPU, and both send an update.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { hasProcessList, isBuilt, startHanse, untilNoneNames } from './hanse-process.ts';

/** Of the demo's model, compiled in software on a machine that has other things to do. */
const SHADERS_MS = 180_000;
const found = inject('chromium');
const missing = 'missing' in found ? found.missing : undefined;

describe.skipIf(!isBuilt || missing || !hasProcessList)(
  `hanse demo --browser${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'hanse-demo-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const demo = (...more: string[]) => startHanse(['demo', '--json', ...more], { env: { TMPDIR: folder } });

    test(
      'counts its tabs by their provider, and leaves no browser behind',
      async () => {
        const few = ['--rounds', '1', '--participants', '2', '--browser', '1'];
        const run = demo(...few, '--data-dir', join(folder, 'data'));
        expect(await run.ended(SHADERS_MS), run.said).toEqual({ code: 0, signal: null });
        expect(run.result).toMatchObject({ participants: 2, rounds: 1, providers: { cpu: 1, webgpu: 1 } });
        // The profile of the browser lies in the folder for temporary files.
        await untilNoneNames(folder);
      },
      SHADERS_MS,
    );

    test('refuses more tabs than participants, before anything is started', async () => {
      const run = demo('--participants', '2', '--browser', '3');
      expect(await run.ended()).toEqual({ code: 2, signal: null });
      expect(run.result).toMatchObject({ problem: { code: 'usage' } });
    });
  },
);
