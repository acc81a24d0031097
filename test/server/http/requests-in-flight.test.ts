/**
 * Requests of a member at once, counted alone and over connections that break.
 */
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REQUESTS_PER_MEMBER, RequestsInFlight } from '../../../server/http/requests-in-flight.ts';
import type { Node } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { expectProblem, expectSuccess, signed } from '../../fixtures/signed-client.ts';

test('each member has its own, and gets back what has ended, once', () => {
  const requests = new RequestsInFlight(2);
  const ends = [requests.enter('a'), requests.enter('a'), requests.enter('b')];
  expect(() => requests.enter('a')).toThrow(expect.objectContaining({ code: 'overloaded' }));
  ends[0]?.();
  ends[0]?.();
  ends.push(requests.enter('a'));
  expect(() => requests.enter('a')).toThrow(expect.objectContaining({ code: 'overloaded' }));
  expect(requests.members).toBe(2);
  for (const end of ends) end();
  expect(requests.members).toBe(0);
});

describe('over HTTP', () => {
  let listening: ListeningApp;
  beforeEach(async () => {
    listening = await listeningApp();
  });
  afterEach(() => listening.close());

  test('who holds as many as it may is refused another, others are not; broken connections count no more', async () => {
    const [greedy, other] = listening.federation.participants as [Node, Node];
    const { clock } = listening.federation;
    const held = await Promise.all(
      Array.from({ length: REQUESTS_PER_MEMBER }, async () => {
        const { target, headers } = await signed(greedy, clock, 'nextTasks', { query: { wait: '30' } });
        const waiting = request(new URL(target, listening.server), { headers, agent: false });
        waiting.on('error', () => {});
        waiting.end();
        return waiting;
      }),
    );
    const isListed = async (node: Node) => listening.call(node, 'listJobs');
    await expect.poll(async () => (await isListed(greedy)).status).toBe(503);
    expectProblem(await isListed(greedy), 'overloaded', 503);
    expectSuccess(await isListed(other));
    for (const one of held) one.destroy();
    await expect.poll(async () => (await isListed(greedy)).status).toBe(200);
  });
});
