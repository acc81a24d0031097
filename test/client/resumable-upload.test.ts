import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CallOptions, CoordinatorApi } from '../../client/coordinator-api.ts';
import { type Exchange, fetchExchange } from '../../client/exchange.ts';
import { httpCoordinator } from '../../client/http-coordinator.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { resumingUploads } from '../../client/resumable-upload.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import { attemptParams } from '../../protocol/routes.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import type { Node, TestFederation } from '../fixtures/federation.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { type Script, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const BODY = new Uint8Array(95).map((_, i) => i);
const SHA256 = hashOf(BODY);
const PARAMS = { jobId: 'job-0123456789abcdef', round: '2', attempt: '3' };
const RECEIPT = { sha256: SHA256, bytes: BODY.length };
const unreachable = () => new HanseError('coordinatorUnreachable', { url: '', reason: 'cut' });

/** A coordinator with one upload, which fails when the test says so. */
function uploading(failing: (call: string, count: number) => ProblemCode | undefined = () => undefined) {
  let received = 0;
  const counts = new Map<string, number>();
  const meet = (call: string) => {
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    const code = failing(call, count);
    if (code === 'uploadUnknown') received = 0;
    if (code) throw new HanseError(code, {} as never);
  };
  const state = () => ({
    uploadId: '0'.repeat(32),
    bytes: BODY.length,
    received,
    chunkBytes: 30,
    expiresAt: '2026-01-01T00:00:00Z',
  });
  const script: Script = {
    openUpload: () => {
      meet('open');
      return state();
    },
    putChunk: ({ params, body }) => {
      meet('chunk');
      expect(Number(params.offset)).toBe(received);
      expect(body).toEqual(BODY.subarray(received, received + 30));
      received += body.length;
      return state();
    },
    completeUpload: () => {
      meet('complete');
      expect(received).toBe(BODY.length);
      return RECEIPT;
    },
    putUpdate: () => RECEIPT,
    putBlob: () => RECEIPT,
  };
  const coordinator = scriptedCoordinator(script);
  return { coordinator, api: resumingUploads(coordinator, BODY.length) };
}

const names = (coordinator: { calls: readonly { name: string }[] }) =>
  coordinator.calls.map(({ name }) => name);
const CHUNKS = ['putChunk', 'putChunk', 'putChunk', 'putChunk'];

describe('what is large', () => {
  test('goes in chunks, with what it is for', async () => {
    const { coordinator, api } = uploading();
    expect(await api.call('putUpdate', { params: PARAMS, body: BODY })).toEqual(RECEIPT);
    expect(names(coordinator)).toEqual(['openUpload', ...CHUNKS, 'completeUpload']);
    const target = { type: 'update', jobId: PARAMS.jobId, round: 2, attempt: 3 };
    expect(coordinator.calls[0]?.request.body).toEqual({ target, sha256: SHA256, bytes: BODY.length });

    const masked = uploading();
    const signature = 'ab'.repeat(64);
    await masked.api.call('putMaskedUpdate', { params: { ...PARAMS, signature }, query: {}, body: BODY });
    expect(names(masked.coordinator)).toEqual(['openUpload', ...CHUNKS, 'completeUpload']);
    expect(masked.coordinator.calls[0]?.request.body).toMatchObject({ target: { ...target, signature } });

    const blob = uploading();
    await blob.api.call('putBlob', { params: { sha256: SHA256 }, body: BODY });
    expect(blob.coordinator.calls[0]?.request.body).toMatchObject({ target: { type: 'blob' } });
  });

  test('a hash that is known is that of the whole, and of no chunk', async () => {
    const { coordinator } = uploading();
    const options: (CallOptions | undefined)[] = [];
    const watched: CoordinatorApi = {
      call: (name, request, given) => {
        options.push(given);
        return coordinator.call(name, request, given);
      },
    };
    const api = resumingUploads(watched, BODY.length);
    const [bodySha256, { signal }] = [new Uint8Array(32).fill(7), new AbortController()];
    await api.call('putUpdate', { params: PARAMS, body: BODY }, { bodySha256, signal });
    expect(coordinator.calls[0]?.request.body).toMatchObject({ sha256: '07'.repeat(32) });
    expect(options).toEqual(coordinator.calls.map(() => ({ signal })));
  });

  test('and what is not goes as it is', async () => {
    const { coordinator, api } = uploading();
    await api.call('putUpdate', { params: PARAMS, body: BODY.subarray(1) });
    await api.call('putBlob', { params: { sha256: SHA256 }, body: BODY.subarray(1) });
    expect(names(coordinator)).toEqual(['putUpdate', 'putBlob']);
  });
});

describe('what fails', () => {
  const put = (api: CoordinatorApi, signal?: AbortSignal) =>
    api.call('putUpdate', { params: PARAMS, body: BODY }, { ...(signal && { signal }) });

  test('after chunks that arrived is taken up where it stopped, at once', async () => {
    const { coordinator, api } = uploading((call, count) =>
      call === 'chunk' && (count === 2 || count === 4) ? 'coordinatorUnreachable' : undefined,
    );
    expect(await put(api)).toEqual(RECEIPT);
    expect(names(coordinator)).toEqual([
      ...['openUpload', 'putChunk', 'putChunk'],
      ...['openUpload', 'putChunk', 'putChunk'],
      ...['openUpload', 'putChunk', 'putChunk', 'completeUpload'],
    ]);
  });

  test('without one that arrived is left to the caller, whose next call goes on', async () => {
    const { coordinator, api } = uploading((call, count) =>
      call === 'chunk' && (count === 2 || count === 3) ? 'coordinatorUnreachable' : undefined,
    );
    await expect(put(api)).rejects.toMatchObject({ code: 'coordinatorUnreachable' });
    expect(await put(api)).toEqual(RECEIPT);
    expect(coordinator.count('putChunk')).toBe(6);
  });

  test('when the upload is gone begins anew, some times', async () => {
    const once = uploading((call, count) => (call === 'chunk' && count === 3 ? 'uploadUnknown' : undefined));
    expect(await put(once.api)).toEqual(RECEIPT);
    expect(once.coordinator.count('putChunk')).toBe(7);
    const always = uploading((call) => (call === 'chunk' ? 'uploadUnknown' : undefined));
    await expect(put(always.api)).rejects.toMatchObject({ code: 'uploadUnknown' });
    expect(always.coordinator.count('openUpload')).toBe(3);
  });

  test('for good is what the coordinator said', async () => {
    for (const failing of ['open', 'chunk', 'complete']) {
      const { api } = uploading((call) => (call === failing ? 'messageLate' : undefined));
      await expect(put(api)).rejects.toMatchObject({ code: 'messageLate' });
    }
  });

  test('is not tried again by whom nobody waits for', async () => {
    const stop = new AbortController();
    const { coordinator, api } = uploading((call, count) => {
      if (call !== 'chunk' || count < 3) return undefined;
      stop.abort();
      return 'coordinatorUnreachable';
    });
    await expect(put(api, stop.signal)).rejects.toMatchObject({ code: 'coordinatorUnreachable' });
    expect(coordinator.count('openUpload')).toBe(1);
  });

  test('a coordinator that takes chunks and gets nowhere is not believed', async () => {
    const state = {
      uploadId: '0'.repeat(32),
      bytes: BODY.length,
      received: 0,
      chunkBytes: 30,
      expiresAt: '2026-01-01T00:00:00Z',
    };
    const api = resumingUploads(
      scriptedCoordinator({ openUpload: () => state, putChunk: () => state }),
      BODY.length,
    );
    await expect(put(api)).rejects.toMatchObject({ code: 'coordinatorMisbehaved' });
  });
});

describe.each(Object.entries({ fetch: fetchExchange, 'node:http': nodeExchange }))('by %s', (_, exchange) => {
  let listening: ListeningApp;
  let federation: TestFederation;
  let node: Node;
  beforeEach(async () => {
    listening = await listeningApp({ settings: { chunkBytes: 20 } });
    federation = listening.federation;
    [node] = federation.participants as [Node];
    await federation.appear();
  });
  afterEach(() => listening.close());

  test('an update arrives whole, whatever happens to every third of its requests', async () => {
    const runner = await federation.createJob();
    await atRest();
    let requests = 0;
    /** The answer is lost, or the request never arrives. */
    const faulty: Exchange = async (request) => {
      requests += 1;
      if (requests % 6 === 0) throw unreachable();
      const answer = await exchange(request);
      if (requests % 6 === 3) {
        await answer.bytes();
        throw unreachable();
      }
      return answer;
    };
    const { signer, nodeId } = node;
    const caller = { signer, nodeId, version: 1 };
    const http = httpCoordinator(listening.server, caller, federation.clock, faulty);
    const api = retryingCoordinator(resumingUploads(http, 50), {
      clock: new HastyClock(DEFAULT_PAUSES.longestPauseMs),
      random: seededRandom(new Uint8Array(32)),
      ...DEFAULT_PAUSES,
    });
    const body = federation.updateOf(node, 1);
    const receipt = await api.call('putUpdate', { params: attemptParams(runner.state), body });
    expect(receipt).toEqual({ sha256: hashOf(body), bytes: body.length });
    expect(runner.state.accepted.get(node.nodeId)?.sha256).toBe(hashOf(body));
    expect(requests).toBeGreaterThan(10);
    expect(federation.reported).toEqual([]);
  });
});
