/**
 * What the coordinator does for each route of `protocol/routes.ts`, free of any transport.
 *
 * A handler receives an authenticated caller and parsed parameters. Role and form have been checked; whether the
 * request makes sense now has not. It returns the response or throws a HanseError.
 */

import { Value } from 'typebox/value';
import { toHex } from '../protocol/bytes.ts';
import { canonicalSha256 } from '../protocol/canonical.ts';
import { proveFederation } from '../protocol/identity.ts';
import { HanseError, isProblemCode } from '../protocol/problem.ts';
import { attemptOf } from '../protocol/routes.ts';
import { SOFTWARE } from '../protocol/versions.ts';
import type { Sha256 } from '../schemas/ids.ts';
import { PolicyRule } from '../schemas/node-policy.ts';
import type { Decline } from '../schemas/task.ts';
import type { Coordinator } from './coordinator.ts';
import type { Handlers, OutgoingBody, Select } from './handler-types.ts';
import { HotContent } from './hot-content.ts';
import type { Selection } from './http/conditional-request.ts';
import { IncomingUpdates } from './incoming-updates.ts';
import { lineOf, statusOf, untilChanged } from './job-view.ts';
import { mailboxHandlers } from './mailbox-handlers.ts';
import { checkManifest } from './manifest-check.ts';
import { memberHandlers } from './member-handlers.ts';
import { ModelDeltas } from './model-deltas.ts';
import { SignedBody } from './signed-body.ts';
import type { BlobStore, ByteRange } from './store/blob-store.ts';
import { TaskStreams } from './task-stream.ts';
import { refuseEarly, updateBytes } from './update-admission.ts';
import { checkedUpdate } from './update-check.ts';
import { UPDATE_MEMORY_BYTES, UpdateMemory } from './update-memory.ts';
import { type UploadRoute, uploadHandlers } from './upload-handlers.ts';

/** Those of content in one piece, and of everything else. */
type WholeHandlers = Omit<Handlers, UploadRoute>;

const WHOLE: Selection = { type: 'whole' };
const NOTHING = new Uint8Array(0);

/** Counts for every code of a decline that this version does not know: such text is a participant's to choose. */
const UNLISTED = 'other';

