import { expect, test } from 'vitest';
import { inProcessCoordinator } from '../../sim/in-process-coordinator.ts';
import { TestFederation } from '../fixtures/federation.ts';
import { FORWARD_GRAPH, INITIAL_MODEL } from '../fixtures/manifest.ts';
import { hashOf } from '../fixtures/vector-files.ts';

test('each member speaks for itself, with its role; bytes go up and come down as they are', async () => {
  const federation = await TestFederation.open({ participants: 3 });
  const { coordinator, handlers, researcher, participants } = federation;
  const apiOf = (nodeId?: string) => inProcessCoordinator(handlers, coordinator, nodeId);
  const author = apiOf(researcher.nodeId);
  const nodes = participants.map(({ nodeId }) => apiOf(nodeId));

  for (const body of [FORWARD_GRAPH, INITIAL_MODEL]) {
    const params = { sha256: hashOf(body) };
    await expect(author.call('putBlob', { params, body })).resolves.toEqual({
      sha256: params.sha256,
      bytes: body.length,
    });
    await expect(nodes[0]?.call('putBlob', { params, body })).rejects.toMatchObject({
      code: 'accessRefused',
    });
  }
  const wrong = { params: { sha256: hashOf(new Uint8Array()) }, body: FORWARD_GRAPH };
  await expect(author.call('putBlob', wrong)).rejects.toMatchObject({ code: 'hashMismatch' });

  const job = await author.call('createJob', { body: federation.manifest() });
  const lists = nodes.map((api) => api.call('nextTasks', { query: { wait: '20' } }));
  for (const { tasks } of await Promise.all(lists)) {
    expect(tasks).toMatchObject([{ type: 'train', jobId: job.jobId, model: hashOf(INITIAL_MODEL) }]);
    const [task] = tasks;
    const model = await nodes[0]?.call('getBlob', { params: { sha256: task?.model ?? '' } });
    expect(model).toEqual(new Uint8Array(INITIAL_MODEL));
  }
});

test('who is no member may enrol and ask whom it speaks to, and nothing else', async () => {
  const { coordinator, handlers, operator } = await TestFederation.open();
  const stranger = inProcessCoordinator(handlers, coordinator, undefined);
  const info = await stranger.call('getFederation', { query: { challenge: 'A'.repeat(43) } });
  expect(info.federationId).toBe(coordinator.federation.id);
  await expect(stranger.call('listJobs', {})).rejects.toMatchObject({
    code: 'signatureMissing',
  });
  const known = inProcessCoordinator(handlers, coordinator, operator.nodeId);
  await expect(known.call('listJobs', {})).resolves.toEqual({ jobs: [] });
});

test('a signal ends a request that waits', async () => {
  const { coordinator, handlers, participants } = await TestFederation.open();
  const api = inProcessCoordinator(handlers, coordinator, participants[0]?.nodeId);
  const stop = new AbortController();
  const waiting = api.call('nextTasks', { query: { wait: '30' } }, { signal: stop.signal });
  setImmediate(() => stop.abort());
  await expect(waiting).resolves.toMatchObject({ tasks: [] });
});
