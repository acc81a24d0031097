// covers: server/http/routes.ts, server/store/file-blob-store.ts, server/uploads.ts, client/resumable-upload.ts, client/resumable-download.ts
/**
 * Content of hundreds of megabytes passes through a coordinator, and its memory does not show how much it was or how
 * many read it slowly: SPEC.md 9.3. A node that takes it into memory takes it once.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { nodeExchange } from '../../client/node-exchange.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { RouteName } from '../../protocol/routes.ts';
import type { UploadState } from '../../schemas/upload.ts';
import type { Node } from '../fixtures/federation.ts';
import { manifestOf } from '../fixtures/manifest.ts';
import { type RequestParts, signed } from '../fixtures/signed-client.ts';
import { hashOf, modelFile } from '../fixtures/vector-files.ts';
import { isBuilt } from './hanse-process.ts';
import { isMeasurable, MB, memoryAtRest, peakMemory } from './process-memory.ts';
import { SmallFederation } from './small-federation.ts';

const BUFFERING = fileURLToPath(new URL('buffering-coordinator.mjs', import.meta.url));
const CLIENT = fileURLToPath(new URL('transfer-memory-child.mjs', import.meta.url));

/** Beyond what is kept in memory for all who ask (`server/hot-content.ts`). */
const SMALL = 80 * MB;
const LARGE = 304 * MB;
/** Above an idle coordinator: what its collector of garbage leaves lying, whatever passes through. */
const BOUND = 100 * MB;
/** Content of the smaller size and what a node needs besides, but not the content twice. */
const ONCE = 1.75 * SMALL;
/** How many read next to nothing: a few less than a member may. With two megabytes for each, the bound would not hold. */
const SLOW = 60;

/** Gigabytes in all, on a machine that may have other things to do. */
const SLOWLY = { timeout: 180_000 };

/** A coordinator with content of zeros that a job names, seen through its resident memory. */
class Measured {
  readonly federation = new SmallFederation();
  #node: Node | undefined;

  async serve(preload?: string): Promise<void> {
    await this.federation.serve({ ...(preload && { preload }) });
    const { operator } = this.federation;
    if (!operator) throw new Error('unreachable');
    const signer = await primitives.signer(operator.seed.reveal());
    this.#node = { nodeId: operator.nodeId, role: 'operator', signer };
  }

