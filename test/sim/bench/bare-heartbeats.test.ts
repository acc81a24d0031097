// covers: sim/bench/bare-heartbeats.ts, sim/bench/bare-listeners.ts
import { expect, test } from 'vitest';
import { heartbeatSeconds } from '../../../sim/bench/bare-heartbeats.ts';
import { listenUntilGone } from '../../../sim/bench/bare-listeners.ts';

test('every heartbeat ends when each client has answered it, and the clients end with the server', async () => {
  let ended: Promise<void> | undefined;
  const seconds = await heartbeatSeconds({ clients: 5, beats: 3 }, (script, [origin = '', clients]) => {
    expect(script).toBe('./bare-listeners.js');
    ended = listenUntilGone(origin, Number(clients));
    return { pid: 0, next: () => Promise.reject(new Error('it says nothing')), stop: async () => {} };
  });
  await ended;
  expect(seconds).toHaveLength(3);
  for (const spent of seconds) expect(spent).toBeGreaterThan(0);
});
