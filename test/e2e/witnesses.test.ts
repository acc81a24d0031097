/**
 * Nodes as witnesses of the log of their coordinator, all as processes of their own: what they have not seen is not released, and a
 * coordinator that was put back to an older copy of itself is found out by those who have seen more.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { parseVerifierKey } from '../../protocol/audit/verifier-key.ts';
import { isBuilt, runHanse } from './hanse-process.ts';
import { SmallFederation, smallPlan } from './small-federation.ts';

describe.skipIf(!isBuilt || process.platform === 'win32')(
  'nodes that witness the log (needs the build: npm test makes it)',
  () => {
    const federation = new SmallFederation();
    const node = (name: string) => {
      const found = federation.nodes.get(name);
      if (!found) throw new Error(`no node ${name}`);
      return found;
    };
    const serve = () => federation.serve({ args: ['--liveness', '1', '--witness-wait', '1'] });
    const alone = smallPlan({ rounds: 1, cohort: { size: 1, minimum: 1 }, evaluateEvery: 0 });

    beforeAll(async () => {
      await serve();
      const seeds = Object.entries({ a: 1, b: 2, c: 3 });
      await Promise.all(seeds.map(([name, seed]) => federation.join(name, 'participant', seed)));
    });
    afterAll(() => federation.end());

    test('what too few have seen is not released, and is once they are back; the export shows who has seen it', async () => {
      await Promise.all(['b', 'c'].map((name) => node(name).kill()));
      await federation.isWaiting('a');
      const jobId = await federation.createJob(alone, async () => {});
      const withheld = await federation.jobWhen(jobId, 'withholding', (job) => job.withheld !== undefined);
      expect(withheld).toMatchObject({
        phase: 'releasing',
        withheld: 'aggregatedUnreleased',
        model: withheld.manifest.initialModel,
        waitingFor: expect.stringMatching(
          /^witnesses of the log: 1 of 2 .* have cosigned it; not yet organisation-[23]\.example, organisation-[23]\.example$/,
        ),
      });
      await federation.rejoin('b');
      const job = await federation.jobAtEnd(jobId);
      expect(job).toMatchObject({ phase: 'finished', rounds: [{ outcome: 'released' }] });
      expect(job.withheld).toBe(undefined);

      const folder = join(federation.folder, 'log');
      await runHanse(['audit', 'export', folder, '--data-dir', federation.dataDir, '--newest']);
      const policy = readFileSync(join(folder, 'witness-policy'), 'utf8');
      expect(policy.match(/^witness organisation-\d\.example\//gm)).toHaveLength(3);
      expect(policy).toContain('group majority 2 ');
      rmSync(folder, { recursive: true });
      await runHanse(['audit', 'export', folder, '--data-dir', federation.dataDir]);
      const { result } = await runHanse(['audit', 'verify', folder, '--json']);
      expect(result).toMatchObject({ verified: true, witnesses: { cosigned: 2, total: 3 } });
      expect(readFileSync(join(folder, 'tile/entries/000.p', `${result.size}`), 'latin1')).toContain(
        '"code":"aggregatedUnreleased"',
      );
    });

    test('a coordinator that was put back is found out: alarm and evidence on both sides, and nothing more for it', async () => {
      const { coordinator, dataDir } = federation;
      await coordinator?.stop();
      const older = join(federation.folder, 'older');
      cpSync(dataDir, older, { recursive: true });
      await serve();
      await federation.jobAtEnd(await federation.createJob(alone, async () => {}));
      await federation.coordinator?.stop();
      rmSync(dataDir, { recursive: true });
      cpSync(older, dataDir, { recursive: true });

      const again = await serve();
      await federation.createJob(alone, async () => {});
      const alarm = await node('a').line('the alarm', ({ type }) => type === 'logAlarm');
      expect(alarm.problem.code).toBe('logForked');
      expect((await node('a').ended()).code).not.toBe(0);
      await again.until('the alarm', () => again.stderr.includes('logForked'));
      const key = await parseVerifierKey(readFileSync(join(dataDir, 'keys/audit.vkey'), 'utf8').trimEnd());
      const { evidence } = JSON.parse(
        readFileSync(join(federation.folder, 'a', 'identity.json.evidence'), 'utf8'),
      );
      for (const note of evidence[0]) await readCheckpoint(note, key);
      expect(new Set(evidence[0]).size).toBe(2);
    });
  },
);