  /** Sends that many zeros in chunks, and has a job name them. */
  async upload(bytes: number): Promise<string> {
    const piece = new Uint8Array(4 * MB);
    const hash = createHash('sha256');
    for (let done = 0; done < bytes; done += piece.length) hash.update(piece.subarray(0, bytes - done));
    const sha256 = hash.digest('hex');
    const body = { target: { type: 'blob' }, sha256, bytes };
    let state = (await this.#json('openUpload', { body })) as UploadState;
    const { uploadId, chunkBytes } = state;
    while (state.received < bytes) {
      const chunk = piece.subarray(0, Math.min(chunkBytes, bytes - state.received));
      const params = { uploadId, offset: String(state.received) };
      state = (await this.#json('putChunk', { params, body: chunk })) as UploadState;
    }
    expect(await this.#json('completeUpload', { params: { uploadId } })).toEqual({ sha256, bytes });
    return sha256;
  }

  async name(sha256: string): Promise<void> {
    const model = modelFile([1]);
    await this.#json('putBlob', { params: { sha256: hashOf(model) }, body: model });
    const graph = { forward: sha256, trainStep: sha256 };
    const initialModel = hashOf(model);
    const federationId = this.federation.operator?.federationId ?? '';
    await this.#json('createJob', { body: manifestOf(federationId, { graph, initialModel, parameters: 1 }) });
  }

  /** Reads all of it and keeps nothing. Resolves to how much came. */
  async read(sha256: string): Promise<number> {
    const answer = await this.open(sha256);
    let bytes = 0;
    for await (const piece of answer) bytes += piece.length;
    return bytes;
  }

  /** An answer that has begun, and of which nothing more is taken until somebody reads it. */
  async open(sha256: string): Promise<IncomingMessage> {
    if (!this.#node) throw new Error('unreachable');
    const { target, headers } = await signed(this.#node, systemClock, 'getBlob', { params: { sha256 } });
    const url = this.#server + target;
    return new Promise((resolve, reject) => {
      request(url, { headers, agent: false }, resolve).on('error', reject).end();
    });
  }

  /** Answers that nobody reads on, once the coordinator has sent as much of each as it will. */
  async openMany(sha256: string, count: number): Promise<IncomingMessage[]> {
    const answers: IncomingMessage[] = [];
    for (let i = 0; i < count; i += 1) answers.push(await this.open(sha256));
    return answers;
  }

  /** Resident memory now, in bytes; peaks are counted anew from here. */
  rest(): number {
    return memoryAtRest(this.#pid);
  }

  peak(): number {
    return peakMemory(this.#pid);
  }

  get #pid(): number {
    return this.federation.coordinator?.pid ?? 0;
  }

  get #server(): string {
    return this.federation.operator?.server ?? '';
  }

  async #json(route: RouteName, parts: RequestParts): Promise<unknown> {
    if (!this.#node) throw new Error('unreachable');
    const { method, target, headers, body } = await signed(this.#node, systemClock, route, parts);
    const url = this.#server + target;
    const answer = await nodeExchange({ url, method, headers, ...(body && { body }) });
    expect(answer.status).toBe(200);
    return JSON.parse(new TextDecoder().decode(await answer.bytes()));
  }
}

describe.skipIf(!isBuilt || !isMeasurable)('memory of transfers (needs the build, and Linux)', SLOWLY, () => {
  const coordinators: Measured[] = [];
  afterAll(async () => {
    for (const { federation } of coordinators) await federation.end();
  });
  async function coordinator(preload?: string): Promise<Measured> {
    const measured = new Measured();
    coordinators.push(measured);
    await measured.serve(preload);
    return measured;
  }

  let streaming: Measured;
  beforeAll(async () => {
    streaming = await coordinator();
  });

  test('of the coordinator tells neither how large content is nor how many read it slowly', async () => {
    // What it makes at the first request of a kind is no content.
    const small = await streaming.upload(MB);
    await streaming.name(small);
    await streaming.read(small);
    const idle = streaming.rest();
    const content = await streaming.upload(LARGE);
    await streaming.name(content);
    const slow = await streaming.openMany(content, SLOW);
    expect(await Promise.all([streaming.read(content), streaming.read(content)])).toEqual([LARGE, LARGE]);
    expect(streaming.peak() - idle).toBeLessThan(BOUND);
    for (const answer of slow) answer.destroy();
  });

  test('of a coordinator that buffers is seen', async () => {
    const buffering = await coordinator(BUFFERING);
    const idle = buffering.rest();
    const content = await buffering.upload(SMALL);
    await buffering.name(content);
    for (const answer of await buffering.openMany(content, 3)) answer.destroy();
    expect(buffering.peak() - idle).toBeGreaterThan(BOUND);
  });

  test('of a node holds what it fetches once, and nothing beside what it sends', async () => {
    const content = hashOf(new Uint8Array(SMALL));
    expect(node('upload', streaming, content, SMALL)).toEqual({ length: SMALL, rise: below(0.5 * SMALL) });
    await streaming.name(content);
    expect(node('download', streaming, content)).toEqual({ length: SMALL, rise: below(ONCE) });
    expect(node('downloadTwice', streaming, content)).not.toEqual({ length: SMALL, rise: below(ONCE) });
  });
});

/** By how much the peak of a node rises, in bytes, and how much it has sent or fetched. */
function node(mode: string, { federation }: Measured, sha256: string, bytes = 0) {
  const identity = join(federation.dataDir, 'keys', 'operator.json');
  const told = execFileSync(process.execPath, [CLIENT, mode, identity, sha256, String(bytes)]);
  return JSON.parse(told.toString()) as { rise: number; length: number };
}

function below(limit: number) {
  return expect.toSatisfy((value: number) => value < limit, `below ${limit}`);
}
