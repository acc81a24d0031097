/**
 * What the coordinator does for the routes of content: graphs and models, whole, in parts, or as differences.
 * As all of `handlers.ts`, free of any transport; role and form have been checked.
 */
import { HanseError } from '../protocol/problem.ts';
import type { RouteName } from '../protocol/routes.ts';
import type { Sha256 } from '../schemas/ids.ts';
import { actorOf, type Principal } from './access/principal.ts';
import type { Coordinator } from './coordinator.ts';
import type { Handlers, OutgoingBody, Select } from './handler-types.ts';
import { HotContent } from './hot-content.ts';
import type { Selection } from './http/conditional-request.ts';
import { ModelDeltas } from './model-deltas.ts';
import type { BlobStore, ByteRange } from './store/blob-store.ts';

type ContentRoute = Extract<RouteName, 'putBlob' | 'getBlob' | 'getBlobFrom'>;

const WHOLE: Selection = { type: 'whole' };
const NOTHING = new Uint8Array(0);

export function contentHandlers(coordinator: Coordinator): Pick<Handlers, ContentRoute> {
  const { federation, nameable, presence, readable, settings, dependencies } = coordinator;
  const { blobs, report } = dependencies;
  const hotContent = new HotContent(blobs);
  const deltas = new ModelDeltas({ read: (sha256) => hotContent.read(sha256) });
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

  /** Who fetches a model is in the audit log before it is sent. */
  async function noteDownload(sha256: Sha256, caller: Principal): Promise<void> {
    const model = coordinator.access && readable.modelOf(sha256);
    if (model) await coordinator.access?.downloads.note(model, actorOf(caller));
  }

  /** What was selected of content that members may fetch. */
  async function contentOf(
    sha256: Sha256,
    caller: Principal,
    select: Select | undefined,
  ): Promise<OutgoingBody> {
    if (!nameable.mayFetch(caller, sha256)) throw new HanseError('blobUnknown', { sha256 });
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
    await noteDownload(sha256, caller);
    readable.countDownload(sha256, end - start);
    const range = selection.type === 'part' ? selection.range : undefined;
    const source = content?.subarray(start, end) ?? streamed(sha256, range);
    return { source, sha256, length, selection };
  }

  return {
    putBlob: async ({ params, body, member }) => {
      requireSame('body', params.sha256, body.sha256);
      const { blobLimitBytes: limitBytes } = settings;
      if (body.length !== undefined && body.length > limitBytes)
        throw new HanseError('bodyTooLarge', { limitBytes });
      const owner = federation.firstKeyOf(member.nodeId);
      const stored = await coordinator.unnamed.storing(owner, body.sha256, body.length ?? limitBytes, () =>
        blobs.put(body.source, { limitBytes, expectedSha256: body.sha256 }),
      );
      federation.requireValid(member.nodeId);
      nameable.hold(member.organisationId, stored.sha256);
      await coordinator.keep(stored.sha256);
      return { sha256: stored.sha256, bytes: stored.size };
    },

    getBlob: async ({ params, caller, select }) => {
      presence.heard(actorOf(caller));
      return contentOf(params.sha256, caller, select);
    },

    getBlobFrom: async ({ params, caller, select }) => {
      const { sha256, base } = params;
      presence.heard(actorOf(caller));
      const isNext = readable.isNextModel(base, sha256) && nameable.mayFetch(caller, sha256);
      const delta = isNext ? await deltas.between(base, sha256) : undefined;
      if (!delta) return contentOf(sha256, caller, select);
      const { length } = delta.bytes;
      const selection = select?.(delta.sha256, length) ?? WHOLE;
      if (selection.type === 'notModified')
        return { source: NOTHING, sha256: delta.sha256, length, selection };
      const { start, end } = selection.type === 'part' ? selection.range : { start: 0, end: length };
      await noteDownload(sha256, caller);
      readable.countDownload(sha256, end - start);
      return { source: delta.bytes.subarray(start, end), sha256: delta.sha256, length, selection };
    },
  };
}

/** Reads stored content to its end, which verifies it. */
async function verify(sha256: string, blobs: BlobStore): Promise<void> {
  for await (const _ of blobs.stream(sha256));
}

function requireSame(what: string, expected: string, got: string): void {
  if (expected !== got) throw new HanseError('hashMismatch', { what, expected, got });
}
