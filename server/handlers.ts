/**
 * What the coordinator does for each route of `protocol/routes.ts`, free of any transport.
 *
 * A handler receives an authenticated caller and parsed parameters. Access and form have been checked; whether the
 * request makes sense now has not. It returns the response or throws a HanseError.
 */

import { Value } from 'typebox/value';
import { toHex } from '../protocol/bytes.ts';
import { canonicalSha256 } from '../protocol/canonical.ts';
import { proveFederation } from '../protocol/identity.ts';
import { isProblemCode } from '../protocol/problem.ts';
import { attemptOf } from '../protocol/routes.ts';
import { SOFTWARE } from '../protocol/versions.ts';
import type { Sha256 } from '../schemas/ids.ts';
import { PolicyRule } from '../schemas/node-policy.ts';
import type { Decline } from '../schemas/task.ts';
import { policyHandlers } from './access/policy-handlers.ts';
import { actorOf, principalOf } from './access/principal.ts';
import { contentHandlers } from './content-handlers.ts';
import type { Coordinator } from './coordinator.ts';
import type { Handlers } from './handler-types.ts';
import { lineOf, statusOf, untilChanged } from './job-view.ts';
import { logHandlers } from './log-handlers.ts';
import { mailboxHandlers } from './mailbox-handlers.ts';
import { checkManifest } from './manifest-check.ts';
import { memberHandlers } from './member-handlers.ts';
import { peopleHandlers } from './people/people-handlers.ts';
import { signInHandlers } from './people/sign-in-handlers.ts';
import { secureHandlers } from './secure-handlers.ts';
import { secureReplies } from './secure-replies.ts';
import { TaskStreams } from './task-stream.ts';
import { updateHandlers } from './update-handlers.ts';
import { type UploadRoute, uploadHandlers } from './upload-handlers.ts';
import { witnessHandlers } from './witness-handlers.ts';

/** Those of content in one piece, and of everything else. */
type WholeHandlers = Omit<Handlers, UploadRoute>;

/** Counts for every code of a decline that this version does not know: such text is a participant's to choose. */
const UNLISTED = 'other';

export function createHandlers(coordinator: Coordinator): Handlers {
  const { accessControl, federation, mailboxes, presence, settings, dependencies } = coordinator;
  const { blobs, clock, signer } = dependencies;
  const streams = new TaskStreams(coordinator);
  const replies = secureReplies(coordinator);

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

    ...contentHandlers(coordinator),

    ...logHandlers(coordinator),

    ...witnessHandlers(coordinator),

    ...policyHandlers(coordinator),

    ...signInHandlers(coordinator),

    ...peopleHandlers(coordinator),

    createJob: async ({ body: manifest, member }) => {
      const author = principalOf(member);
      const mayName = (sha256: Sha256) => coordinator.nameable.mayName(author, sha256);
      await checkManifest(manifest, federation.id, blobs, mayName);
      const manifestSha256 = await canonicalSha256(manifest);
      const runner = await coordinator.newJob();
      const { jobId } = runner;
      await runner.create({
        type: 'jobCreated',
        jobId,
        manifest,
        manifestSha256,
        createdBy: member.nodeId,
      });
      return statusOf(runner, coordinator);
    },

    listJobs: async ({ caller }) => {
      const seen = coordinator.jobs().filter(({ jobId }) => accessControl.seesJob(caller, jobId));
      return { jobs: seen.map(({ state }) => lineOf(state)) };
    },

    getJob: async ({ params, query, caller, requireValid, signal }) => {
      const runner = coordinator.job(params.jobId);
      if (query.after !== undefined) {
        const milliseconds = Math.min(Number(query.wait ?? 0) * 1000, settings.longestWaitMs);
        const ended = AbortSignal.any([signal, coordinator.closing]);
        await untilChanged(runner, Number(query.after), milliseconds, clock, ended);
        requireValid();
        accessControl.requireJob(caller, 'readJob', params.jobId);
      }
      return statusOf(runner, coordinator);
    },

    cancelJob: async ({ params, caller }) => {
      const runner = coordinator.job(params.jobId);
      await runner.dispatch({ type: 'jobCancelled', by: actorOf(caller) });
      return statusOf(runner, coordinator);
    },

    ...updateHandlers(coordinator, replies),

    ...secureHandlers(coordinator, replies),

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
