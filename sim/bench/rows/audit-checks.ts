/**
 * What it costs to check everything of an audit log of a million entries, and to hand it over.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { withChildren } from '../child.ts';
import { writeLoggedRecords } from '../logged-records.ts';
import { cpuSeconds } from '../measure.ts';
import type { RowContext, RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const MILLION = 1_000_000;
const RUNS = 3;
/** Of a checkpoint of the records. */
const PAGE = 1000;

export const auditFsck1M: RowDefinition = {
  name: 'audit/fsck/1M',
  unit: 's',
  what: 'processor time of checking all of a log of 10^6 entries, and the events of the records against it; baseline: reading each entry and hashing it once',
  asked: [{ of: 'value', atMost: 30 }],
  async measure(context) {
    const [values, baselines]: [number[], number[]] = [[], []];
    await withMillion(context, async (dataDir) => {
      for (let run = 0; run < RUNS; run += 1) {
        context.progress(`check ${run + 1} of ${RUNS}`);
        values.push((await took(['audit', 'fsck', '--data-dir', dataDir])).cpuSeconds);
        baselines.push(await cpuSeconds(() => hashEntries(join(dataDir, 'audit.sqlite'))));
      }
    });
    return { values, baselines };
  },
};

export const auditExport1M: RowDefinition = {
  name: 'audit/export/1M',
  unit: 'MB',
  what: 'the most memory that is resident while a log of 10^6 entries is exported, above that for a log of one entry, which is the baseline',
  asked: [{ of: 'value', atMost: 100 }],
  async measure(context) {
    const [values, baselines, seconds]: [number[], number[], number[]] = [[], [], []];
    await withMillion(context, async (dataDir, folder) => {
      const idle = join(folder, 'idle');
      await mkdir(idle);
      await writeLoggedRecords(idle, 1);
      for (let run = 0; run < RUNS; run += 1) {
        context.progress(`export ${run + 1} of ${RUNS}`);
        const take = (name: string, from: string) =>
          took(['audit', 'export', join(folder, `${name}-${run}`), '--data-dir', from, '--salts']);
        const [least, most] = [await take('least', idle), await take('most', dataDir)];
        values.push((most.peakBytes - least.peakBytes) / 1e6);
        baselines.push(least.peakBytes / 1e6);
        seconds.push(most.cpuSeconds);
      }
    });
    return { values, baselines, more: { cpuSeconds: Math.min(...seconds) } };
  },
};

async function withMillion(
  { progress }: RowContext,
  work: (dataDir: string, folder: string) => Promise<void>,
): Promise<void> {
  await withScratchFolder(async (folder) => {
    progress(`writing ${MILLION} events and their log`);
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    await writeLoggedRecords(dataDir, MILLION);
    await work(dataDir, folder);
  });
}

interface Taken {
  readonly exitCode: number;
  readonly peakBytes: number;
  readonly cpuSeconds: number;
}

async function took(words: readonly string[]): Promise<Taken> {
  const taken = await withChildren(async (start) => {
    const child = start('audit-process.js', [...words, '--json']);
    await child.next(); // the result
    return (await child.next()) as Taken;
  });
  if (taken.exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${taken.exitCode}`);
  return taken;
}

function hashEntries(path: string): void {
  const file = new AuditFile(path, { readOnly: true });
  try {
    for (let from = 0; from < MILLION; from += PAGE)
      for (const entry of file.entries(from, PAGE)) createHash('sha256').update(entry).digest();
  } finally {
    file.close();
  }
}
