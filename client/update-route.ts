/**
 * How an update leaves its node: as it is, or as one of a secure round. SPEC.md 8.1, 11.7.
 */
import { HanseError } from '../protocol/problem.ts';
import { attemptParams } from '../protocol/routes.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { Receipt, TrainTask } from '../schemas/task.ts';
import type { AnswerJournal } from './answer-journal.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { fetchModel } from './prepared-job.ts';
import { SecureAttempt, type SecureTask } from './secure-attempt.ts';
import type { SecureParty } from './secure-party.ts';

export interface UpdateRoute {
  /** The model that the round starts from; read-only. */
  model(): Promise<Float32Array>;
  /** Once, before the training. @param clipNorm C of the round, where clipping is adaptive */
  begin(clipNorm?: number): Promise<ReadyRoute>;
  /** Whatever has happened. */
  end(): void;
}

/** A route on which what can be done before the training is under way. */
export interface ReadyRoute {
  /** Resolves when nobody else is needed to begin; rejects as `failed` aborts. */
  readonly agreed: Promise<unknown>;
  /** Aborted when the update has nowhere to go any more; its reason says why. */
  readonly failed: AbortSignal;
  /** In place. @param scratch [d], of any content */
  mask(update: Uint8Array<ArrayBuffer>, scratch: Int32Array): Promise<void>;
  deliver(
    update: Uint8Array<ArrayBuffer>,
  ): Promise<{ readonly receipt: Receipt; readonly survivors?: number }>;
}

/** What an update needs on its way. */
export interface Travelling {
  readonly manifest: JobManifest;
  readonly api: CoordinatorApi;
  readonly signal: AbortSignal;
  /** Where it is written down that this task is answered; absent: nobody could ask twice. */
  readonly answers?: AnswerJournal;
  /** Takes part in secure rounds; absent: it does not. */
  readonly party?: SecureParty;
  /** For experiments: see `TaskOptions`. */
  dropsOut?(task: TrainTask): Promise<boolean>;
}

/** @throws `descriptorInvalid` where task and manifest contradict each other, or this node takes part in no secure round */
export function routeFor(task: TrainTask, contributor: Travelling): UpdateRoute {
  const { manifest, party } = contributor;
  const isSecure = manifest.aggregation === 'secure';
  if (isSecure !== (task.secure !== undefined))
    throw new HanseError('descriptorInvalid', {
      field: 'aggregation',
      expected: manifest.aggregation,
      got: task.secure ? 'secure' : 'plain',
    });
  if (!task.secure) return plainRoute(task, contributor);
  if (!party)
    throw new HanseError('descriptorInvalid', {
      field: 'aggregation',
      expected: 'plain: this node has no key for secure rounds',
      got: 'secure',
    });
  return secureRoute({ ...task, secure: task.secure }, contributor, party);
}

function plainRoute(task: TrainTask, { manifest, api, signal, answers }: Travelling): UpdateRoute {
  const ready: ReadyRoute = {
    agreed: Promise.resolve(),
    failed: new AbortController().signal,
    mask: async () => {},
    deliver: async (update) => {
      await answers?.begin(task);
      const receipt = await api.call('putUpdate', { params: attemptParams(task), body: update }, { signal });
      await answers?.delivered(task);
      return { receipt };
    },
  };
  return {
    model: () => fetchModel(task.model, manifest.parameters, api, { series: task.jobId, signal }),
    begin: async () => ready,
    end: () => {},
  };
}

function secureRoute(
  task: SecureTask,
  { manifest, api, signal, dropsOut }: Travelling,
  party: SecureParty,
): UpdateRoute {
  let attempt: SecureAttempt | undefined;
  const ended = new AbortController();
  const alive = AbortSignal.any([signal, ended.signal]);
  return {
    model: () => party.chain.model(task, manifest, party.coordinatorKey, api, signal),
    begin: async (clipNorm) => {
      const begun = await SecureAttempt.begin(task, { manifest, clipNorm }, party, api);
      attempt = begun;
      const failed = new AbortController();
      const agreed = begun.agree(alive);
      agreed.catch((error: unknown) => failed.abort(error));
      return {
        agreed,
        failed: failed.signal,
        mask: async (update, scratch) => {
          const others = await agreed;
          if (await dropsOut?.(task)) throw new HanseError('nodePaused');
          await begun.mask(others, update, scratch);
        },
        deliver: async (update) => begun.deliver(await agreed, update, alive),
      };
    },
    end: () => {
      ended.abort();
      attempt?.wipe();
    },
  };
}
