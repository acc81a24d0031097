import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askNode } from '../../client/control-socket.ts';
import { EgressWatch } from '../../client/egress-watch.ts';
import type { Identity } from '../../client/identity.ts';
import { NodeService } from '../../client/node-service.ts';
import { nodeStateFile } from '../../client/node-state-file.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { parse } from '../../protocol/parse.ts';
import { Secret } from '../../protocol/secret.ts';
import { EgressReport } from '../../schemas/egress.ts';
import { NodeStatus } from '../../schemas/node-status.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { leftEgress } from '../fixtures/small-egress.ts';

const SEED = new Uint8Array(32).fill(0xab);
const identity: Identity = {
  server: 'https://hanse.example',
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: '00'.repeat(32),
  nodeId: '0'.repeat(32),
  organisationId: 'clinic',
  role: 'participant',
  name: 'node',
  seed: new Secret(SEED),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-service-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(name: string) {
  const clock = new VirtualClock();
  const notes: string[] = [];
  const identityFile = join(folder, name);
  const egress = new EgressWatch(clock);
  const service = await NodeService.open({
    identityFile,
    identity,
    policy: {},
    limits: {},
    clock,
    directory: () => undefined,
    egress,
    note: (line) => notes.push(line),
  });
  const ask = async (command: 'status' | 'pause' | 'resume' | 'leave') =>
    parse(NodeStatus, await askNode(identityFile, { command }), 'status');
  return { service, clock, notes, identityFile, egress, ask };
}

test('a pause is on disk before it is confirmed, and holds over a restart until it is taken back', async () => {
  const first = await start('a.json');
  expect(first.service.gate.closed()).toBeUndefined();
  await first.ask('pause');
  expect(await nodeStateFile(first.identityFile).read()).toMatchObject({ paused: true });
  expect(first.service.gate.closed()).toMatchObject({ why: 'paused' });
  await first.service.close();
  const second = await start('a.json');
  expect(second.service.gate.closed()).toMatchObject({ why: 'paused' });
  await second.ask('resume');
  expect(second.service.gate.closed()).toBeUndefined();
  await second.service.close();
  const third = await start('a.json');
  expect(third.service.gate.closed()).toBeUndefined();
  await third.service.close();
});

test('what jobs have taken is written soon after, at the end, and known after a restart', async () => {
  const { service, clock, identityFile, ask } = await start('b.json');
  service.ledger.add('job-a', 'a', { milliseconds: 70, steps: 7 });
  expect((await nodeStateFile(identityFile).read()).jobs).toEqual({});
  await clock.advance(5000);
  service.ledger.add('job-a', 'a', { rounds: 1 });
  expect((await ask('status')).jobs).toMatchObject([{ jobId: 'job-a', milliseconds: 70, rounds: 1 }]);
  await service.close();
  expect(clock.pending).toBe(0);
  const later = await start('b.json');
  expect(later.service.ledger.of('job-a')).toMatchObject({ milliseconds: 70, rounds: 1 });
  await later.service.close();
});

test('the owner sees what it does and that it leaves; no secret is in what is said or kept', async () => {
  const { service, ask, identityFile } = await start('c.json');
  service.observe({ type: 'ready' });
  service.repeated('coordinatorUnreachable: x');
  expect(await ask('status')).toMatchObject({
    state: 'ready',
    pid: process.pid,
    trouble: 'coordinatorUnreachable: x',
  });
  expect(service.leaving.aborted).toBe(false);
  const left = await ask('leave');
  expect([left.state, service.leaving.aborted]).toEqual(['leaving', true]);
  await service.close();
  const said = JSON.stringify([left, await nodeStateFile(identityFile).read()]);
  expect(said).not.toContain('abababab');
});

test('its owner is told of the latest update that left, and asking makes it watch', async () => {
  const { service, egress, identityFile } = await start('e.json');
  const inspect = async () =>
    parse(EgressReport, await askNode(identityFile, { command: 'inspect' }), 'report');
  expect(egress.isWatching()).toBe(false);
  expect(await inspect()).toMatchObject({ last: null, unwatched: 0 });
  expect(egress.isWatching()).toBe(true);
  const { egress: sealed, receipt } = leftEgress();
  await egress.inspect(sealed);
  expect((await inspect()).last).toBe(null);
  const task = { jobId: sealed.jobId, round: sealed.round, attempt: sealed.attempt };
  service.observe({ type: 'contributed', task, report: { receipt } } as unknown as ParticipantEvent);
  expect((await inspect()).last).toMatchObject({ egress: sealed, receipt });
  await service.close();
});

test('a node that cannot be reached by its owner says so, and lives', async () => {
  const { service, notes } = await start(join('x'.repeat(110), 'd.json'));
  expect(notes).toEqual([expect.stringContaining('hanse node')]);
  await service.close();
});
