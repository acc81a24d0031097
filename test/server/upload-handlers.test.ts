// covers: server/upload-handlers.ts, server/update-admission.ts, schemas/upload.ts
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attemptParams } from '../../protocol/routes.ts';
import type { Receipt } from '../../schemas/task.ts';
import type { UploadState } from '../../schemas/upload.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import type { Node, TestFederation } from '../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { type Answer, expectProblem, expectSuccess, send, signed } from '../fixtures/signed-client.ts';
import { hashOf } from '../fixtures/vector-files.ts';

let listening: ListeningApp;
let federation: TestFederation;
let first: Node;
let second: Node;
let runner: JobRunner;
beforeEach(async () => {
  listening = await listeningApp({
    participants: 3,
    evaluators: 1,
    settings: { chunkBytes: 32, blobLimitBytes: 1000 },
  });
  federation = listening.federation;
  [first, second] = federation.participants as [Node, Node];
  await federation.appear();
  runner = await federation.createJob();
  await atRest();
});
afterEach(() => listening.close());

const updateRequest = (content: Uint8Array, overrides: object = {}) => ({
  target: { type: 'update', jobId: runner.jobId, round: 1, attempt: 1, ...overrides },
  sha256: hashOf(content),
  bytes: content.length,
});
const blobRequest = (content: Uint8Array) => ({
  target: { type: 'blob' },
  sha256: hashOf(content),
  bytes: content.length,
});

const open = (node: Node, body: object): Promise<Answer> => listening.call(node, 'openUpload', { body });

/** Sends what is missing; resolves to the id of the upload. */
async function sendAll(node: Node, request: object, content: Uint8Array): Promise<string> {
  let state = expectSuccess(await open(node, request)).json as UploadState;
  while (state.received < content.length) {
    const { uploadId, received, chunkBytes } = state;
    const body = content.subarray(received, received + chunkBytes);
    const params = { uploadId, offset: String(received) };
    state = expectSuccess(await listening.call(node, 'putChunk', { params, body })).json as UploadState;
  }
  return state.uploadId;
}

const complete = (node: Node, uploadId: string) =>
  listening.call(node, 'completeUpload', { params: { uploadId } });

test('an update in chunks gets the receipt of one in one piece, and counts as that', async () => {
  const update = federation.updateOf(first, 1);
  const uploadId = await sendAll(first, updateRequest(update), update);
  expect(runner.state.accepted.size).toBe(0);
  const receipt = expectSuccess(await complete(first, uploadId)).json as Receipt;
  expect(receipt).toEqual({ sha256: hashOf(update), bytes: update.length });
  expect(runner.state.accepted.get(first.nodeId)).toMatchObject(receipt);
  const again = await listening.call(first, 'putUpdate', {
    params: attemptParams(runner.state),
    body: update,
  });
  expect(expectSuccess(again).json).toEqual(receipt);
});

test('what was accepted is not asked for again, whatever the coordinator has forgotten', async () => {
  const update = federation.updateOf(first, 1);
  const inOnePiece = { params: attemptParams(runner.state), body: update };
  expectSuccess(await listening.call(first, 'putUpdate', inOnePiece));
  const state = expectSuccess(await open(first, updateRequest(update))).json as UploadState;
  expect(state.received).toBe(update.length);
  expect(expectSuccess(await complete(first, state.uploadId)).json).toEqual({
    sha256: hashOf(update),
    bytes: update.length,
  });
  expectProblem(await open(first, updateRequest(federation.updateOf(first, 2))), 'messageConflict', 409);
});

test('a model in chunks is content like any other', async () => {
  const content = new Uint8Array(100).map((_, i) => i);
  const { researcher } = federation;
  const uploadId = await sendAll(researcher, blobRequest(content), content);
  expect(await federation.blobs.has(hashOf(content))).toBeUndefined();
  const receipt = expectSuccess(await complete(researcher, uploadId)).json;
  expect(receipt).toEqual({ sha256: hashOf(content), bytes: 100 });
  expect(await federation.blobs.has(hashOf(content))).toEqual({ size: 100 });
  expect(expectSuccess(await complete(researcher, uploadId)).json).toEqual(receipt);
});

