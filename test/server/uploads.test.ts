import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../protocol/bytes.ts';
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import type { UploadRequest, UploadState } from '../../schemas/upload.ts';
import { memoryPartStore } from '../../server/store/memory-part-store.ts';
import type { PartStore } from '../../server/store/part-store.ts';
import { type UploadLimits, Uploads } from '../../server/uploads.ts';
import { atRest, VirtualClock } from '../../sim/virtual-clock.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const CONTENT = utf8('twenty-five bytes, or so.');
const LIMITS: UploadLimits = {
  chunkBytes: 10,
  uploadLifetimeMs: 1000,
  uploadsPerNode: 3,
  uploadBytesPerNode: 100,
  uploadBytes: 200,
};
const NODE = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
/** The next key of the node. */
const SUCCESSOR = 'd'.repeat(32);

let clock: VirtualClock;
let parts: PartStore;
let uploads: Uploads;
let unwanted: Set<string>;
let reported: unknown[];
beforeEach(() => {
  clock = new VirtualClock();
  parts = memoryPartStore();
  unwanted = new Set();
  reported = [];
  uploads = opened();
});

function opened(limits: Partial<UploadLimits> = {}): Uploads {
  const around = {
    parts,
    clock,
    random: seededRandom(new Uint8Array(32).fill(clock.now() % 251)),
    isWanted: (nodeId: string) => !unwanted.has(nodeId),
    ownerOf: (nodeId: string) => (nodeId === SUCCESSOR ? NODE : nodeId),
    report: (error: unknown) => reported.push(error),
  };
  return new Uploads(around, { ...LIMITS, ...limits });
}

const requestOf = (content: Uint8Array = CONTENT): UploadRequest => ({
  target: { type: 'blob' },
  sha256: hashOf(content),
  bytes: content.length,
});
const forAttempt = (attempt: number, bytes = 5): UploadRequest => ({
  target: { type: 'update', jobId: 'job-0123456789abcdef', round: 1, attempt },
  sha256: hashOf(CONTENT.subarray(0, bytes)),
  bytes,
});
const problem = (code: ProblemCode) => expect.objectContaining({ code });

async function send(uploadId: string, offset: number, to = uploads, node = NODE) {
  const source = CONTENT.subarray(offset, offset + LIMITS.chunkBytes);
  return to.receive(node, uploadId, offset, { source, sha256: hashOf(source), length: source.length });
}

async function delivered(uploadId: string, to = uploads): Promise<string[]> {
  const taken: string[] = [];
  await to.complete(NODE, uploadId, async ({ sha256, bytes }, { source }) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of source) pieces.push(piece);
    taken.push(Buffer.concat(pieces).toString());
    return { sha256, bytes };
  });
  return taken;
}

test('chunk by chunk, then delivered once and forgotten', async () => {
  const { uploadId, ...begun } = await uploads.begin(NODE, requestOf());
  expect(begun).toEqual({
    bytes: 25,
    received: 0,
    chunkBytes: 10,
    expiresAt: new Date(1000 + clock.now()).toISOString(),
  });
  for (const offset of [0, 10, 20]) {
    expect(uploads.state(NODE, uploadId).received).toBe(offset);
    await send(uploadId, offset);
  }
  expect(await delivered(uploadId)).toEqual([new TextDecoder().decode(CONTENT)]);
  expect(await parts.list()).toEqual([]);
  // The answer was lost: the receipt is there still, and nothing is delivered again.
  expect(await delivered(uploadId)).toEqual([]);
  expect(await uploads.begin(NODE, requestOf())).toMatchObject({ uploadId, received: 25 });
});

test('begun again for the same, it goes on; for another, or by another node, it is another', async () => {
  const first = await uploads.begin(NODE, requestOf());
  await send(first.uploadId, 0);
  expect(await uploads.begin(NODE, requestOf())).toMatchObject({ uploadId: first.uploadId, received: 10 });
  const others = [
    await uploads.begin(NODE, requestOf(CONTENT.subarray(1))),
    await uploads.begin(NODE, forAttempt(1)),
    await uploads.begin(OTHER, requestOf()),
  ];
  expect(new Set([first, ...others].map(({ uploadId }) => uploadId)).size).toBe(4);
  for (const { received } of others) expect(received).toBe(0);
});

test('a restart loses nothing that was acknowledged', async () => {
  const { uploadId } = await uploads.begin(NODE, requestOf());
  await send(uploadId, 0);
  const again = opened();
  await again.open();
  expect(await again.begin(NODE, requestOf())).toMatchObject({ uploadId, received: 10 });
  for (const offset of [10, 20]) await send(uploadId, offset, again);
  expect(await delivered(uploadId, again)).toEqual([new TextDecoder().decode(CONTENT)]);
});

