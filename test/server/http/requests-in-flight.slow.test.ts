/**
 * Requests of a member at once, counted alone and over connections that break.
 */
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../../protocol/bytes.ts';
import { succeed } from '../../../protocol/key-succession.ts';
import { REQUESTS_PER_MEMBER, RequestsInFlight } from '../../../server/http/requests-in-flight.ts';
import { type Node, nodeOf } from '../../fixtures/federation.ts';
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
    const held = await Promise.all(
      Array.from({ length: REQUESTS_PER_MEMBER }, async () => (await wait(greedy)).send()),
    );
    const isListed = async (node: Node) => listening.call(node, 'listJobs');
    await expect.poll(async () => (await isListed(greedy)).status).toBe(503);
    expectProblem(await isListed(greedy), 'overloaded', 503);
    expectSuccess(await isListed(other));
    for (const one of held) one.destroy();
    await expect.poll(async () => (await isListed(greedy)).status).toBe(200);
  });

  test('of answers that wait behind others each gives its place back when the connection closes', async () => {
    const [hasty] = listening.federation.participants as [Node];
    const { presence } = listening.federation.coordinator;
    const { hostname, port } = new URL(listening.server);
    const isFull = async () => (await listening.call(hasty, 'listJobs')).status === 503;
    for (const _ of ['first', 'again']) {
      const requests = await Promise.all(Array.from({ length: REQUESTS_PER_MEMBER }, () => wait(hasty)));
      const connection = connect(Number(port), hostname);
      connection.write(requests.map(({ head }) => head).join(''));
      await expect.poll(isFull).toBe(true);
      connection.destroy();
      await expect.poll(() => presence.isLive(hasty.nodeId)).toBe(false);
      expect(await isFull()).toBe(false);
    }
  });

  test('the keys of a member have theirs together', async () => {
    const { federation } = listening;
    const [old] = federation.participants as [Node];
    const next = await nodeOf('next', 'participant');
    const coordinatorKey = toHex((await nodeOf('coordinator', 'operator')).signer.publicKey);
    const pinned = { federationId: federation.coordinator.federation.id, coordinatorKey };
    const { byOld, byNew } = await succeed(old.signer, next.signer, pinned);
    const body = { publicKey: toHex(next.signer.publicKey), byOld, byNew, overlapSeconds: 60 };
    await federation.call('succeedKey', old, { body });
    const held = await Promise.all(
      Array.from({ length: REQUESTS_PER_MEMBER }, async () => (await wait(old)).send()),
    );
    await expect.poll(async () => (await listening.call(next, 'listJobs')).status).toBe(503);
    for (const one of held) one.destroy();
    await expect.poll(async () => (await listening.call(next, 'listJobs')).status).toBe(200);
  });

  /** A request that waits for tasks, to be sent over a connection of its own or as bytes of one. */
  async function wait(node: Node) {
    const { target, headers } = await signed(node, listening.federation.clock, 'nextTasks', {
      query: { wait: '30' },
    });
    const lines = [`GET ${target} HTTP/1.1`, 'host: localhost'];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return {
      head: `${lines.join('\r\n')}\r\n\r\n`,
      send: () => {
        const waiting = request(new URL(target, listening.server), { headers, agent: false });
        waiting.on('error', () => {});
        waiting.end();
        return waiting;
      },
    };
  }
});
