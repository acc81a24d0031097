import { MessageChannel } from 'node:worker_threads';
import { type Endpoint, expose, wrap } from 'comlink';
import { expect, test } from 'vitest';
import {
  installProblemTransfer,
  receivedProblem,
  sentProblem,
} from '../../../client/web/problem-transfer.ts';
import { HanseError } from '../../../protocol/problem.ts';

test('a problem comes out of comlink as it went in; other errors as comlink sends them', async () => {
  installProblemTransfer();
  const { port1, port2 } = new MessageChannel();
  const failing = {
    refuse: () => {
      throw new HanseError('inviteExpired', { expiredAt: '2026-01-01T00:00:00Z' });
    },
    break: () => {
      throw new TypeError('broken');
    },
  };
  expose(failing, endpoint(port1));
  const remote = wrap<typeof failing>(endpoint(port2));
  try {
    const problem = await Promise.resolve(remote.refuse()).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(HanseError);
    expect(problem).toEqual(new HanseError('inviteExpired', { expiredAt: '2026-01-01T00:00:00Z' }));
    expect((problem as HanseError).remedy).toContain('new invite');
    await expect(remote.break()).rejects.toThrow('broken');
  } finally {
    port1.close();
  }
});

test('what is no problem is not taken for one', () => {
  expect(sentProblem(new Error('x'))).toBeUndefined();
  for (const sent of [undefined, null, 5, {}, { hanse: 'noSuchCode' }, { hanse: 7 }])
    expect(receivedProblem(sent)).toBeUndefined();
  expect(receivedProblem(sentProblem(new HanseError('inviteSpent')))).toEqual(new HanseError('inviteSpent'));
});

/** As `comlink/dist/esm/node-adapter` makes it. */
function endpoint(port: import('node:worker_threads').MessagePort): Endpoint {
  const listeners = new Map<unknown, (data: unknown) => void>();
  return {
    postMessage: (message: unknown) => port.postMessage(message),
    addEventListener: (_: string, listener: unknown) => {
      const call = (data: unknown) => (listener as (event: unknown) => void)({ data });
      listeners.set(listener, call);
      port.on('message', call);
    },
    removeEventListener: (_: string, listener: unknown) => {
      const call = listeners.get(listener);
      if (call) port.off('message', call);
    },
    start: () => port.start(),
  } as unknown as Endpoint;
}
