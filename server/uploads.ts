/**
 * Content that members send in chunks, so that a connection that breaks, or a side that is started anew, costs one
 * chunk and not the whole. SPEC.md section 9.3.
 *
 * An upload belongs to a node and to what it is for: whoever opens the same one again goes on with it. What has been
 * acknowledged is on disk, with a note that says what it is part of, and is found there after a restart. Complete, it
 * is delivered like content that came in one piece, with the same checks and the same receipt.
 *
 * Nobody can fill the disk with beginnings: a node has few uploads at a time and few bytes, the oldest gives way to a
 * new one, and all together have a limit. An upload ends when nothing comes for a while, and with the attempt it is for.
 */
import { toHex, utf8 } from '../protocol/bytes.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import type { Clock } from '../protocol/clock.ts';
import { parseJson } from '../protocol/parse.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { type RandomSource, randomBytes } from '../protocol/random.ts';
import { nextChunkBytes, placeOfChunk, requireWhole } from '../protocol/upload.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { Receipt } from '../schemas/task.ts';
import { type UploadId, UploadNote, type UploadRequest, type UploadState } from '../schemas/upload.ts';
import type { Chunk, PartStore } from './store/part-store.ts';

export interface UploadLimits {
  readonly chunkBytes: number;
  /** How long an upload waits for its next chunk. */
  readonly uploadLifetimeMs: number;
  /** Uploads of one node, and the bytes that they will have together. */
  readonly uploadsPerNode: number;
  readonly uploadBytesPerNode: number;
  /** Bytes of all uploads. */
  readonly uploadBytes: number;
}

export interface UploadSurroundings {
  readonly parts: PartStore;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Whose limits count for a node: its keys, one after the other, have them together. */
  ownerOf(nodeId: NodeId): string;
  /** Whether what is uploaded would still be taken. */
  isWanted(nodeId: NodeId, request: UploadRequest): boolean;
  report(error: unknown, doing: string): void;
}

interface Upload {
  readonly uploadId: UploadId;
  readonly nodeId: NodeId;
  readonly owner: string;
  readonly request: UploadRequest;
  received: number;
  expiresAt: number;
  cancelExpiry: () => void;
  /** A request works on it. */
  isBusy: boolean;
  /** It is to go as soon as it is not busy. */
  isOver: boolean;
  /** Once it has been delivered: its parts are gone, and who asks again, having lost the answer, gets it again. */
  receipt: Receipt | undefined;
}

/** What completes an upload is given its content, and answers with a receipt. */
export type Deliver = (
  request: UploadRequest,
  content: { readonly source: AsyncIterable<Uint8Array>; readonly sha256: string; readonly length: number },
) => Promise<Receipt>;

/** After these the same content may be delivered a little later. */
const DELIVERED_LATER: ReadonlySet<string> = new Set(['overloaded', 'storageFull', 'storageFailed']);

export class Uploads {
  readonly #around: UploadSurroundings;
  readonly #limits: UploadLimits;
  /** The oldest comes first. */
  readonly #uploads = new Map<UploadId, Upload>();

  constructor(around: UploadSurroundings, limits: UploadLimits) {
    this.#around = around;
    this.#limits = limits;
  }

  /** Takes up what an earlier process has left, and removes what nobody wants any more. */
  async open(): Promise<void> {
    const { parts, isWanted } = this.#around;
    for (const { name, note, bytes } of await parts.list()) {
      const found = readNote(note);
      if (!found || bytes > found.request.bytes || !isWanted(found.nodeId, found.request)) {
        await parts.delete(name);
        continue;
      }
      this.#add(name, found.nodeId, found.request).received = bytes;
    }
  }

