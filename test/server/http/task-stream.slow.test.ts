// covers: server/http/routes.ts, client/http-coordinator.ts, client/exchange.ts, client/node-exchange.ts
/**
 * A stream of tasks over real connections: what passes it on, what holds it back, and what breaks it.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import { fetchExchange } from '../../../client/exchange.ts';
import { httpCoordinator } from '../../../client/http-coordinator.ts';
import { nodeExchange } from '../../../client/node-exchange.ts';
import { FIRST_LINE_MS, TaskFeed } from '../../../client/task-feed.ts';
import { seededRandom } from '../../../protocol/random.ts';
import type { TaskLine } from '../../../schemas/task-stream.ts';
import { HEARTBEAT_MS } from '../../../server/task-stream.ts';
import { type AnsweringServer, answeringServer } from '../../fixtures/answering-server.ts';
import type { Node } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { send, signed } from '../../fixtures/signed-client.ts';

let listening: ListeningApp;
let node: Node;
let life: AbortController;

beforeEach(async () => {
  listening = await listeningApp({ participants: 1, settings: { recruitGraceMs: 0 } });
  [node] = listening.federation.participants as [Node];
  life = new AbortController();
});
afterEach(async () => {
  life.abort();
  listening.federation.coordinator.beginClosing();
  await listening.close();
});

const apiAt = (server: string, exchange = nodeExchange): CoordinatorApi =>
  httpCoordinator(server, { ...node, version: 1 }, listening.federation.clock, exchange);
const isLive = () => listening.federation.coordinator.presence.isLive(node.nodeId);
/** Resolves when it holds: what other processes and the kernel do is waited for, not slept for. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe.each(Object.entries({ fetch: fetchExchange, 'node:http': nodeExchange }))('by %s', (_, exchange) => {
  test('lines come one by one, each as soon as it is written', async () => {
    const { federation, server } = listening;
    const api = apiAt(server, exchange);
    const stream = await api.call('taskStream', {}, { signal: life.signal });
    const lines = stream[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value as TaskLine;
    const opened = await next();
    expect(opened).toMatchObject({ type: 'opened' });
    expect(await next()).toMatchObject({ type: 'tasks', tasks: [] });
    await federation.clock.advance(HEARTBEAT_MS);
    expect(await next()).toMatchObject({ type: 'heartbeat' });
    if (opened.type !== 'opened') throw new Error('unreachable');
    const params = { streamId: opened.streamId };
    expect(await api.call('answerStream', { params })).toEqual({ open: true });
    await federation.createJob({ cohort: { size: 1, minimum: 1 } });
    expect(await next()).toMatchObject({ type: 'tasks', tasks: federation.tasksOf(node) });
    await lines.return?.(undefined);
    await until(() => federation.coordinator.presence.streams === 0);
    expect(await api.call('answerStream', { params })).toEqual({ open: false });
  });

  test.each([
    ['no JSON', '{\n', 'coordinatorMisbehaved'],
    ['not of the schema', '{"type":"code"}\n', 'coordinatorMisbehaved'],
    ['without an end', `"${'a'.repeat(2 ** 20)}`, 'coordinatorMisbehaved'],
    ['cut off', '{"type":"tasks","ta', 'coordinatorUnreachable'],
  ])('a line that is %s', async (_what, text, code) => {
    const good = '{"type":"tasks","tasks":[]}\n';
    const bad: AnsweringServer = await answeringServer((response) => {
      response.writeHead(200, { 'hanse-protocol': '1-1' });
      response.write(good + text);
      setTimeout(() => response.destroy(), 20);
    });
    const lines: TaskLine[] = [];
    const read = async () => {
      for await (const line of await apiAt(bad.url, exchange).call('taskStream', {})) lines.push(line);
    };
    await expect(read()).rejects.toMatchObject({ code });
    expect(lines).toEqual([{ type: 'tasks', tasks: [] }]);
    await bad.close();
  });
});

test('proxies are asked not to keep or to change it', async () => {
  const answer = await send(listening.server, await signed(node, listening.federation.clock, 'taskStream'));
  expect(answer.status).toBe(200);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
});

test('a connection that breaks takes the node with it', async () => {
  const { federation, app, server } = listening;
  const stream = await apiAt(server).call('taskStream', {});
  const read = (async () => {
    for await (const _ of stream);
  })();
  await until(() => federation.coordinator.presence.streams === 1);
  expect(isLive()).toBe(true);
  const broken = expect(read).rejects.toMatchObject({ code: 'coordinatorUnreachable' });
  app.server.closeAllConnections();
  await broken;
  await until(() => !isLive());
});

test('a node behind a proxy that holds answers back asks, and is told all the same', async () => {
  const { federation, server } = listening;
  let heldBack = 0;
  const proxy = createServer((incoming, outgoing) => {
    const { method, url = '', headers } = incoming;
    const onward = request(server + url, { method, headers }, async (answer) => {
      const parts: Buffer[] = [];
      try {
        for await (const part of answer) {
          parts.push(part as Buffer);
          if (url.endsWith('/stream')) heldBack += 1;
        }
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers).end(Buffer.concat(parts));
      } catch {
        outgoing.destroy();
      }
    });
    outgoing.once('close', () => onward.destroy());
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  const api = apiAt(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  const random = seededRandom(new Uint8Array(32));
  const { clock } = federation;
  const feed = new TaskFeed({ api, clock, random, signal: life.signal, waitSeconds: 20 });
  const list = feed.next();
  await until(() => heldBack > 0);
  await clock.advance(FIRST_LINE_MS);
  await until(() => federation.coordinator.presence.streams === 0);
  await until(() => isLive());
  await federation.createJob({ cohort: { size: 1, minimum: 1 } });
  expect(await list).toHaveLength(1);
  life.abort();
  await new Promise((resolve) => {
    proxy.close(resolve);
    proxy.closeAllConnections();
  });
});
