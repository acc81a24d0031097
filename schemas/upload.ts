/**
 * Content that is sent in chunks: what it is for, and how much of it has arrived. SPEC.md section 9.3.
 */
import { type Static, Type } from 'typebox';
import { Attempt, JobId, NodeId, Round, Sha256, Signature, Timestamp } from './ids.ts';

const closed = { additionalProperties: false } as const;

export const UploadId = Type.String({ pattern: '^[0-9a-f]{32}$', description: 'chosen by the coordinator' });
export type UploadId = Static<typeof UploadId>;

export const UploadTarget = Type.Union([
  Type.Object({ type: Type.Literal('blob') }, closed),
  Type.Object(
    {
      type: Type.Literal('update'),
      jobId: JobId,
      round: Round,
      attempt: Attempt,
      /** Of its sender over a masked update. */
      signature: Type.Optional(Signature),
    },
    closed,
  ),
]);
export type UploadTarget = Static<typeof UploadTarget>;

export const UploadRequest = Type.Object(
  {
    target: UploadTarget,
    /** Of the whole. */
    sha256: Sha256,
    bytes: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  },
  closed,
);
export type UploadRequest = Static<typeof UploadRequest>;

export const UploadState = Type.Object(
  {
    uploadId: UploadId,
    bytes: Type.Integer({ minimum: 1 }),
    /** So many, from the beginning, are on the coordinator's disk: the next chunk begins there. */
    received: Type.Integer({ minimum: 0 }),
    /** Every chunk has that many bytes but the last, which has the rest. */
    chunkBytes: Type.Integer({ minimum: 1, maximum: 2 ** 30 }),
    /** Moved with every chunk. */
    expiresAt: Timestamp,
  },
  closed,
);
export type UploadState = Static<typeof UploadState>;

/** What the coordinator writes beside the chunks of an upload. */
export const UploadNote = Type.Object({ nodeId: NodeId, request: UploadRequest }, closed);
export type UploadNote = Static<typeof UploadNote>;