  /**
   * Begins an upload, or goes on with the one of this node that is for the same.
   * @param receipt of content that has been taken already: there is nothing to be sent
   * @throws `overloaded` if there is no room, or another request is at it; `storageFull`, `storageFailed`
   */
  async begin(nodeId: NodeId, request: UploadRequest, receipt?: Receipt): Promise<UploadState> {
    const { parts, random } = this.#around;
    const key = keyOf(nodeId, request);
    const known = [...this.#uploads.values()].find((one) => keyOf(one.nodeId, one.request) === key);
    if (known?.isBusy) throw new HanseError('overloaded');
    if (known) return this.#stateOf(this.#touch(known));
    this.#makeRoom(nodeId, request.bytes);
    const upload = this.#add(toHex(randomBytes(random, 16)), nodeId, request);
    upload.receipt = receipt;
    if (receipt) return this.#stateOf(upload);
    return this.#working(upload, async () => {
      try {
        await parts.begin(upload.uploadId, utf8(canonicalJson({ nodeId, request })));
      } catch (error) {
        upload.isOver = true;
        throw error;
      }
      return this.#stateOf(upload);
    });
  }

  /** Throws `uploadUnknown`. */
  state(nodeId: NodeId, uploadId: UploadId): UploadState {
    return this.#stateOf(this.#find(nodeId, uploadId));
  }

  /**
   * Takes the chunk at `offset`, and resolves when it is durable; one that has arrived before is not read.
   * @throws `uploadUnknown`, `rangeInvalid`, `invalidLength`, `hashMismatch`, `overloaded`; what the store and the
   *   source throw
   */
  async receive(
    nodeId: NodeId,
    uploadId: UploadId,
    offset: number,
    chunk: Pick<Chunk, 'source' | 'sha256'> & { readonly length: number | undefined },
  ): Promise<UploadState> {
    const upload = this.#find(nodeId, uploadId);
    if (upload.isBusy) throw new HanseError('overloaded');
    const progress = this.#stateOf(upload);
    if (placeOfChunk(progress, offset) === 'known') return this.#stateOf(this.#touch(upload));
    const length = nextChunkBytes(progress);
    if (chunk.length !== undefined && chunk.length !== length)
      throw new HanseError('invalidLength', { what: 'chunk', expected: length, got: chunk.length });
    return this.#working(upload, async () => {
      await this.#around.parts.append(uploadId, { source: chunk.source, sha256: chunk.sha256, length });
      upload.received += length;
      return this.#stateOf(upload);
    });
  }

  /**
   * Delivers the whole. What is refused is gone, unless it may be delivered later.
   * @throws `uploadUnknown`, `rangeInvalid`, `overloaded`, and what `deliver` throws
   */
  async complete(nodeId: NodeId, uploadId: UploadId, deliver: Deliver): Promise<Receipt> {
    const upload = this.#find(nodeId, uploadId);
    if (upload.receipt) return upload.receipt;
    if (upload.isBusy) throw new HanseError('overloaded');
    requireWhole(this.#stateOf(upload));
    const { request } = upload;
    const { sha256, bytes: length } = request;
    return this.#working(upload, async () => {
      try {
        const source = this.#around.parts.stream(uploadId);
        upload.receipt = await deliver(request, { source, sha256, length });
        await this.#forget(uploadId);
        return upload.receipt;
      } catch (error) {
        if (!isProblem(error) || !DELIVERED_LATER.has(error.code)) upload.isOver = true;
        throw error;
      }
    });
  }

  /** Ends what is not wanted any more: the round has gone on. */
  dropUnwanted(jobId?: string): void {
    for (const upload of this.#uploads.values()) {
      const { target } = upload.request;
      if (jobId !== undefined && (target.type !== 'update' || target.jobId !== jobId)) continue;
      if (!this.#around.isWanted(upload.nodeId, upload.request)) this.#end(upload);
    }
  }

  /** Nothing is to happen by itself any more. */
  close(): void {
    for (const upload of this.#uploads.values()) upload.cancelExpiry();
  }

  #find(nodeId: NodeId, uploadId: UploadId): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload?.nodeId !== nodeId || upload.isOver) throw new HanseError('uploadUnknown', { uploadId });
    return upload;
  }

  #add(uploadId: UploadId, nodeId: NodeId, request: UploadRequest): Upload {
    const upload: Upload = {
      uploadId,
      nodeId,
      owner: this.#around.ownerOf(nodeId),
      request,
      received: 0,
      expiresAt: 0,
      cancelExpiry: () => {},
      isBusy: false,
      isOver: false,
      receipt: undefined,
    };
    this.#uploads.set(uploadId, upload);
    return this.#touch(upload);
  }

  #touch(upload: Upload): Upload {
    const { clock } = this.#around;
    upload.expiresAt = clock.now() + this.#limits.uploadLifetimeMs;
    upload.cancelExpiry();
    upload.cancelExpiry = clock.schedule(upload.expiresAt, () => this.#end(upload));
    return upload;
  }

  /** One request at a time works on an upload. */
  async #working<Result>(upload: Upload, work: () => Promise<Result>): Promise<Result> {
    upload.isBusy = true;
    try {
      return await work();
    } finally {
      upload.isBusy = false;
      if (upload.isOver) this.#end(upload);
      else this.#touch(upload);
    }
  }

  #end(upload: Upload): void {
    upload.isOver = true;
    upload.cancelExpiry();
    if (upload.isBusy) return;
    const { uploadId } = upload;
    this.#uploads.delete(uploadId);
    if (upload.receipt) return;
    void this.#forget(uploadId);
  }

  /** What cannot be removed now is looked at again at the next start. */
  async #forget(uploadId: UploadId): Promise<void> {
    const { parts, report } = this.#around;
    await parts.delete(uploadId).catch((error: unknown) => report(error, 'removing an upload'));
  }

  /** The oldest uploads of the node give way. Throws `overloaded` where that does not help. */
  #makeRoom(nodeId: NodeId, bytes: number): void {
    const { uploadsPerNode, uploadBytesPerNode, uploadBytes } = this.#limits;
    const owner = this.#around.ownerOf(nodeId);
    const own = () => [...this.#uploads.values()].filter((upload) => upload.owner === owner);
    const isTooMuch = () =>
      own().length >= uploadsPerNode || bytesOf(own()) + bytes > Math.max(uploadBytesPerNode, bytes);
    while (isTooMuch()) {
      const oldest = own().find((upload) => !upload.isBusy);
      if (!oldest) throw new HanseError('overloaded');
      this.#end(oldest);
    }
    if (bytesOf([...this.#uploads.values()]) + bytes > uploadBytes) throw new HanseError('overloaded');
  }

  #stateOf({ uploadId, request, received, receipt, expiresAt }: Upload): UploadState {
    return {
      uploadId,
      bytes: request.bytes,
      received: receipt ? request.bytes : received,
      chunkBytes: this.#limits.chunkBytes,
      expiresAt: new Date(expiresAt).toISOString(),
    };
  }
}

/** Of content that is still to be delivered, as it will be. */
function bytesOf(uploads: readonly Upload[]): number {
  return uploads.reduce((sum, { request, receipt }) => sum + (receipt ? 0 : request.bytes), 0);
}

function keyOf(nodeId: NodeId, request: UploadRequest): string {
  return `${nodeId} ${canonicalJson(request)}`;
}

/** Undefined for what this version has not written. */
function readNote(note: Uint8Array): UploadNote | undefined {
  try {
    return parseJson(UploadNote, new TextDecoder().decode(note), 'upload');
  } catch (error) {
    if (isProblem(error)) return undefined;
    throw error;
  }
}
