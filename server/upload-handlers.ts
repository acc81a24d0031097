/**
 * Uploads in chunks: who may send what, and where it goes once it is whole. SPEC.md section 9.3.
 *
 * The content of a complete upload takes the way of content in one piece, through the same handlers.
 */

import { HanseError } from '../protocol/problem.ts';
import { updateBytes } from '../protocol/ring/payload.ts';
import { attemptParams, type RouteName } from '../protocol/routes.ts';
import type { UploadRequest } from '../schemas/upload.ts';
import { principalOf } from './access/principal.ts';
import type { Coordinator } from './coordinator.ts';
import type { KnownMember } from './federation-state.ts';
import type { Handlers } from './handler-types.ts';
import { requireSigned, updateEvent } from './masked-update.ts';
import { refuseEarly } from './update-admission.ts';

export type UploadRoute = Extract<RouteName, 'openUpload' | 'getUpload' | 'putChunk' | 'completeUpload'>;

export function uploadHandlers(
  coordinator: Coordinator,
  whole: Pick<Handlers, 'putBlob' | 'putUpdate' | 'putMaskedUpdate'>,
): Pick<Handlers, UploadRoute> {
  const { accessControl, uploads, presence, settings } = coordinator;

  /** Refuses what could not be accepted; the receipt of what has been accepted already. */
  async function admit(member: KnownMember, { target, sha256, bytes }: UploadRequest) {
    const { nodeId } = member;
    if (target.type === 'blob') {
      accessControl.requireAction(principalOf(member), 'storeContent');
      const { blobLimitBytes: limitBytes } = settings;
      if (bytes > limitBytes) throw new HanseError('bodyTooLarge', { limitBytes });
      coordinator.unnamed.check(coordinator.federation.firstKeyOf(nodeId), sha256, bytes);
      return undefined;
    }
    accessControl.requireJob(principalOf(member), 'contribute', target.jobId);
    presence.saw(nodeId);
    const { jobId, signature } = target;
    const runner = coordinator.job(jobId);
    const { state } = runner;
    const update = updateEvent(nodeId, target, { sha256, bytes, signature });
    refuseEarly(state, update);
    const expected = updateBytes(state.manifest);
    if (bytes !== expected) throw new HanseError('invalidLength', { what: 'update', expected, got: bytes });
    await requireSigned(runner, update);
    const isAccepted = state.accepted.get(nodeId)?.sha256 === sha256;
    return isAccepted ? { sha256, bytes } : undefined;
  }

  return {
    openUpload: async ({ body, member }) => uploads.begin(member.nodeId, body, await admit(member, body)),

    getUpload: async ({ params, member }) => uploads.state(member.nodeId, params.uploadId),

    putChunk: async ({ params, body, member }) => {
      if (member.role === 'participant') presence.saw(member.nodeId);
      return uploads.receive(member.nodeId, params.uploadId, Number(params.offset), body);
    },

    completeUpload: ({ params, member, signal }) =>
      uploads.complete(member.nodeId, params.uploadId, ({ target, sha256 }, body) => {
        if (target.type === 'blob') return whole.putBlob({ params: { sha256 }, body, member, signal });
        const { signature } = target;
        const attempt = attemptParams(target);
        // Without a wait: the answer is a receipt, and what follows is asked for (SPEC.md 9.1).
        return signature === undefined
          ? whole.putUpdate({ params: attempt, body, member, signal })
          : whole.putMaskedUpdate({ params: { ...attempt, signature }, query: {}, body, member, signal });
      }),
  };
}
