/**
 * What the coordinator does for the routes of secure aggregation, but for updates. SPEC.md 11.7. As all of `handlers.ts`,
 * free of any transport; role and form have been checked.
 *
 * What is asked for before it is known is waited for. Who has missed a phase is told so, and takes part in the next attempt.
 */
import { createHash } from 'node:crypto';
import { parseJson } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import { attemptProblem } from '../protocol/round.ts';
import { attemptOf, type RouteName } from '../protocol/routes.ts';
import { checkAdvertisement } from '../protocol/secagg/advertisement.ts';
import { isConsent } from '../protocol/secagg/consent.ts';
import { isPast, isSecure, type SecureJob } from '../protocol/secagg/secure-phases.ts';
import { bundleBytes, parseBundle } from '../protocol/secagg/shares.ts';
import { answerBytes } from '../protocol/secagg/unmasking.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { JobEvent } from '../schemas/job-event.ts';
import { type SecurePhase, SignedRecord } from '../schemas/secagg.ts';
import type { Receipt } from '../schemas/task.ts';
import type { Coordinator } from './coordinator.ts';
import type { HandlerRequest, Handlers, IncomingBody, OutgoingBody } from './handler-types.ts';
import type { Selection } from './http/conditional-request.ts';
import { IncomingUpdates } from './incoming-updates.ts';
import type { JobRunner } from './job-runner.ts';
import { untilSo } from './job-view.ts';
import { certificateOf } from './round-record.ts';
import type { SecureAttemptView } from './secure-attempt-view.ts';
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

export function secureHandlers(coordinator: Coordinator): Pick<Handlers, SecureRoute> {
  const { federation, presence, settings, dependencies } = coordinator;
  const { blobs, clock } = dependencies;
  const incoming = new IncomingUpdates();

  /** Waits until the phase of this attempt is over; undefined where it is not when the wait ends. */
  async function once(
    { params, query, member, signal }: HandlerRequest<'getRoster'>,
    phase: SecurePhase,
  ): Promise<{ readonly job: SecureJob; readonly view: SecureAttemptView } | undefined> {
    const runner = coordinator.job(params.jobId);
    const { nodeId } = member;
    presence.saw(nodeId);
    presentJob(runner, params, nodeId);
    const isOver = () => {
      const { state } = runner;
      return (
        attemptProblem(state, attemptOf(params), nodeId) !== undefined ||
        !isSecure(state) ||
        isPast(state, phase)
      );
    };
    const milliseconds = Math.min(Number(query.wait ?? 0) * 1000, settings.longestWaitMs);
    await untilSo(runner, isOver, milliseconds, clock, AbortSignal.any([signal, coordinator.closing]));
    federation.requireValid(nodeId);
    const job = presentJob(runner, params, nodeId);
    return isPast(job, phase) ? { job, view: runner.viewOf(job) } : undefined;
  }

  /** Stores a message that is bytes and makes its event true. */
  async function accept(
    { params, body, member }: HandlerRequest<'putShares'>,
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
    advertiseKeys: async ({ params, body, member }) => {
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
      return {};
    },

    getRoster: async (request) => {
      const known = await once(request, 'advertising');
      if (!known) return { roster: null };
      const { job, view } = known;
      requireIn(job.secure.advertisements, request.member.nodeId, 'advertising');
      return { roster: await view.signedRoster(job) };
    },

    putShares: (request) =>
      accept(request, 'sharesAccepted', async (job, view) => {
        const roster = await view.roster(job);
        const { index } = await view.party(job, request.member.nodeId);
        const bytes = await wholeBody(request.body, 'shares', bundleBytes(roster));
        parseBundle(bytes, roster, index);
        return bytes;
      }),

    getDelivery: async (request) => {
      const known = await once(request, 'sharing');
      if (!known) return outgoing(NOTHING);
      const { job, view } = known;
      requireIn(job.secure.shares, request.member.nodeId, 'sharing');
      return outgoing(await view.delivery(job, request.member.nodeId));
    },

    getSurvivors: async (request) => {
      const known = await once(request, 'collecting');
      if (!known) return { survivors: null };
      const { job, view } = known;
      requireIn(job.accepted, request.member.nodeId, 'collecting');
      const { index } = await view.party(job, request.member.nodeId);
      return { survivors: (await view.survivors(job)).told.get(index) ?? null };
    },

    putConsent: async ({ params, body, member }) => {
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
      return {};
    },

    getCertificate: async (request) => {
      const known = await once(request, 'consenting');
      if (!known) return { certificate: null };
      requireIn(known.job.accepted, request.member.nodeId, 'collecting');
      return { certificate: certificateOf(known.job) };
    },

    putAnswer: (request) =>
      accept(request, 'answerAccepted', async (job, view) => {
        const { index } = await view.party(job, request.member.nodeId);
        return wholeBody(request.body, 'answer', answerBytes(await view.unmasking(job), index));
      }),

    getRecord: async ({ params, member }) => {
      presence.heard(member.nodeId);
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

/** The job while it is at this attempt, of which the node is a part. Throws the problems of 8.1. */
function presentJob(
  { state }: JobRunner,
  params: HandlerRequest<'getRoster'>['params'],
  nodeId: NodeId,
): SecureJob {
  const problem = attemptProblem(state, attemptOf(params), nodeId);
  if (problem) throw problem;
  if (isSecure(state)) return state;
  throw new HanseError('messageOutOfOrder', { phase: state.phase, got: 'a message of secure aggregation' });
}

/** Throws `messageLate` for a node whose message of this phase has not come in time. */
function requireIn(messages: ReadonlyMap<NodeId, unknown>, nodeId: NodeId, phase: SecurePhase): void {
  if (!messages.has(nodeId)) throw new HanseError('messageLate', { phase });
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
