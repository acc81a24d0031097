// covers: sim/demo/demo-node.ts, sim/demo/own-log.ts, sim/demo/run-demo.ts, server/stored-log-source.ts, sim/child-process.ts, sim/commands/demo.ts
/**
 * `hanse demo` with all its processes: what it prints last, what it leaves behind (no process, no row of data with the
 * coordinator), and how it ends when it is stopped, killed or kept.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadMnist } from '../../client/data/mnist.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { bytesOf } from '../../protocol/vector.ts';
import { openSqliteStore } from '../../server/store/sqlite-store.ts';
import { hanse } from '../fixtures/command-line.ts';
import {
  hasProcessList,
  isBuilt,
  type Line,
  processesNaming,
  startHanse,
  untilNoneNames,
} from './hanse-process.ts';
import { filesHolding } from './stored-bytes.ts';

/** Coordinator and evaluator besides the participants, and the process of the demo itself. */
const PROCESSES = 3 + 3;

describe.skipIf(!isBuilt || !hasProcessList)('hanse demo (needs the build, and /proc)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hanse-demo-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const demo = (dataDir: string, rounds: number, ...more: string[]) => {
    const participants = more.includes('--participants') ? [] : ['--participants', '3'];
    const options = ['--rounds', `${rounds}`, ...participants, '--data-dir', dataDir, '--json'];
    return startHanse(['demo', ...options, ...more], { env: { TMPDIR: folder } });
  };

  describe('to its end', () => {
    let dataDir: string;
    let result: Line;
    beforeAll(async () => {
      dataDir = join(folder, 'whole');
      // Of five, four are indispensable: one may be lost.
      const whole = demo(dataDir, 3, '--participants', '5', '--drop', '1');
      expect(await whole.ended(), whole.said).toEqual({ code: 0, signal: null });
      expect(processesNaming(dataDir)).toEqual([]);
      result = whole.result;
    });

    test('prints its result on the last line', () => {
      expect(result).toEqual({
        participants: 5,
        rounds: 3,
        accuracy: expect.any(Number),
        seconds: expect.any(Number),
        bytesUp: expect.any(Number),
        bytesDown: expect.any(Number),
        providers: { cpu: 5 },
        modelSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        secureAggregation: { suite: 1, threshold: 4, survivors: 4, dropped: 1 },
        privacy: {
          unit: 'example',
          epsilonServer: expect.any(Number),
          epsilonModel: result.privacy.epsilonServer,
          delta: 1e-5,
          noiseMultiplier: expect.any(Number),
          clipNorm: 0.5,
          accountant: 'rdp',
          neighbouring: 'replace-special',
          epsilonSpent: expect.any(Number),
        },
        audit: {
          size: expect.any(Number),
          root: expect.stringMatching(/^[0-9a-f]{64}$/),
          witnesses: expect.toSatisfy((count: number) => count >= 3 && count <= 5),
          verified: true,
          rounds: 3,
          findings: [],
        },
        dataDir,
        modelFile: join(dataDir, 'model.onnx'),
        jobId: expect.stringMatching(/^job-[0-9a-f]{16}$/),
      });
      expect(result.privacy.epsilonServer).toBeLessThanOrEqual(2);
      expect(result.privacy.epsilonSpent).toBeLessThanOrEqual(result.privacy.epsilonServer);
      expect(result.privacy.epsilonSpent).toBeGreaterThan(0.9 * result.privacy.epsilonServer);
      expect(result.accuracy).toBeGreaterThan(0.2);
      expect(result.accuracy).toBeLessThanOrEqual(1);
    });

    test('leaves a log of which its job can be shown as a page that verifies itself', async () => {
      const output = join(folder, 'pack.html');
      const from = ['--data-dir', join(dataDir, 'coordinator'), '--job', result.jobId];
      const pack = startHanse(['audit', 'export', ...from, '-o', output, '--json']);
      expect(await pack.ended(), pack.said).toEqual({ code: 0, signal: null });
      const { entries } = pack.result;
      expect(entries).toBeGreaterThan(3);
      expect(entries).toBeLessThan(result.audit.size);
      expect(readFileSync(output, 'utf8')).toContain(`Evidence of ${result.jobId}`);
    });

    test('leaves receipts with each participant, of which its log tells; one that it does not know is missed', async () => {
      const exported = join(folder, 'exported');
      const from = ['--data-dir', join(dataDir, 'coordinator'), '--no-content', '--json'];
      expect((await startHanse(['audit', 'export', exported, ...from]).ended()).code).toBe(0);
      const verify = async (receipts: string) => {
        const verified = startHanse([
          'audit',
          'verify',
          exported,
          '--no-content',
          '--receipts',
          receipts,
          '--json',
        ]);
        const { code } = await verified.ended();
        return [code, verified.result.findings.map((finding: Line) => finding.code)];
      };
      const file = join(dataDir, 'participant-01', 'identity.json.receipts');
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.length).toBeLessThanOrEqual(3);
      expect(await verify(file)).toEqual([0, []]);
      const other = join(folder, 'receipts');
      writeFileSync(other, `${JSON.stringify({ ...JSON.parse(lines[0] ?? ''), sha256: '0'.repeat(64) })}\n`);
      expect(await verify(other)).toEqual([1, ['receiptMissing']]);
    });

    test('answers the questions of auditors out of its log, as README asks them', async () => {
      const exported = join(folder, 'asked');
      const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
      const [, fence = ''] = /### The questions of an auditor[\s\S]*?```\n([\s\S]*?)```/.exec(readme) ?? [];
      const commands = fence
        .split('\n')
        .filter((line) => line.startsWith('hanse audit '))
        .map((line) =>
          line
            .replace(/ +#.*$/, '')
            .split(' ')
            .slice(1),
        );
      expect(commands.map(([, name]) => name)).toEqual([
        ...['export', 'uses', 'cost', 'denials', 'organisation', 'policies', 'report'],
      ]);
      const given: Readonly<Record<string, string>> = {
        '<folder>/coordinator': join(dataDir, 'coordinator'),
        '<job>': result.jobId,
        exported,
        'report.html': join(folder, 'report.html'),
        // Whatever year it is.
        '2026-01-01..2026-12-31': 'all',
        '2026': 'all',
      };
      const told = new Map<string, Line>();
      for (const words of commands) {
        const { exitCode, json } = await hanse([...words.map((word) => given[word] ?? word), '--json']);
        expect([words, exitCode]).toEqual([words, 0]);
        told.set(words[1] ?? '', json as Line);
      }
      const tablesOf = (name: string): Line => told.get(name)?.tables ?? {};
      const { uses, models } = tablesOf('uses');
      const { cost, shapedBy } = tablesOf('cost');
      // In each round one of the five is lost, which may be the holder of this data set each time.
      const { rounds: own } = shapedBy.rows.find((row: Line) => row.organisation === 'organisation-1') ?? {
        rounds: 0,
      };
      const used = own > 0 ? 'yes' : expect.any(String);
      expect(uses.rows).toMatchObject([{ job: result.jobId, used, unit: 'example' }]);
      expect(models.rows).toHaveLength(own);
      expect(cost.rows[0].spent).toBeCloseTo(result.privacy.epsilonSpent, 5);
      expect(shapedBy.rows.reduce((sum: number, { updates }: Line) => sum + updates, 0)).toBe(12);
      expect(tablesOf('organisation').members.rows.length).toBeGreaterThan(1);
      expect(tablesOf('policies').access.rows).toHaveLength(1);
      expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain(result.jobId);
    });

    test('exports the model whose hash it prints', () => {
      const model = readFileSync(result.modelFile);
      expect(createHash('sha256').update(model).digest('hex')).toBe(result.modelSha256);
    });

    test('counts as sent what the coordinator has recorded: updates of one size, one a round and survivor', async () => {
      const store = openSqliteStore(join(dataDir, 'coordinator', 'hanse.sqlite'));
      const events = await store.read(`job/${result.jobId}`);
      await store.close();
      const updates = events.filter(({ type }) => type === 'updateAccepted').map(({ data }) => data as Line);
      expect(updates).toHaveLength(12);
      expect(new Set(updates.map(({ bytes }) => bytes)).size).toBe(1);
      expect(updates.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(result.bytesUp);
      for (const { bytes, sha256 } of updates) {
        const blobs = filesHolding(join(dataDir, 'coordinator', 'blobs'), new Uint8Array());
        const stored = blobs.map((file) => readFileSync(file)).find((blob) => sha256Of(blob) === sha256);
        expect(stored?.length).toBe(bytes);
      }
    });

    test('leaves no row of a participant with the coordinator', async () => {
      const coordinatorDir = join(dataDir, 'coordinator');
      for (const name of ['participant-01', 'participant-02', 'participant-03']) {
        const rows: number[] = JSON.parse(readFileSync(join(dataDir, name, 'rows.json'), 'utf8'));
        const { features } = await loadMnist('train', Uint32Array.from(rows.slice(0, 3)));
        for (let row = 0; row < 3; row += 1) {
          const pixels = features.subarray(784 * row, 784 * (row + 1));
          const from = pixels.findIndex((pixel) => pixel > 0);
          const inked = pixels.slice(from, from + 200);
          const forms = [bytesOf(inked), Uint8Array.from(inked, (pixel) => Math.round(255 * pixel))];
          for (const form of forms) {
            expect(filesHolding(coordinatorDir, form)).toEqual([]);
            // The search finds what is there.
            const planted = join(coordinatorDir, 'blobs', 'planted');
            writeFileSync(planted, Buffer.concat([Buffer.alloc(1000), form, Buffer.alloc(1000)]));
            expect(filesHolding(coordinatorDir, form)).toEqual([planted]);
            rmSync(planted);
          }
        }
      }
    });

    // The last of them: it adds to the folder that the others look at.
    test('again in the same folder, its nodes find the coordinator at its new address and train another model, with plain sums and no promise; and who changes a byte of its log is found', async () => {
      const identityOf = (name: string): Line =>
        JSON.parse(readFileSync(join(dataDir, name, 'identity.json'), 'utf8'));
      const before = identityOf('participant-01');
      const again = demo(dataDir, 1, '--participants', '5', '--plain', '--no-dp', '--tamper');
      expect(await again.ended(), again.said).toEqual({ code: 0, signal: null });
      expect(again.result).toMatchObject({ participants: 5, rounds: 1, providers: { cpu: 5 } });
      expect(again.result.secureAggregation).toBeNull();
      expect(again.result.privacy).toBeNull();
      expect(again.result.jobId).not.toBe(result.jobId);
      const [, leaf] = /one bit of entry (\d+) of the audit log/.exec(again.stderr) ?? [];
      const finding = { code: 'leafMismatch', leaf: Number(leaf), message: expect.any(String) };
      expect(again.result.audit).toMatchObject({ verified: false, findings: [finding] });
      expect(again.result.audit.size).toBeGreaterThan(result.audit.size);
      const after = identityOf('participant-01');
      expect(after).toEqual({ ...before, server: after.server });
      expect(processesNaming(dataDir)).toEqual([]);
    });
  });

  test('interrupted in the middle, it says so and leaves nothing running', async () => {
    const dataDir = join(folder, 'interrupted');
    const interrupted = demo(dataDir, 1000);
    await interrupted.until('training', () => interrupted.stderr.includes('training'));
    expect(processesNaming(dataDir)).toHaveLength(PROCESSES);
    interrupted.signal('SIGINT');
    expect(await interrupted.ended()).toEqual({ code: 1, signal: null });
    expect(interrupted.result).toMatchObject({ problem: { code: 'interrupted' } });
    expect(processesNaming(dataDir)).toEqual([]);
  });

  test('killed in the middle, it takes its processes along', async () => {
    const dataDir = join(folder, 'killed');
    const killed = demo(dataDir, 1000);
    await killed.until('training', () => killed.stderr.includes('training'));
    expect(processesNaming(dataDir)).toHaveLength(PROCESSES);
    await killed.kill();
    await untilNoneNames(dataDir);
  });

  test('kept, it serves on after its result until it is asked to stop', async () => {
    const dataDir = join(folder, 'kept');
    const kept = demo(dataDir, 1, '--keep');
    const { modelSha256 } = await kept.line('its result', (line) => 'modelSha256' in line);
    const url = /still running at (\S+);/.exec(kept.stderr)?.[1];
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const [, link = ''] = /from a browser, once: (\S+)/.exec(kept.stderr) ?? [];
    expect(parseInviteLink(link)).toMatchObject({ server: url, role: 'participant' });
    expect(await (await fetch(link)).text()).toContain('<title>');
    expect(await kept.stop()).toEqual({ code: 0, signal: null });
    expect(kept.result.modelSha256).toBe(modelSha256);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
    expect(processesNaming(dataDir)).toEqual([]);
  });
});

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
