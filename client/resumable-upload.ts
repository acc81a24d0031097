/**
 * Large bodies in chunks: an update or a model that does not arrive in one piece goes on where it stopped, also after
 * either side was started anew. SPEC.md section 9.3.
 *
 * Callers need not know: `putUpdate`, `putMaskedUpdate` and `putBlob` are as they were, and what is small still goes in one request. All
 * state is the coordinator's: whoever opens an upload of the same content for the same purpose is told where it stands.
 *
 * Failures after which chunks have arrived are followed by another try at once. Others are the caller's to repeat, as
 * `retrying-coordinator.ts` does, and lose nothing either.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { attemptOf, type RouteRequest } from '../protocol/routes.ts';
import { nextChunkBytes, RESUMABLE_FROM_BYTES } from '../protocol/upload.ts';
import type { Receipt } from '../schemas/task.ts';
import type { UploadTarget } from '../schemas/upload.ts';
import type { CallOptions, CoordinatorApi } from './coordinator-api.ts';

/** The upload is gone, or stands elsewhere than this side believed: to open it again tells. */
const REOPENED: ReadonlySet<string> = new Set(['uploadUnknown', 'rangeInvalid']);
/** How often that helps without a chunk that arrives. */
const FRUITLESS = 3;

/** @param fromBytes length from which bodies are sent in chunks */
export function resumingUploads(
  api: CoordinatorApi,
  fromBytes: number = RESUMABLE_FROM_BYTES,
): CoordinatorApi {
  return {
    async call(name, request, options) {
      const { body } = request as { readonly body?: unknown };
      const isLarge = body instanceof Uint8Array && body.length >= fromBytes;
      const target = isLarge ? targetOf(name, request) : undefined;
      if (!isLarge || !target) return api.call(name, request, options);
      return (await upload(api, target, body, options)) as Awaited<ReturnType<typeof api.call<typeof name>>>;
    },
  };
}

function targetOf(name: string, request: object): UploadTarget | undefined {
  if (name === 'putBlob') return { type: 'blob' };
  if (name !== 'putUpdate' && name !== 'putMaskedUpdate') return undefined;
  const { params } = request as RouteRequest<'putUpdate'>;
  const target = { type: 'update', jobId: params.jobId, ...attemptOf(params) } as const;
  if (name === 'putUpdate') return target;
  return { ...target, signature: (request as RouteRequest<'putMaskedUpdate'>).params.signature };
}

async function upload(
  api: CoordinatorApi,
  target: UploadTarget,
  body: Uint8Array,
  { bodySha256, ...options }: CallOptions = {},
): Promise<Receipt> {
  const sha256 = toHex(bodySha256 ?? (await primitives.sha256(body)));
  for (let fruitless = 0; ; ) {
    let chunks = 0;
    try {
      let state = await api.call('openUpload', { body: { target, sha256, bytes: body.length } }, options);
      const { uploadId } = state;
      while (state.received < body.length) {
        const offset = state.received;
        const { chunkBytes } = state;
        const length = nextChunkBytes({ bytes: body.length, received: offset, chunkBytes });
        const params = { uploadId, offset: String(offset) };
        const chunk = body.subarray(offset, offset + length);
        state = await api.call('putChunk', { params, body: chunk }, options);
        if (state.received <= offset)
          throw new HanseError('coordinatorMisbehaved', {
            what: `a chunk at ${offset} that changes nothing`,
          });
        chunks += 1;
      }
      return await api.call('completeUpload', { params: { uploadId } }, options);
    } catch (error) {
      if (!isProblem(error) || options.signal?.aborted) throw error;
      fruitless = chunks > 0 ? 0 : fruitless + 1;
      const isBroken = error.code === 'coordinatorUnreachable' && chunks > 0;
      if (!isBroken && !(REOPENED.has(error.code) && fruitless < FRUITLESS)) throw error;
    }
  }
}
