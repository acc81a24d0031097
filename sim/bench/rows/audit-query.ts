/**
 * What it costs to ask an audit log of a million entries something, and to make the index by which it is answered.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { primitives } from '#primitives';
import { verifierKey } from '../../../protocol/audit/verifier-key.ts';
import type { AuditQuery } from '../../../schemas/audit-query.ts';
import { AuditLog } from '../../../server/audit-log.ts';
import { AuditQueries } from '../../../server/audit-queries.ts';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { writeLoggedRecords } from '../logged-records.ts';
import { median } from '../measure.ts';
import type { RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const MILLION = 1_000_000;
/** Pages of each kind. */
const PAGES = 50;

export const auditQuery1M: RowDefinition = {
  name: 'audit/query/1M',
  unit: 'ms',
  what: 'wall: the first page of 20 entries with their proofs, by an indexed field that nearly all of 10^6 have, or one alone has, in a process that has the index open; value: the median; baseline: one inclusion proof',
  asked: [{ of: 'p99', atMost: 100 }],
  async measure({ progress }) {
    return withScratchFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      await mkdir(dataDir);
      progress(`writing ${MILLION} events and their log`);
      await writeLoggedRecords(dataDir, MILLION);
      const signer = await primitives.signer(new Uint8Array(32));
      const key = await verifierKey('hanse.example/log', 'note', signer.publicKey);
      const file = new AuditFile(join(dataDir, 'audit.sqlite'));
      const log = await AuditLog.open(file, { key, signer });
      const queries = new AuditQueries(log, join(dataDir, 'audit-index.sqlite'));
      try {
        progress('making the index');
        const begun = performance.now();
        await queries.catchUp();
        const buildSeconds = (performance.now() - begun) / 1000;
        const actors = Array.from(
          { length: PAGES },
          (_, at) =>
            JSON.parse(log.saltedFields(1 + ((at * 19_997) % (MILLION - 1)))[0]?.value ?? '""') as string,
        );
        const asked: AuditQuery[] = actors.flatMap((actor): AuditQuery[] => [
          { actor },
          { job: 'job-0123456789abcdef' },
          { type: 'round.*', outcome: 'success', order: 'oldest' },
        ]);
        const [values, baselines]: [number[], number[]] = [[], []];
        for (const [at, query] of asked.entries()) {
          const took = await milliseconds(async () => {
            const { rows } = await queries.page(query, log.note);
            if (rows.length === 0) throw new Error('unreachable: there are such entries');
          });
          const proving = await milliseconds(() => log.inclusionProof((at * 19_997) % MILLION, MILLION));
          if (at < 3) continue;
          values.push(took);
          baselines.push(proving);
        }
        const sorted = values.toSorted((a, b) => a - b);
        const p99 = sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN;
        return { values, baselines, more: { p50: median(values), p99, buildSeconds } };
      } finally {
        await queries.close();
        file.close();
      }
    });
  },
};

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
