/**
 * What the coordinator does for the routes of secure aggregation, but for updates. SPEC.md 11.7. As all of `handlers.ts`,
 * free of any transport; role and form have been checked.
 *
 * A message is answered with the one that follows upon it, where that is known before the sender's wait ends; whoever has
 * lost that answer asks for what follows by itself.
 */
import { createHash } from 'node:crypto';
import { parseJson } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import { attemptOf, type RouteName } from '../protocol/routes.ts';
import { checkAdvertisement } from '../protocol/secagg/advertisement.ts';
import { isConsent } from '../protocol/secagg/consent.ts';
import type { SecureJob } from '../protocol/secagg/secure-phases.ts';
import { bundleBytes, parseBundle } from '../protocol/secagg/shares.ts';
import { answerBytes } from '../protocol/secagg/unmasking.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { JobEvent } from '../schemas/job-event.ts';
import { SignedRecord } from '../schemas/secagg.ts';
import type { Receipt } from '../schemas/task.ts';
import { actorOf } from './access/principal.ts';
import type { Coordinator } from './coordinator.ts';
import type { HandlerRequest, Handlers, IncomingBody, OutgoingBody } from './handler-types.ts';
import type { Selection } from './http/conditional-request.ts';
import { IncomingUpdates } from './incoming-updates.ts';
import type { JobRunner } from './job-runner.ts';
import type { SecureAttemptView } from './secure-attempt-view.ts';
import { following, presentJob, type SecureReplies } from './secure-replies.ts';
import { refuseEarly } from './update-admission.ts';

type SecureRoute = Extract<
  RouteName,
  | 'advertiseKeys'
  | 'getRoster'
  | 'putShares'
  | 'getDelivery'
  | 'getSurvivors'
  | 'putConsent'
  | 'getCertificate'
  | 'putAnswer'
  | 'getRecord'
>;

const WHOLE: Selection = { type: 'whole' };
const NOTHING = new Uint8Array(0);

