/** What the periodic report of an auditor costs, of a year of a federation that has logged a million entries. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBundle } from '../../../protocol/audit/entry-bundle.ts';
import { TILE_WIDTH, tileAt, tilePath } from '../../../protocol/audit/tile.ts';
import { withChildren } from '../child.ts';
import { writeManyEntries } from '../many-entries.ts';
import { cpuSeconds } from '../measure.ts';
import type { RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const MILLION = 1_000_000;
const RUNS = 3;

export const auditReport1M: RowDefinition = {
  name: 'audit/report/1M',
  unit: 's',
  what: 'processor time of verifying a log of 10^6 entries of a year and making the report of it; peakMB: the most memory that is resident; baseline: reading each entry and hashing it once',
  asked: [
    { of: 'value', atMost: 60 },
    { of: 'peakMB', atMost: 300 },
  ],
  async measure({ progress }) {
    const [values, baselines, peaks]: [number[], number[], number[]] = [[], [], []];
    await withScratchFolder(async (folder) => {
      progress(`writing a log of ${MILLION} entries`);
      const log = join(folder, 'exported');
      await writeManyEntries(log, MILLION);
      for (let run = 0; run < RUNS; run += 1) {
        progress(`report ${run + 1} of ${RUNS}`);
        const { peakBytes, cpuSeconds: seconds } = await took(log, join(folder, 'report.html'));
        values.push(seconds);
        peaks.push(peakBytes / 1e6);
        baselines.push(await cpuSeconds(() => hashEntries(log)));
      }
    });
    return { values, baselines, more: { peakMB: Math.max(...peaks) } };
  },
};

interface Taken {
  readonly exitCode: number;
  readonly peakBytes: number;
  readonly cpuSeconds: number;
}

async function took(log: string, output: string): Promise<Taken> {
  const words = ['audit', 'report', log, '--period', '2026', '-o', output, '--json'];
  const taken = await withChildren(async (start) => {
    const child = start('audit-process.js', words);
    await child.next(); // the result
    return (await child.next()) as Taken;
  });
  if (taken.exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${taken.exitCode}`);
  return taken;
}

function hashEntries(log: string): void {
  for (let from = 0; from < MILLION; from += TILE_WIDTH) {
    const tile = tileAt('entries', from, MILLION);
    const bundle = new Uint8Array(readFileSync(join(log, tilePath(tile))));
    for (const entry of decodeBundle(bundle, tile.width)) createHash('sha256').update(entry).digest();
  }
}
