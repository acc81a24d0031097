/** How long an answer may be silent: seconds pass. */
import { afterEach, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { fetchExchangeWithin } from '../../client/exchange.ts';
import { type Caller, httpCoordinator } from '../../client/http-coordinator.ts';
import { nodeExchangeWithin } from '../../client/node-exchange.ts';
import { DEFAULT_PAUSES } from '../../client/retrying-coordinator.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { type Answer, type AnsweringServer, answeringServer } from '../fixtures/answering-server.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';

const clock = new HastyClock(DEFAULT_PAUSES.longestPauseMs);
const EXCHANGES = { fetch: fetchExchangeWithin, 'node:http': nodeExchangeWithin };

let server: AnsweringServer | undefined;
afterEach(() => server?.close());

test.each(Object.entries(EXCHANGES))(
  'by %s a coordinator that says nothing more is given up, a slow one is not',
  async (_, within) => {
    const IDLE_MS = 1000;
    const write = (response: Parameters<Answer>[0], text: string) => {
      if (!response.headersSent) response.writeHead(200, { 'hanse-protocol': '1-1' });
      response.write(text);
    };
    const silent: Answer[] = [() => {}, (response) => write(response, '{"tasks":')];
    const slow: Answer = (response) => {
      const pieces = ['{"tas', 'ks', '":', '[', ']', '}'].map((letter) => () => void write(response, letter));
      const next = setInterval(() => {
        const piece = pieces.shift();
        if (piece) return piece();
        clearInterval(next);
        response.end();
      }, IDLE_MS / 4);
    };
    server = await answeringServer(...silent, slow);
    const signer = await primitives.signer(new Uint8Array(32).fill(5));
    const caller: Caller = { signer, nodeId: await nodeIdOf(signer.publicKey), version: 1 };
    const api = httpCoordinator(server.url, caller, clock, within(IDLE_MS));
    const began = performance.now();
    for (const _ of silent) {
      const call = api.call('nextTasks', { query: {} });
      await expect(call).rejects.toMatchObject({
        code: 'coordinatorUnreachable',
        detail: { reason: expect.stringContaining('nothing came') },
      });
    }
    expect(performance.now() - began).toBeGreaterThan(silent.length * IDLE_MS);
    const resumed = performance.now();
    await expect(api.call('nextTasks', { query: {} })).resolves.toEqual({ tasks: [] });
    expect(performance.now() - resumed).toBeGreaterThan(IDLE_MS);
  },
);