/** @param replies of the same coordinator */
export function secureHandlers(
  coordinator: Coordinator,
  replies: SecureReplies,
): Pick<Handlers, SecureRoute> {
  const { federation, presence, dependencies } = coordinator;
  const { blobs } = dependencies;
  const incoming = new IncomingUpdates();

  /** Stores a message that is bytes and makes its event true. */
  async function accept(
    { params, body, member }: Pick<HandlerRequest<'putShares'>, 'params' | 'body' | 'member'>,
    type: 'sharesAccepted' | 'answerAccepted',
    check: (job: SecureJob, view: SecureAttemptView) => Promise<Uint8Array>,
  ): Promise<Receipt> {
    const runner = coordinator.job(params.jobId);
    const { nodeId } = member;
    presence.saw(nodeId);
    const message = { type, ...attemptOf(params), node: nodeId, sha256: body.sha256, bytes: 0 } as const;
    refuseEarly(runner.state, message);
    const place = `${nodeId}/${params.jobId}/${params.round}/${params.attempt}/${type}`;
    const store = async () => {
      const job = presentJob(runner, params, nodeId);
      const bytes = await check(job, runner.viewOf(job));
      await blobs.put(bytes, { limitBytes: bytes.length, expectedSha256: body.sha256 });
      await settle(runner, nodeId, { ...message, bytes: bytes.length });
      return { sha256: body.sha256, bytes: bytes.length };
    };
    return incoming.receive(place, body.sha256, () => coordinator.retention.storing(body.sha256, store));
  }

  async function settle(runner: JobRunner, nodeId: NodeId, event: JobEvent): Promise<void> {
    federation.requireValid(nodeId); // it may have been revoked meanwhile
    await runner.dispatch(event);
  }

  return {
    advertiseKeys: async (request) => {
      const { params, body, member } = request;
      const runner = coordinator.job(params.jobId);
      const { nodeId } = member;
      presence.saw(nodeId);
      const event = {
        type: 'keysAdvertised',
        ...attemptOf(params),
        node: nodeId,
        advertisement: body,
      } as const;
      refuseEarly(runner.state, event);
      const job = presentJob(runner, params, nodeId);
      const view = runner.viewOf(job);
      await checkAdvertisement(view.primitives, await view.round(job), body, publicOf(member));
      await settle(runner, nodeId, event);
      return (await following(replies.roster, request)) ?? {};
    },

    getRoster: async (request) => (await replies.roster(request)) ?? { roster: null },

    putShares: async (request) => {
      const receipt = await accept(request, 'sharesAccepted', async (job, view) => {
        const roster = await view.roster(job);
        const { index } = await view.party(job, request.member.nodeId);
        const bytes = await wholeBody(request.body, 'shares', bundleBytes(roster));
        parseBundle(bytes, roster, index);
        return bytes;
      });
      const delivery = await following(replies.delivery, request);
      return { ...receipt, ...(delivery && { delivery: Buffer.from(delivery).toString('base64') }) };
    },

    getDelivery: async (request) => outgoing((await replies.delivery(request)) ?? NOTHING),

    getSurvivors: async (request) => ({ survivors: (await replies.survivors(request)) ?? null }),

    putConsent: async (request) => {
      const { params, body, member } = request;
      const runner = coordinator.job(params.jobId);
      const { nodeId } = member;
      presence.saw(nodeId);
      const { signature } = body;
      const event = { type: 'consentGiven', ...attemptOf(params), node: nodeId, signature } as const;
      refuseEarly(runner.state, event);
      const job = presentJob(runner, params, nodeId);
      const view = runner.viewOf(job);
      const { context } = await view.delivered(job);
      const party = await view.party(job, nodeId);
      if (!(await isConsent(view.primitives, context, await view.survivors(job), party, signature)))
        throw new HanseError('consentInvalid', {
          reason: 'it is not signed by the node over these survivors',
        });
      await settle(runner, nodeId, event);
      return (await following(replies.certificate, request)) ?? {};
    },

    getCertificate: async (request) => (await replies.certificate(request)) ?? { certificate: null },

    putAnswer: (request) =>
      accept(request, 'answerAccepted', async (job, view) => {
        const { index } = await view.party(job, request.member.nodeId);
        return wholeBody(request.body, 'answer', answerBytes(await view.unmasking(job), index));
      }),

    getRecord: async ({ params, caller }) => {
      presence.heard(actorOf(caller));
      const { state } = coordinator.job(params.jobId);
      const round = Number(params.round);
      const released = state.history.find(
        (summary) => summary.round === round && summary.outcome === 'released',
      );
      const record = released?.secure?.record;
      if (!record)
        throw new HanseError('roundUnknown', { jobId: state.jobId, round, attempt: released?.attempt ?? 1 });
      return parseJson(SignedRecord, new TextDecoder().decode(await blobs.read(record)), 'record');
    },
  };
}

function publicOf({ nodeId, entry }: HandlerRequest<'advertiseKeys'>['member']) {
  return { nodeId, publicKey: entry.publicKey };
}

/**
 * All of a small body.
 * @param body attacker-controlled
 * @throws `invalidLength`, `hashMismatch`, or what the source throws
 */
async function wholeBody({ source, sha256, length }: IncomingBody, what: string, expected: number) {
  if (length !== undefined && length !== expected)
    throw new HanseError('invalidLength', { what, expected, got: length });
  const bytes = new Uint8Array(expected);
  let received = 0;
  for await (const piece of source instanceof Uint8Array ? [source] : source) {
    if (received + piece.length > expected)
      throw new HanseError('invalidLength', { what, expected, got: received + piece.length });
    bytes.set(piece, received);
    received += piece.length;
  }
  if (received !== expected) throw new HanseError('invalidLength', { what, expected, got: received });
  const got = createHash('sha256').update(bytes).digest('hex');
  if (got !== sha256) throw new HanseError('hashMismatch', { what: 'body', expected: sha256, got });
  return bytes;
}

function outgoing(source: Uint8Array): OutgoingBody {
  const sha256 = createHash('sha256').update(source).digest('hex');
  return { source, sha256, length: source.length, selection: WHOLE, mayChange: true };
}