test('what nobody wants any more, or nobody can read, is removed at the start', async () => {
  await uploads.begin(NODE, requestOf());
  await uploads.begin(OTHER, requestOf());
  await parts.begin('f'.repeat(32), utf8('{}'));
  unwanted.add(OTHER);
  const again = opened();
  await again.open();
  expect(await parts.list()).toHaveLength(1);
  expect((await again.begin(NODE, requestOf())).received).toBe(0);
});

describe('refused', () => {
  let uploadId: string;
  beforeEach(async () => {
    ({ uploadId } = await uploads.begin(NODE, requestOf()));
    await send(uploadId, 0);
  });

  test('an upload of another node, or of nobody', async () => {
    expect(() => uploads.state(OTHER, uploadId)).toThrow(problem('uploadUnknown'));
    await expect(send(uploadId, 10, uploads, OTHER)).rejects.toEqual(problem('uploadUnknown'));
    await expect(send('0'.repeat(32), 10)).rejects.toEqual(problem('uploadUnknown'));
    await expect(uploads.complete(OTHER, uploadId, expect.fail)).rejects.toEqual(problem('uploadUnknown'));
    expect(uploads.state(NODE, uploadId).received).toBe(10);
  });

  test('a chunk in another place, of another length, with another content', async () => {
    await expect(send(uploadId, 20)).rejects.toEqual(problem('rangeInvalid'));
    const source = CONTENT.subarray(10, 20);
    const chunk = { source, sha256: hashOf(source), length: 10 };
    const receive = (changed: object) => uploads.receive(NODE, uploadId, 10, { ...chunk, ...changed });
    await expect(receive({ length: 9 })).rejects.toEqual(problem('invalidLength'));
    await expect(receive({ length: undefined, source: CONTENT })).rejects.toEqual(problem('invalidLength'));
    await expect(receive({ sha256: '0'.repeat(64) })).rejects.toEqual(problem('hashMismatch'));
    expect(uploads.state(NODE, uploadId).received).toBe(10);
    await receive({ length: undefined });
    expect(uploads.state(NODE, uploadId).received).toBe(20);
  });

  test('a chunk that has arrived is not read again', async () => {
    const unread = { [Symbol.asyncIterator]: () => expect.fail('it was read') };
    const chunk = { source: unread, sha256: '0'.repeat(64), length: 10 };
    expect(await uploads.receive(NODE, uploadId, 0, chunk)).toMatchObject({ received: 10 });
  });

  test('two requests at a time', async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const source = (async function* () {
      await held;
      yield CONTENT.subarray(10, 20);
    })();
    const sha256 = hashOf(CONTENT.subarray(10, 20));
    const slow = uploads.receive(NODE, uploadId, 10, { source, sha256, length: 10 });
    await expect(send(uploadId, 10)).rejects.toEqual(problem('overloaded'));
    await expect(uploads.begin(NODE, requestOf())).rejects.toEqual(problem('overloaded'));
    await expect(uploads.complete(NODE, uploadId, expect.fail)).rejects.toEqual(problem('overloaded'));
    goOn();
    expect(await slow).toMatchObject({ received: 20 });
    await send(uploadId, 20);
  });

  test('what is not whole', async () => {
    await expect(uploads.complete(NODE, uploadId, expect.fail)).rejects.toEqual(problem('rangeInvalid'));
    expect(uploads.state(NODE, uploadId).received).toBe(10);
  });
});

describe('what is refused when it is whole', () => {
  const refuse = (error: HanseError) => async () => Promise.reject(error);
  async function whole(): Promise<string> {
    const { uploadId } = await uploads.begin(NODE, requestOf());
    for (const offset of [0, 10, 20]) await send(uploadId, offset);
    return uploadId;
  }

  test('is gone', async () => {
    const uploadId = await whole();
    const error = new HanseError('messageLate', { phase: 'collecting' });
    await expect(uploads.complete(NODE, uploadId, refuse(error))).rejects.toBe(error);
    expect(() => uploads.state(NODE, uploadId)).toThrow(problem('uploadUnknown'));
    expect(await parts.list()).toEqual([]);
  });

  test('for a while only is still there', async () => {
    const uploadId = await whole();
    const error = new HanseError('storageFull', { path: '' });
    await expect(uploads.complete(NODE, uploadId, refuse(error))).rejects.toBe(error);
    expect(await delivered(uploadId)).toHaveLength(1);
  });
});

