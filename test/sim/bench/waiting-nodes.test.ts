// covers: sim/bench/waiting-nodes.ts, sim/bench/rows/idle-server.ts, sim/bench/rows/first-round.ts, sim/bench/bare-process.ts
import { expect, test } from 'vitest';
import { keepWaiting } from '../../../sim/bench/waiting-nodes.ts';
import { runCoordinator } from '../../fixtures/running-coordinator.ts';

test('nodes that wait are members, live, each with a stream of its own, until they are told to end', async () => {
  const { coordinator, operator, close } = await runCoordinator();
  const stop = new AbortController();
  try {
    const { presence, federation } = coordinator;
    await keepWaiting(operator, 7, stop.signal);
    expect(presence.streams).toBe(7);
    const nodes = [...federation.members()].filter(({ role }) => role === 'participant');
    expect(nodes.filter(({ nodeId }) => presence.isLive(nodeId))).toHaveLength(7);
    expect(new Set(nodes.map(({ organisationId }) => organisationId)).size).toBe(1);
    stop.abort();
    await expect.poll(() => presence.streams).toBe(0);
  } finally {
    stop.abort();
    await close();
  }
});
