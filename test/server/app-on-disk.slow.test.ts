// covers: server/app.ts
/**
 * The coordinator over HTTP as it is in production, with SQLite and files.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { attemptParams } from '../../protocol/routes.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { openFileBlobStore } from '../../server/store/file-blob-store.ts';
import { openSqliteStore, type SqliteStore } from '../../server/store/sqlite-store.ts';
import type { FederationOptions, Node, TestFederation } from '../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { type Answer, expectProblem, expectSuccess } from '../fixtures/signed-client.ts';

let listening: ListeningApp;
let federation: TestFederation;
let first: Node;
let second: Node;
let _third: Node;

async function start(options: FederationOptions = {}): Promise<void> {
  listening = await listeningApp({ participants: 3, evaluators: 1, ...options });
  federation = listening.federation;
  [first, second, _third] = federation.participants as [Node, Node, Node];
}

/** A job whose first round waits for the updates of all three participants. */
async function collecting(): Promise<JobRunner> {
  await federation.appear();
  const runner = await federation.createJob({ cohort: { size: 3, minimum: 2 } });
  await reached(runner, 'collecting');
  return runner;
}

/** Resolves when the job is in this phase; the time limit of the test is all that ends the wait otherwise. */
const reached = (runner: JobRunner, phase: string) => until(runner, () => runner.state.phase === phase);

const deliver = (
  node: Node,
  body: Uint8Array,
  runner: JobRunner,
  at: { round?: number; attempt?: number } = {},
) => listening.call(node, 'putUpdate', { params: attemptParams({ ...runner.state, ...at }), body });

describe('over SQLite and files', () => {
  let folder: string;
  let store: SqliteStore;
  afterEach(async () => {
    await listening.close();
    await federation.coordinator.close();
    rmSync(folder, { recursive: true });
  });

  async function startOnDisk(limitBytes?: number): Promise<void> {
    folder = mkdtempSync(join(tmpdir(), 'hanse-app-'));
    store = openSqliteStore(join(folder, 'hanse.sqlite'), limitBytes === undefined ? {} : { limitBytes });
    await start({ store, blobs: await openFileBlobStore(join(folder, 'blobs')) });
  }

  test('a round, a kill, and the next round', async () => {
    await startOnDisk();
    await federation.appear();
    const runner = await federation.createJob({ rounds: 2 });
    await reached(runner, 'collecting');
    for (const node of federation.participants)
      expectSuccess(await deliver(node, federation.updateOf(node, 1), runner));
    await until(runner, () => runner.state.round === 2);
    const { model } = runner.state;
    await federation.reopen();
    const again = federation.coordinator.job(runner.jobId);
    expect(again.state).toMatchObject({ round: 2, model, history: [{ updates: 3, weight: 51 }] });
  });

  test('a database that is full: 507, nothing acknowledged is lost, and it goes on when there is room', async () => {
    await startOnDisk(200_000);
    const runner = await collecting();
    expectSuccess(await deliver(first, federation.updateOf(first, 1), runner));
    const { researcher } = federation;
    const filled: Answer[] = [];
    // Manifests, one after the other, until none fits any more.
    while (filled.at(-1)?.status !== 507 && filled.length < 1000)
      filled.push(
        await listening.call(researcher, 'createJob', {
          body: federation.manifest({ purpose: 'x'.repeat(200), cohort: { size: 8, minimum: 8 } }),
        }),
      );
    expect(filled.length).toBeGreaterThan(10);
    expectProblem(filled.at(-1) as Answer, 'storageFull', 507);
    for (const answer of filled.slice(0, -1)) expectSuccess(answer);
    expect(federation.coordinator.jobs()).toHaveLength(filled.length);
    const late = await deliver(second, federation.updateOf(second, 1), runner);
    if (late.status !== 200) expectProblem(late, 'storageFull', 507);

    // With room again, from the same file: everything acknowledged is there, and the round goes on.
    const acknowledged = new Map(runner.state.accepted);
    await listening.close();
    await federation.coordinator.close();
    await start({
      store: openSqliteStore(join(folder, 'hanse.sqlite')),
      blobs: await openFileBlobStore(join(folder, 'blobs')),
    });
    const again = federation.coordinator.job(runner.jobId);
    expect(federation.coordinator.jobs()).toHaveLength(filled.length);
    expect(again.state.accepted).toEqual(acknowledged);
    expect(acknowledged.has(first.nodeId)).toBe(true);
    for (const node of federation.participants)
      expectSuccess(await deliver(node, federation.updateOf(node, 1), again));
    await reached(again, 'finished');
    expect(again.state.history).toMatchObject([{ updates: 3, weight: 51 }]);
  });
});

function until(runner: JobRunner, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!condition()) return;
      stop();
      resolve();
    };
    const stop = runner.watch(look);
    look();
  });
}
