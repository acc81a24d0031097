// covers: server/incoming-updates.ts, server/upload-handlers.ts, server/http/routes.ts
/**
 * Senders that stop in the middle of a body: they hold their own place and nobody else's, and lose it in the end.
 */
import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { attemptParams, type RouteName } from '../../../protocol/routes.ts';
import type { ProblemDetails } from '../../../schemas/problem.ts';
import type { UploadState } from '../../../schemas/upload.ts';
import { buildApp } from '../../../server/app.ts';
import { type Node, TestFederation } from '../../fixtures/federation.ts';
import { CODEC } from '../../fixtures/manifest.ts';
import {
  type Answer,
  expectProblem,
  expectSuccess,
  type RequestParts,
  send,
  signed,
} from '../../fixtures/signed-client.ts';
import { hashOf, updateFile } from '../../fixtures/vector-files.ts';

let federation: TestFederation;
let app: FastifyInstance;
let server: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  federation = await TestFederation.open({ participants: 4, settings: { chunkBytes: 1000 } });
  const { coordinator } = federation;
  app = await buildApp({ coordinator, report: (error) => federation.reported.push(error), idleMs: 500 });
  server = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app.close();
  expect(federation.reported).toEqual([]);
});

const call = async (node: Node, route: RouteName, parts: RequestParts): Promise<Answer> =>
  send(server, await signed(node, federation.clock, route, parts));

/** Sends the head and half of the body, and then nothing more. Resolves when the connection is closed. */
async function stall(node: Node, route: RouteName, parts: RequestParts): Promise<void> {
  const { method, target, headers, body } = await signed(node, federation.clock, route, parts);
  if (!body) throw new Error('unreachable');
  const { hostname, port } = new URL(server);
  const lines = Object.entries({ ...headers, host: hostname, 'content-length': body.length });
  const head = [`${method} ${target} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
  const socket = connect(Number(port), hostname, () => {
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    socket.write(body.subarray(0, body.length / 2));
  });
  sockets.push(socket);
  return new Promise((resolve) => {
    socket
      .on('error', () => {})
      .on('close', () => resolve())
      .resume();
  });
}

/** Asks until the answer is this problem: what stalls may not have arrived yet. What is asked must have no effect. */
async function until(code: string, ask: () => Promise<Answer>): Promise<void> {
  while (((await ask()).json as ProblemDetails).code !== code);
}

test('an update that stalls holds the place of its node alone, until its connection is given up', async () => {
  const job = await federation.createJob({ cohort: { size: 4, minimum: 4 } });
  await federation.appear();
  const params = attemptParams(job.state);
  const [slow, ...others] = federation.participants as [Node, ...Node[]];
  const body = federation.updateOf(slow, 1);
  const weightless = updateFile([0, 0, 0, 0, 0], 1, CODEC);
  weightless.fill(0, -4);
  const closed = stall(slow, 'putUpdate', { params, body });
  await until('overloaded', () => call(slow, 'putUpdate', { params, body: weightless }));
  for (const node of others)
    expectSuccess(await call(node, 'putUpdate', { params, body: federation.updateOf(node, 1) }));
  expect(job.state.accepted.size).toBe(3);
  await await closed;
  await until('updateMalformed', () => call(slow, 'putUpdate', { params, body: weightless }));
  expectSuccess(await call(slow, 'putUpdate', { params, body }));
});

test('a chunk that stalls holds its upload alone, until its connection is given up', async () => {
  const { researcher, operator } = federation;
  const content = new Uint8Array(2500).fill(7);
  const open = (node: Node, bytes: Uint8Array) =>
    call(node, 'openUpload', {
      body: { target: { type: 'blob' }, sha256: hashOf(bytes), bytes: bytes.length },
    });
  const { uploadId } = expectSuccess(await open(researcher, content)).json as UploadState;
  const chunk = (at: number, length = 1000) => ({
    params: { uploadId, offset: String(at) },
    body: content.subarray(at, at + length),
  });
  const closed = stall(researcher, 'putChunk', chunk(0));
  await until('overloaded', () => call(researcher, 'putChunk', chunk(0, 999)));
  expectProblem(await open(researcher, content), 'overloaded', 503);
  expectProblem(await call(researcher, 'completeUpload', { params: { uploadId } }), 'overloaded', 503);
  const stateNow = expectSuccess(await call(researcher, 'getUpload', { params: { uploadId } }));
  expect(stateNow.json).toMatchObject({ received: 0 });
  // Others of the same node, and the same of others, go on.
  const small = new Uint8Array(10);
  for (const [node, bytes] of [
    [researcher, small],
    [operator, content],
  ] as const) {
    const { uploadId: id } = expectSuccess(await open(node, bytes)).json as UploadState;
    for (let offset = 0; offset < bytes.length; offset += 1000) {
      const params = { uploadId: id, offset: String(offset) };
      expectSuccess(await call(node, 'putChunk', { params, body: bytes.subarray(offset, offset + 1000) }));
    }
    expectSuccess(await call(node, 'completeUpload', { params: { uploadId: id } }));
  }
  await await closed;
  await until('invalidLength', () => call(researcher, 'putChunk', chunk(0, 999)));
  for (const at of [0, 1000, 2000]) expectSuccess(await call(researcher, 'putChunk', chunk(at)));
  expectSuccess(await call(researcher, 'completeUpload', { params: { uploadId } }));
});