describe('bounded', () => {
  test('two keys of a node have as much as one: the oldest gives way to a new one of either', async () => {
    const begun: UploadState[] = [];
    for (const [i, node] of [NODE, NODE, SUCCESSOR, SUCCESSOR].entries())
      begun.push(await uploads.begin(node, forAttempt(i + 1)));
    const isThere = (node: string, i: number) => {
      try {
        return uploads.state(node, begun[i]?.uploadId ?? '').received === 0;
      } catch {
        return false;
      }
    };
    expect([isThere(NODE, 0), isThere(NODE, 1), isThere(SUCCESSOR, 2), isThere(SUCCESSOR, 3)]).toEqual([
      false,
      true,
      true,
      true,
    ]);
    await uploads.begin(OTHER, forAttempt(5));
    expect(isThere(NODE, 1)).toBe(true);
  });

  test('an upload to which nothing comes ends, and one that goes on does not', async () => {
    const idle = await uploads.begin(OTHER, requestOf());
    const { uploadId } = await uploads.begin(NODE, requestOf());
    for (const offset of [0, 10, 20]) {
      await clock.advance(900);
      await send(uploadId, offset);
    }
    expect(() => uploads.state(OTHER, idle.uploadId)).toThrow(problem('uploadUnknown'));
    expect(await parts.list()).toHaveLength(1);
    await clock.advance(1000);
    expect(await parts.list()).toEqual([]);
    expect(reported).toEqual([]);
  });

  test('the oldest of a node gives way, by number and by bytes; those of others do not', async () => {
    const alive = () => begun.map(({ uploadId }) => isAlive(uploadId));
    const isAlive = (uploadId: string) => {
      try {
        return Boolean(uploads.state(NODE, uploadId));
      } catch {
        return false;
      }
    };
    const other = await uploads.begin(OTHER, requestOf());
    const begun: UploadState[] = [];
    for (const attempt of [1, 2, 3, 4]) begun.push(await uploads.begin(NODE, forAttempt(attempt)));
    expect(alive()).toEqual([false, true, true, true]);
    begun.push(await uploads.begin(NODE, forAttempt(5, 20)), await uploads.begin(NODE, forAttempt(6, 25)));
    expect(alive()).toEqual([false, false, false, true, true, true]);
    begun.push(await uploads.begin(NODE, { ...forAttempt(7), bytes: 90 }));
    expect(alive()).toEqual([false, false, false, false, false, false, true]);
    expect(uploads.state(OTHER, other.uploadId).received).toBe(0);
    await atRest();
    expect(await parts.list()).toHaveLength(2);
  });

  test('all together have a limit', async () => {
    await uploads.begin(NODE, { ...forAttempt(1), bytes: 100 });
    await uploads.begin(OTHER, { ...forAttempt(1), bytes: 90 });
    const third = 'c'.repeat(32);
    await expect(uploads.begin(third, { ...forAttempt(1), bytes: 11 })).rejects.toEqual(
      problem('overloaded'),
    );
    await uploads.begin(third, { ...forAttempt(1), bytes: 10 });
  });

  test('the end of an attempt ends what was for it, and what is being received for it afterwards', async () => {
    const jobId = 'job-0123456789abcdef';
    const blob = await uploads.begin(NODE, requestOf());
    const update = await uploads.begin(NODE, forAttempt(1));
    uploads.dropUnwanted(jobId);
    expect(uploads.state(NODE, update.uploadId).received).toBe(0);
    unwanted.add(NODE);
    uploads.dropUnwanted('job-0000000000000000');
    expect(uploads.state(NODE, update.uploadId).received).toBe(0);
    const source = (async function* () {
      uploads.dropUnwanted(jobId);
      yield CONTENT.subarray(0, 5);
    })();
    const sha256 = hashOf(CONTENT.subarray(0, 5));
    await uploads.receive(NODE, update.uploadId, 0, { source, sha256, length: 5 });
    expect(() => uploads.state(NODE, update.uploadId)).toThrow(problem('uploadUnknown'));
    expect(uploads.state(NODE, blob.uploadId).received).toBe(0);
    await atRest();
    expect(await parts.list()).toHaveLength(1);
  });

  test('one that could not be begun leaves nothing', async () => {
    const full = new HanseError('storageFull', { path: '' });
    const { begin } = parts;
    parts.begin = async () => Promise.reject(full);
    await expect(uploads.begin(NODE, requestOf())).rejects.toBe(full);
    parts.begin = begin;
    expect((await uploads.begin(NODE, requestOf())).received).toBe(0);
  });
});
