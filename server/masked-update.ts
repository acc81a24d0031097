/**
 * Whether a masked update is its sender's, told before any of it is read: the hash of its body is known from the request.
 * SPEC.md 11.7.
 */
import { HanseError } from '../protocol/problem.ts';
import { isUploadSigned } from '../protocol/secagg/masked-upload.ts';
import { isSecure } from '../protocol/secagg/secure-phases.ts';
import type { NodeId, Sha256, Signature } from '../schemas/ids.ts';
import type { UpdateAccepted } from '../schemas/job-event.ts';
import type { JobRunner } from './job-runner.ts';

/** What would become true of an update. @param content without a signature: it is not masked */
export function updateEvent(
  node: NodeId,
  { round, attempt }: { readonly round: number; readonly attempt: number },
  content: {
    readonly sha256: Sha256;
    readonly bytes: number;
    readonly signature?: Signature | undefined;
  },
): UpdateAccepted {
  const { sha256, bytes, signature } = content;
  const update = { type: 'updateAccepted', round, attempt, node, sha256, bytes } as const;
  return signature === undefined ? update : { ...update, signature };
}

/**
 * @param update that the round would accept
 * @throws `updateUnsigned` for a masked one that its sender has not signed for this attempt
 */
export async function requireSigned(runner: JobRunner, update: UpdateAccepted): Promise<void> {
  const job = runner.state;
  const { node, sha256, signature } = update;
  if (signature === undefined || !isSecure(job)) return;
  const view = runner.viewOf(job);
  const { context } = await view.delivered(job);
  const party = await view.party(job, node);
  if (!(await isUploadSigned(view.primitives, context, party, { sha256, signature })))
    throw new HanseError('updateUnsigned', {
      reason: 'the signature is not that of the node over this attempt',
    });
}
