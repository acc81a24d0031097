/**
 * What the coordinator does for the routes of updates, plain and masked. SPEC.md 5.3, 8.1, 11.7. As all of `handlers.ts`,
 * free of any transport; role and form have been checked.
 */

import { HanseError } from '../protocol/problem.ts';
import { updateBytes } from '../protocol/ring/payload.ts';
import { attemptOf, type RouteName } from '../protocol/routes.ts';
import type { Receipt } from '../schemas/task.ts';
import type { Coordinator } from './coordinator.ts';
import type { HandlerRequest, Handlers } from './handler-types.ts';
import { IncomingUpdates } from './incoming-updates.ts';
import { requireSigned, updateEvent } from './masked-update.ts';
import { following, type SecureReplies } from './secure-replies.ts';
import { SignedBody } from './signed-body.ts';
import { refuseEarly } from './update-admission.ts';
import { checkedUpdate } from './update-check.ts';
import { UPDATE_MEMORY_BYTES, UpdateMemory } from './update-memory.ts';

type UpdateRoute = Extract<RouteName, 'putUpdate' | 'putMaskedUpdate'>;

/** @param replies of the same coordinator */
export function updateHandlers(
  coordinator: Coordinator,
  replies: SecureReplies,
): Pick<Handlers, UpdateRoute> {
  const { federation, presence, dependencies } = coordinator;
  const { blobs } = dependencies;
  const updateMemory = new UpdateMemory(UPDATE_MEMORY_BYTES);
  const incoming = new IncomingUpdates();

  /** @param signature of the sender, where the update is masked */
  async function receive(
    { params, body, member }: Pick<HandlerRequest<'putUpdate'>, 'params' | 'body' | 'member'>,
    signature?: string,
  ): Promise<Receipt> {
    const runner = coordinator.job(params.jobId);
    const { nodeId } = member;
    presence.saw(nodeId);
    // Refuse before reading a body that cannot be accepted; the reducer decides again once it is stored.
    const update = updateEvent(nodeId, attemptOf(params), { sha256: body.sha256, bytes: 0, signature });
    refuseEarly(runner.state, update);
    const { codec, parameters } = runner.state.manifest;
    const expected = updateBytes(runner.state.manifest);
    if (body.length !== undefined && body.length !== expected)
      throw new HanseError('invalidLength', { what: 'update', expected, got: body.length });
    await requireSigned(runner, update);

    const place = `${nodeId}/${params.jobId}/${params.round}/${params.attempt}`;
    const store = () =>
      updateMemory.withBuffer(expected, async (buffer) => {
        const signed = new SignedBody(body.source, body.sha256, expected, buffer);
        const checked = checkedUpdate(signed.pieces(), codec, parameters, signature !== undefined);
        try {
          if (buffer) await passed(checked); // what passes is in the buffer
          const limits = { limitBytes: expected, expectedSha256: body.sha256 };
          const { sha256, size: bytes } = await blobs.put(buffer ?? checked, limits);
          federation.requireValid(nodeId); // it may have been revoked while its update came in
          await runner.dispatch({ ...update, bytes }, buffer);
          return { sha256, bytes };
        } catch (error) {
          throw await signed.answerTo(error);
        } finally {
          await signed.close();
        }
      });
    return incoming.receive(place, body.sha256, () => coordinator.retention.storing(body.sha256, store));
  }

  return {
    putUpdate: (request) => receive(request),
    putMaskedUpdate: async (request) => {
      const receipt = await receive(request, request.params.signature);
      const survivors = await following(replies.survivors, request);
      return { ...receipt, ...(survivors && { survivors }) };
    },
  };
}

/** Ends with the last piece. A function of its own: its caller, which goes on for long, would keep that piece as well. */
async function passed(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of pieces);
}
