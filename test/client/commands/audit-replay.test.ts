import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hanse } from '../../fixtures/command-line.ts';
import { exportFederation } from '../../fixtures/exported-federation.ts';
import { writeExport } from '../../fixtures/exported-log.ts';
import { TestFederation } from '../../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../../fixtures/secure-round.ts';

let folder: string;
let jobId: string;
let plainId: string;
let federation: TestFederation;

beforeAll(async () => {
  federation = await TestFederation.open({ participants: SIZE });
  ({ jobId } = await beginJob(federation));
  await playRound(federation);
  await playRound(federation, 1);
  ({ jobId: plainId } = await federation.createJob({ cohort: { size: SIZE, minimum: 2 } }));
  await federation.appear();
  await federation.workAll();
  folder = mkdtempSync(join(tmpdir(), 'hanse-replay-'));
  writeExport(folder, await exportFederation(federation, [jobId, plainId]));
});
afterAll(() => rmSync(folder, { recursive: true }));

const replay = async (job: string, ...words: string[]) =>
  hanse(['audit', 'replay', folder, '--job', job, ...words]);

test('a job is made again, round by round, up to what was released', async () => {
  const { history, model } = federation.coordinator.job(jobId).state;
  const rounds = history.map(({ round, attempt, secure, model: next }) => ({
    ...{ round, attempt, sum: secure?.sum, model: next },
  }));
  expect(rounds).toHaveLength(2);
  const { exitCode, json } = await replay(jobId, '--json');
  expect(json).toEqual({ jobId, replayed: true, rounds, model, findings: [] });
  expect(exitCode).toBe(0);
  const { out } = await replay(jobId);
  for (const { sum, model: next } of rounds) {
    expect(out).toContain(`sum   ${sum}`);
    expect(out).toContain(`model ${next}`);
  }
  expect(out).toContain(`2 rounds made again from the first model on, and the last one released is ${model}`);
  await expect(replay(plainId, '--json')).resolves.toMatchObject({
    exitCode: 0,
    json: { replayed: true, rounds: [{ round: 1, sum: null }] },
  });
  await expect(replay('job-0000000000000000')).resolves.toMatchObject({ exitCode: 1 });
});

test('where updates are gone, or changed, it is not', async () => {
  const [{ secure } = {}] = federation.coordinator.job(jobId).state.history;
  const bytes = await federation.blobs.read(secure?.record ?? '');
  const { record } = JSON.parse(new TextDecoder().decode(bytes));
  const [{ sha256 }, { sha256: another }] = record.updates;
  const file = join(folder, 'content', sha256);
  const update = await federation.blobs.read(sha256);
  for (const one of [sha256, another]) rmSync(join(folder, 'content', one));
  const gone = await replay(jobId);
  expect(gone).toMatchObject({ exitCode: 1 });
  expect(gone.err).toContain('notRecomputable');
  expect(gone.err).toContain('removed 2');
  writeFileSync(
    file,
    update.map((byte) => byte ^ 1),
  );
  await expect(replay(jobId, '--json')).resolves.toMatchObject({
    exitCode: 1,
    json: { replayed: false, findings: [{ code: 'hashMismatch' }] },
  });
  mkdirSync(join(folder, 'content'), { recursive: true });
  for (const one of [sha256, another])
    writeFileSync(join(folder, 'content', one), await federation.blobs.read(one));
  await expect(replay(jobId, '--json')).resolves.toMatchObject({ exitCode: 0 });
});
