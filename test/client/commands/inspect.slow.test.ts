import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlSocket, serveControl } from '../../../client/control-socket.ts';
import type { EgressReport } from '../../../schemas/egress.ts';
import type { NodeStatus } from '../../../schemas/node-status.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { leftEgress, smallEgress } from '../../fixtures/small-egress.ts';

const status: NodeStatus = {
  nodeId: '0'.repeat(32),
  name: 'clinic-node',
  role: 'participant',
  server: 'https://hanse.example',
  pid: 1,
  startedAt: '2026-01-01T12:00:00.000Z',
  state: 'ready',
  why: 'being chosen for a round',
  until: null,
  since: '2026-01-01T12:00:00.000Z',
  trouble: null,
  jobs: [],
};
const nothing: EgressReport = { watchedUntil: '2026-01-01T13:00:00.000Z', last: null, unwatched: 0 };
const first: EgressReport = { ...nothing, last: leftEgress() };
const second: EgressReport = { ...nothing, last: leftEgress({ egress: smallEgress({ round: 2 }) }) };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-inspect-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Answers {
  report: EgressReport;
  status: NodeStatus;
}

/** Answers as a node would that is in this situation, which may change. */
async function nodeOf(answers: Answers): Promise<{ identity: string; socket: ControlSocket }> {
  const identity = join(folder, 'node.json');
  const socket = await serveControl(identity, async ({ command }) =>
    command === 'inspect' ? answers.report : answers.status,
  );
  return { identity, socket };
}

test('what is known is shown, in words and in JSON; if nothing is, that it watches', async () => {
  const answers: Answers = { report: nothing, status };
  const { identity, socket } = await nodeOf(answers);
  const words = ['inspect', '--identity', identity];
  expect(await hanse(words)).toMatchObject({
    exitCode: 0,
    err: '',
    out: expect.stringContaining(
      'nothing is known yet of what leaves clinic-node\nit watches from now, until',
    ),
  });
  expect((await hanse([...words, '--json'])).json).toEqual({
    nodeId: status.nodeId,
    name: 'clinic-node',
    ...nothing,
  });
  answers.report = first;
  expect((await hanse(words)).out).toContain('job          job-0123456789abcdef, round 1, attempt 1');
  expect((await hanse([...words, '--json'])).json).toMatchObject({ last: leftEgress() });
  await socket.close();
});

test('--wait waits for an update that is not known yet, says what for, and ends when asked', async () => {
  const answers: Answers = { report: first, status };
  const { identity, socket } = await nodeOf(answers);
  const words = ['inspect', '--identity', identity, '--wait', '--json'];
  const waited = await hanse(words, {
    onOutput: (written) => {
      if (written.includes('waits for the end of its tasks')) answers.report = second;
      else if (written.includes('waits for being chosen for a round'))
        answers.status = { ...status, state: 'working', why: 'the end of its tasks' };
    },
  });
  expect(waited).toMatchObject({ exitCode: 0, json: { last: { egress: { round: 2 } } } });
  expect(waited.err.match(/waiting for the next update/g)).toHaveLength(2);

  const ended = await hanse(words, { onOutput: (_written, stop) => stop() });
  expect(ended).toMatchObject({ exitCode: 0, json: { name: 'clinic-node', last: null } });
  expect(ended.err).toContain('ended before an update left');
  await socket.close();
});

test('no node, one that ends meanwhile, and one that sends no updates', async () => {
  const none = ['inspect', '--identity', join(folder, 'other.json'), '--json'];
  expect(await hanse(none)).toMatchObject({ exitCode: 1, json: { problem: { code: 'nodeNotRunning' } } });

  const answers: Answers = { report: nothing, status: { ...status, role: 'evaluator' } };
  const { identity, socket } = await nodeOf(answers);
  const words = ['inspect', '--identity', identity, '--wait', '--json'];
  expect(await hanse(words)).toMatchObject({ exitCode: 1, json: { problem: { code: 'roleRefused' } } });
  answers.status = status;
  const left = await hanse(words, { onOutput: () => void socket.close() });
  expect(left).toMatchObject({ exitCode: 1, json: { problem: { code: 'nodeNotRunning' } } });
});