export function createHandlers(coordinator: Coordinator): Handlers {
  const { federation, mailboxes, presence, settings, dependencies } = coordinator;
  const { blobs, clock, signer, report } = dependencies;
  const streams = new TaskStreams(coordinator);
  const hotContent = new HotContent(blobs);
  const deltas = new ModelDeltas({ read: (sha256) => hotContent.read(sha256) });
  const updateMemory = new UpdateMemory(UPDATE_MEMORY_BYTES);
  const incoming = new IncomingUpdates();
  /** Content whose last answer broke off, because it did not verify; asked for again it is verified first. */
  const suspects = new Set<Sha256>();

  /** Too large to be verified before the answer begins. */
  async function* streamed(sha256: Sha256, range?: ByteRange): AsyncIterable<Uint8Array> {
    try {
      yield* blobs.stream(sha256, range);
    } catch (error) {
      suspects.add(sha256);
      report(error, 'sending content');
      throw error;
    }
  }

  /** What was selected of content that members may fetch. */
  async function contentOf(sha256: Sha256, select: Select | undefined): Promise<OutgoingBody> {
    if (!coordinator.isReadable(sha256)) throw new HanseError('blobUnknown', { sha256 });
    const content = await hotContent.read(sha256);
    const length = content?.length ?? (await blobs.has(sha256))?.size;
    if (length === undefined) throw new HanseError('blobUnknown', { sha256 });
    if (suspects.has(sha256)) {
      await verify(sha256, blobs);
      suspects.delete(sha256);
    }
    const selection = select?.(sha256, length) ?? WHOLE;
    if (selection.type === 'notModified') return { source: NOTHING, sha256, length, selection };
    const { start, end } = selection.type === 'part' ? selection.range : { start: 0, end: length };
    coordinator.countDownload(sha256, end - start);
    const range = selection.type === 'part' ? selection.range : undefined;
    const source = content?.subarray(start, end) ?? streamed(sha256, range);
    return { source, sha256, length, selection };
  }

  const whole: WholeHandlers = {
    getFederation: ({ query }) => {
      const { min, max } = settings.protocol;
      const coordinatorKey = toHex(signer.publicKey);
      const info = {
        federationId: federation.id,
        coordinatorKey,
        software: SOFTWARE,
        protocol: { min, max },
      };
      return proveFederation(info, query.challenge, signer);
    },

    ...memberHandlers(coordinator),

    ...mailboxHandlers(coordinator),

    nextTasks: async ({ query, member, signal }) => {
      const milliseconds = Number(query.wait ?? 0) * 1000;
      const told = query.letters === undefined ? undefined : Number(query.letters);
      const tasks = await coordinator.waitForTasks(member, milliseconds, signal, told);
      if (signal.aborted) presence.lost(member.nodeId);
      const letters = mailboxes.newest(member.organisationId);
      return {
        tasks,
        directoryVersion: federation.directoryVersion,
        ...(letters !== undefined && { letters }),
      };
    },

    taskStream: async ({ member, signal }) => streams.open(member, signal),

    answerStream: async ({ params }) => ({ open: streams.answer(params.streamId) }),

    putBlob: async ({ params, body, member }) => {
      requireSame('body', params.sha256, body.sha256);
      const { blobLimitBytes: limitBytes } = settings;
      if (body.length !== undefined && body.length > limitBytes)
        throw new HanseError('bodyTooLarge', { limitBytes });
      const stored = await blobs.put(body.source, { limitBytes, expectedSha256: body.sha256 });
      federation.requireValid(member.nodeId);
      return { sha256: stored.sha256, bytes: stored.size };
    },

    getBlob: async ({ params, member, select }) => {
      presence.heard(member.nodeId);
      return contentOf(params.sha256, select);
    },

    getBlobFrom: async ({ params, member, select }) => {
      const { sha256, base } = params;
      presence.heard(member.nodeId);
      const delta = coordinator.isNextModel(base, sha256) ? await deltas.between(base, sha256) : undefined;
      if (!delta) return contentOf(sha256, select);
      const { length } = delta.bytes;
      const selection = select?.(delta.sha256, length) ?? WHOLE;
      if (selection.type === 'notModified')
        return { source: NOTHING, sha256: delta.sha256, length, selection };
      const { start, end } = selection.type === 'part' ? selection.range : { start: 0, end: length };
      coordinator.countDownload(sha256, end - start);
      return { source: delta.bytes.subarray(start, end), sha256: delta.sha256, length, selection };
    },

    createJob: async ({ body: manifest, member }) => {
      await checkManifest(manifest, federation.id, blobs);
      const manifestSha256 = await canonicalSha256(manifest);
      const runner = await coordinator.newJob();
      const { jobId } = runner;
      await runner.create({ type: 'jobCreated', jobId, manifest, manifestSha256, createdBy: member.nodeId });
      return statusOf(runner, coordinator);
    },

    listJobs: async () => ({ jobs: coordinator.jobs().map(({ state }) => lineOf(state)) }),

    getJob: async ({ params, query, member, signal }) => {
      const runner = coordinator.job(params.jobId);
      if (query.after !== undefined) {
        const milliseconds = Math.min(Number(query.wait ?? 0) * 1000, settings.longestWaitMs);
        const ended = AbortSignal.any([signal, coordinator.closing]);
        await untilChanged(runner, Number(query.after), milliseconds, clock, ended);
        federation.requireValid(member.nodeId);
      }
      return statusOf(runner, coordinator);
    },

    cancelJob: async ({ params, member }) => {
      const runner = coordinator.job(params.jobId);
      await runner.dispatch({ type: 'jobCancelled', by: member.nodeId });
      return statusOf(runner, coordinator);
    },

    putUpdate: async ({ params, body, member }) => {
      const runner = coordinator.job(params.jobId);
      const context = attemptOf(params);
      const { nodeId } = member;
      presence.saw(nodeId);
      // Refuse before reading a body that cannot be accepted; the reducer decides again once it is stored.
      const update = {
        type: 'updateAccepted',
        ...context,
        node: nodeId,
        sha256: body.sha256,
        bytes: 0,
      } as const;
      refuseEarly(runner.state, update);
      const { codec, parameters } = runner.state.manifest;
      const expected = updateBytes(runner.state.manifest);
      if (body.length !== undefined && body.length !== expected)
        throw new HanseError('invalidLength', { what: 'update', expected, got: body.length });

      const place = `${nodeId}/${params.jobId}/${params.round}/${params.attempt}`;
      return incoming.receive(place, body.sha256, () =>
        updateMemory.withBuffer(expected, async (buffer) => {
          const signed = new SignedBody(body.source, body.sha256, expected, buffer);
          const checked = checkedUpdate(signed.pieces(), codec, parameters);
          try {
            if (buffer) for await (const _ of checked); // what passes is in the buffer
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
        }),
      );
    },

    decline: async ({ params, body, member }) => {
      presence.heard(member.nodeId);
      const context = attemptOf(params);
      const code = declinedAs(body);
      const type = member.role === 'evaluator' ? 'evaluationDeclined' : 'taskDeclined';
      const event = { type, ...context, node: member.nodeId, code } as const;
      await coordinator.job(params.jobId).dispatch(event);
      return {};
    },

    putEvaluation: async ({ params, body, member }) => {
      presence.heard(member.nodeId);
      const context = attemptOf(params);
      const event = { type: 'evaluated', ...context, node: member.nodeId, metrics: body } as const;
      await coordinator.job(params.jobId).dispatch(event);
      return {};
    },
  };
  return { ...whole, ...uploadHandlers(coordinator, whole) };
}

/** How a decline is counted: by texts of this version alone, whatever a participant writes. */
function declinedAs({ code, reason }: Decline): string {
  if (!isProblemCode(code)) return UNLISTED;
  return code === 'policyRefused' && Value.Check(PolicyRule, reason) ? `${code}:${reason}` : code;
}

/** Reads stored content to its end, which verifies it. */
async function verify(sha256: string, blobs: BlobStore): Promise<void> {
  for await (const _ of blobs.stream(sha256));
}

function requireSame(what: string, expected: string, got: string): void {
  if (expected !== got) throw new HanseError('hashMismatch', { what, expected, got });
}