test('an update that is none is refused as one in one piece is, and leaves nothing', async () => {
  const flipped = federation.updateOf(first, 1);
  flipped[7] = 21; // its width
  const uploadId = await sendAll(first, updateRequest(flipped), flipped);
  expectProblem(await complete(first, uploadId), 'updateMalformed', 422);
  expectProblem(await complete(first, uploadId), 'uploadUnknown', 404);
  expect(await federation.blobs.has(hashOf(flipped))).toBeUndefined();

  const good = federation.updateOf(first, 1);
  const other = await sendAll(first, { ...updateRequest(good), sha256: hashOf(flipped) }, good);
  expectProblem(await complete(first, other), 'hashMismatch', 400);
  const right = await sendAll(first, updateRequest(good), good);
  expectSuccess(await complete(first, right));
});

describe('refused before a byte is sent', () => {
  test('what the round would refuse', async () => {
    const update = federation.updateOf(first, 1);
    expectProblem(await open(first, updateRequest(update, { round: 2 })), 'roundUnknown', 404);
    const nowhere = { jobId: 'job-0000000000000000' };
    expectProblem(await open(first, updateRequest(update, nowhere)), 'jobUnknown', 404);
    expectProblem(await open(first, { ...updateRequest(update), bytes: 5 }), 'invalidLength', 400);
    expectProblem(await open(first, { ...updateRequest(update), bytes: 0 }), 'invalidFormat', 400);
    expectProblem(await open(first, { ...updateRequest(update), more: 1 }), 'invalidFormat', 400);
    await runner.dispatch({ type: 'jobCancelled', by: federation.researcher.nodeId });
    expectProblem(await open(first, updateRequest(update)), 'jobEnded', 409);
  });

  test('what the role does not permit', async () => {
    const update = federation.updateOf(first, 1);
    const { researcher, evaluators } = federation;
    expectProblem(await open(first, blobRequest(update)), 'accessRefused', 403);
    expectProblem(await open(researcher, updateRequest(update)), 'accessRefused', 403);
    expectProblem(await open(evaluators[0] as Node, blobRequest(update)), 'accessRefused', 403);
    expectSuccess(await open(researcher, blobRequest(update)));
    expectSuccess(await open(first, updateRequest(update)));
  });

  test('what is larger than content may be', async () => {
    const { researcher } = federation;
    const content = new Uint8Array(1001);
    expectProblem(await open(researcher, blobRequest(content)), 'bodyTooLarge', 413);
    expectSuccess(await open(researcher, blobRequest(content.subarray(1))));
  });
});

test('chunks that are none', async () => {
  const update = federation.updateOf(first, 1);
  const { uploadId } = expectSuccess(await open(first, updateRequest(update))).json as UploadState;
  const put = (node: Node, offset: string, body: Uint8Array) =>
    listening.call(node, 'putChunk', { params: { uploadId, offset }, body });
  const chunk = update.subarray(0, 32);
  expectProblem(await put(second, '0', chunk), 'uploadUnknown', 404);
  expectProblem(await put(first, '32', chunk), 'rangeInvalid', 416);
  expectProblem(await put(first, '0', update.subarray(0, 31)), 'invalidLength', 400);
  for (const offset of ['-1', '1e1', '00', '0.5', `${10n ** 17n}`])
    expectProblem(await put(first, offset, chunk), 'invalidFormat', 400);
  const altered = await signed(first, federation.clock, 'putChunk', {
    params: { uploadId, offset: '0' },
    body: chunk,
  });
  altered.body = chunk.slice().fill(7);
  expectProblem(await send(listening.server, altered), 'hashMismatch', 400);
  expectSuccess(await put(first, '0', chunk));
  expectProblem(await complete(first, uploadId), 'rangeInvalid', 416);
  const state = await listening.call(first, 'getUpload', { params: { uploadId } });
  expect(expectSuccess(state).json).toMatchObject({ received: 32, bytes: update.length });
  expectProblem(await listening.call(second, 'getUpload', { params: { uploadId } }), 'uploadUnknown', 404);
  expect(federation.reported).toEqual([]);
});

test('the end of an attempt ends the uploads for it', async () => {
  const update = federation.updateOf(first, 1);
  const { uploadId } = expectSuccess(await open(first, updateRequest(update))).json as UploadState;
  await federation.clock.advance(60_000); // the deadline of the round
  expect(runner.state.attempt).toBe(2);
  const asked = await listening.call(first, 'getUpload', { params: { uploadId } });
  expectProblem(asked, 'uploadUnknown', 404);
  expectProblem(await open(first, updateRequest(update)), 'messageLate', 409);
});
