/**
 * The messages of the coordinator in a secure attempt, for those who wait for them: M2, M4, M6 and M8. SPEC.md 9.1, 11.7.
 *
 * Each is known once its phase is over. Who has missed the phase is told so, and takes part in the next attempt.
 */
import { HanseError, isProblem } from '../protocol/problem.ts';
import { attemptProblem } from '../protocol/round.ts';
import { attemptOf } from '../protocol/routes.ts';
import { isPast, isSecure, type SecureJob } from '../protocol/secagg/secure-phases.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { Certificate, Roster, SecurePhase, Survivors } from '../schemas/secagg.ts';
import type { Coordinator } from './coordinator.ts';
import type { HandlerRequest } from './handler-types.ts';
import type { JobRunner } from './job-runner.ts';
import { untilSo } from './job-view.ts';
import { certificateOf } from './round-record.ts';
import type { SecureAttemptView } from './secure-attempt-view.ts';
import { sharedAnswer } from './shared-answer.ts';

/** Who waits, for which attempt, and how long. */
export type WaitingRequest = Pick<HandlerRequest<'getRoster'>, 'params' | 'query' | 'member' | 'signal'>;

/** Undefined: not known when the wait ended. */
type Reply<Told> = (request: WaitingRequest) => Promise<Told | undefined>;

export interface SecureReplies {
  /** M2; the same object for all. */
  readonly roster: Reply<{ readonly roster: Roster }>;
  /** M4, for the node that asks. */
  readonly delivery: Reply<Uint8Array>;
  /** M6, for the node that asks. */
  readonly survivors: Reply<Survivors>;
  /** M8; the same object for all. */
  readonly certificate: Reply<{ readonly certificate: Certificate }>;
}

/** All of them throw the problems of 8.1, and what the blob store throws. */
export function secureReplies(coordinator: Coordinator): SecureReplies {
  const { federation, presence, settings, dependencies } = coordinator;
  const { clock } = dependencies;

  /** Waits until the phase of this attempt is over; undefined where it is not when the wait ends. */
  async function once(
    { params, query, member, signal }: WaitingRequest,
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

  return {
    roster: async (request) => {
      const known = await once(request, 'advertising');
      if (!known) return undefined;
      const { job, view } = known;
      requireIn(job.secure.advertisements, request.member.nodeId, 'advertising');
      return view.signedRoster(job);
    },

    delivery: async (request) => {
      const known = await once(request, 'sharing');
      if (!known) return undefined;
      const { job, view } = known;
      requireIn(job.secure.shares, request.member.nodeId, 'sharing');
      return view.delivery(job, request.member.nodeId);
    },

    survivors: async (request) => {
      const known = await once(request, 'collecting');
      if (!known) return undefined;
      const { job, view } = known;
      requireIn(job.accepted, request.member.nodeId, 'collecting');
      const { index } = await view.party(job, request.member.nodeId);
      return (await view.survivors(job)).told.get(index);
    },

    certificate: async (request) => {
      const known = await once(request, 'consenting');
      if (!known) return undefined;
      requireIn(known.job.accepted, request.member.nodeId, 'collecting');
      return sharedCertificate(known.job);
    },
  };
}

/** By the consents, once no more of them count. */
const certificates = new WeakMap<object, { readonly certificate: Certificate }>();

function sharedCertificate(job: SecureJob): { readonly certificate: Certificate } {
  const { consents } = job.secure;
  const known = certificates.get(consents) ?? sharedAnswer({ certificate: certificateOf(job) });
  certificates.set(consents, known);
  return known;
}

/**
 * The reply that follows upon a message which has been accepted. What keeps it from being told is no answer to that message:
 * whoever asks for it by itself is told what it is.
 */
export async function following<Told>(
  reply: Reply<Told>,
  request: WaitingRequest,
): Promise<Told | undefined> {
  if (request.query.wait === undefined) return undefined;
  try {
    return await reply(request);
  } catch (error) {
    if (isProblem(error)) return undefined;
    throw error;
  }
}

/** The job while it is at this attempt, of which the node is a part. Throws the problems of 8.1. */
export function presentJob(
  { state }: JobRunner,
  params: WaitingRequest['params'],
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
