// covers: client/commands/running-node.ts
import { readFile, writeFile } from 'node:fs/promises';
import { join as path } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobStatus } from '../../../schemas/job.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { TERMS_YAML } from '../../fixtures/data-terms.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
let config: string;
const at = (name: string) => path(running.folder, name);

beforeAll(async () => {
  running = await runCoordinator();
  const rows = Array.from({ length: 20 }, (_, i) => `${i % 2 ? 'p' : 'n'},${(i % 2) * 2 - 1},${0.1 * i - 1}`);
  await writeFile(at('table.csv'), `y,a,b\n${rows.join('\n')}\n`);
  config = at('node.yaml');
  await writeFile(
    config,
    `identity: node.json
name: clinic-node
provider: cpu
data:
  - { name: table, version: "1", ${TERMS_YAML}, source: "csv:table.csv", columns: { features: [a, b], target: y, classes: [n, p] } }
policy: { purposes: ["research *"], allowPlainAggregation: true }
`,
  );
});

afterAll(() => running.close());

const node = (command: string) => hanse(['node', command, '--config', config, '--json']);

const join = (words: readonly string[]) => start(['join', ...words, '--config', config, '--json']);

/** Starts a command; `says` resolves once it has said so. */
function start(words: readonly string[]) {
  let written = '';
  const watchers = new Set<() => void>();
  const outcome = hanse(words, {
    onOutput: (text) => {
      written = text;
      for (const look of watchers) look();
    },
  });
  const says = (text: string, from = 0) =>
    new Promise<number>((resolve, reject) => {
      const look = () => {
        const found = written.indexOf(text, from);
        if (found < 0) return;
        watchers.delete(look);
        resolve(found + text.length);
      };
      watchers.add(look);
      look();
      void outcome.then(({ err }) => reject(new Error(`it ended without "${text}": ${err}`)));
    });
  return { outcome, says };
}

async function create(purpose: string): Promise<string> {
  const plan = ['--model', 'mlp:2,3,2', '--cohort', '1', '--plain', '--rounds', '1', '--lr', '0.5'];
  const as = ['--identity', running.operatorFile, '--json'];
  const created = await hanse(['job', 'create', '--name', 'n', '--purpose', purpose, ...plan, ...as]);
  return (created.json as JobStatus).jobId;
}

const ended = async (jobId: string) =>
  (await hanse(['job', 'watch', jobId, '--identity', running.operatorFile, '--json'])).json as JobStatus;

test('a node from its file: trains what its policy permits, declines the rest, pauses over a restart, and leaves', async () => {
  expect(await node('status')).toMatchObject({ exitCode: 1, json: { problem: { code: 'nodeNotRunning' } } });
  const first = join([await running.invite()]);
  await first.says('ready; waiting for work');
  expect((await node('status')).json).toMatchObject({ name: 'clinic-node', state: 'ready', jobs: [] });

  const good = await create('research on tables');
  expect((await ended(good)).phase).toBe('finished');
  const refused = await create('advertising');
  const watched = start(['job', 'watch', refused, '--identity', running.operatorFile, '--json']);
  await watched.says('1 of them cannot take part in this job, 1 wanted: 1 with policyRefused');
  await hanse(['job', 'cancel', refused, '--identity', running.operatorFile]);
  expect((await watched.outcome).json).toMatchObject({ problem: { code: 'jobEnded' } });
  const shown = await hanse(['job', 'show', refused, '--identity', running.operatorFile, '--json']);
  const [attempt] = (shown.json as JobStatus).rounds;
  expect(attempt).toMatchObject({ declined: { 'policyRefused:purposes': 1 }, updates: 0 });
  const { jobs } = (await node('status')).json as { jobs: { jobId: string }[] };
  expect(jobs.find(({ jobId }) => jobId === good)).toMatchObject({ rounds: 1, problem: null });
  expect(jobs.find(({ jobId }) => jobId === refused)).toMatchObject({
    rounds: 0,
    problem: expect.stringContaining('purposes'),
  });

  const inspect = async () => (await hanse(['inspect', '--config', config, '--json'])).json;
  expect(await inspect()).toMatchObject({ name: 'clinic-node', last: null, unwatched: 1 });

  const paused = first.says('paused: asking for no work');
  expect(await node('pause')).toMatchObject({ exitCode: 0 });
  await paused;
  expect((await node('status')).json).toMatchObject({
    state: 'waiting',
    why: expect.stringContaining('resume'),
  });
  expect(await node('leave')).toMatchObject({ exitCode: 0, json: { state: 'leaving' } });
  expect(await first.outcome).toMatchObject({ exitCode: 0, json: { contributed: 1 } });

  const second = join(['--inspect']);
  await second.says('paused: asking for no work');
  const waiting = await create('research again');
  expect(await node('resume')).toMatchObject({ exitCode: 0 });
  expect((await ended(waiting)).phase).toBe('finished');
  await second.says('bytes sent');
  expect(await inspect()).toMatchObject({
    watchedUntil: null,
    last: { egress: { jobId: waiting, jobName: 'n', round: 1 }, receipt: {} },
    unwatched: 0,
  });
  const words = await hanse(['node', 'status', '--identity', at('node.json')]);
  expect(words.out).toMatch(/clinic-node .*participant at/);
  expect(words.out).toMatch(/1 round,/);
  await node('leave');
  expect((await second.outcome).exitCode).toBe(0);
  expect(await readFile(at('node.json.state'), 'utf8')).toContain(good);
});
