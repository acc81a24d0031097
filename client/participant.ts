/**
 * The life of a node: ask for work, do it, ask again. SPEC.md 8.1.
 *
 * Whatever goes wrong with one task, the coordinator is told by its code so that the round need not wait, the owner of
 * the node sees it, and the node goes on with the next. What ends its life is the end of its membership, or a directory
 * that does not follow from the one it has pinned, or a log that does not go on from what the node has cosigned: a
 * coordinator that lies there is given nothing any more.
 */
import { primitives } from '#primitives';
import type { RandomSource } from '../protocol/random.ts';
import type { Role } from '../schemas/member.ts';
import { CapabilityReport } from './capability-report.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import type { Mailbox } from './mailbox.ts';
import { performTask, type TaskOptions } from './perform-task.ts';
import type { PolicyGate } from './policy-gate.ts';
import { TaskFeed, type TaskFeedOptions } from './task-feed.ts';
import { TaskPool } from './task-pool.ts';
import type { WitnessDuty } from './witness-duty.ts';

export interface ParticipantOptions extends TaskOptions {
  readonly role: Extract<Role, 'participant' | 'evaluator'>;
  readonly provider: ExecutionProvider;
  /** How long a request for tasks may be held by the coordinator, where it offers no stream of them. */
  readonly waitSeconds: number;
  /** That a train step may take; absent: nobody said. */
  readonly memoryBytes?: number;
  /** Jobs of which a task is under way at the same time, up to what `jobs` keeps loaded; absent: one. */
  readonly atOnce?: number;
  /** For the pauses before a stream of tasks is opened again; absent: the CSPRNG. */
  readonly jitter?: RandomSource;
  /** Absent: the node believes every directory, as those of a simulation do. */
  readonly directory?: DirectoryWatch;
  /** Absent: the node does not witness the log. It is kept, whatever the owner lets the node do beside it, until the node leaves. */
  readonly witness?: Pick<WitnessDuty, 'keep'>;
  /** Absent: letters stay where they are. Needs the directory. */
  readonly mailbox?: Mailbox;
}

/** What the feed tells beside tasks. */
type News = Pick<TaskFeedOptions, 'onDirectory' | 'onLetters'>;

/**
 * Resolves when the signal aborts, or when the node has left.
 * @throws a problem that ends the membership, as `performTask` does; those of `DirectoryWatch` and `Mailbox`; and any
 *   other with which the coordinator answers a request for work, once `api` has given up repeating it
 */
export async function participate(options: ParticipantOptions): Promise<void> {
  const { directory, mailbox, leaving, witness } = options;
  const distrust = new AbortController();
  const signal = AbortSignal.any([options.signal, distrust.signal]);
  const living = { ...options, signal };
  const report = new CapabilityReport(options);
  const news: News = {
    onDirectory: (version) => {
      directory?.follow(version, signal).catch((error: unknown) => distrust.abort(error));
    },
    ...(mailbox && {
      onLetters: () => {
        mailbox.read(signal).catch((error: unknown) => distrust.abort(error));
      },
    }),
  };
  let witnessing: Promise<void> | undefined;
  const gone = new AbortController();
  try {
    await directory?.follow(undefined, signal);
    await report.send(signal);
    witnessing = witness
      ?.keep(AbortSignal.any([signal, gone.signal]))
      .catch((error: unknown) => distrust.abort(error));
    while (!signal.aborted && !leaving?.aborted) {
      await untilOpen(living);
      if (!signal.aborted && !leaving?.aborted) await workWhileOpen(living, news, report);
    }
    if (witness && leaving?.aborted && !signal.aborted) await report.resign(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    gone.abort();
    await witnessing;
    await mailbox?.settled();
  }
  if (distrust.signal.aborted && !options.signal.aborted) throw distrust.signal.reason;
}

/** Outside the hours of its owner, and while it is paused, a node asks for nothing, so that nobody counts on it. */
async function untilOpen({ gate, signal: life, leaving, observe }: ParticipantOptions): Promise<void> {
  const signal = leaving ? AbortSignal.any([life, leaving]) : life;
  let told = '';
  for (let closed = gate?.closed(); gate && closed && !signal.aborted; closed = gate.closed()) {
    const event = { type: 'waiting', why: closed.why, until: isoOf(closed.until) } as const;
    if (told !== JSON.stringify(event)) observe(event);
    told = JSON.stringify(event);
    await gate.change(signal);
  }
}

/** What has been begun is brought to its end, also if the node closes meanwhile. */
async function workWhileOpen(
  options: ParticipantOptions,
  news: News,
  report: CapabilityReport,
): Promise<void> {
  const { api, gate, signal: life, waitSeconds, clock, observe, directory } = options;
  const shift = new AbortController();
  const { leaving, jitter = primitives.random } = options;
  const signal = AbortSignal.any([life, shift.signal, ...(leaving ? [leaving] : [])]);
  let bug: { readonly error: unknown } | undefined;
  const stop = (error: unknown) => {
    bug ??= { error };
    shift.abort();
  };
  const feed = new TaskFeed({ api, clock, random: jitter, signal, waitSeconds, ...news });
  const pool = new TaskPool({
    atOnce: options.atOnce ?? 1,
    attained: ({ manifestSha256 }) => options.turns?.used(manifestSha256) ?? 0,
    perform: async (task, superseded) => {
      await directory?.settled();
      if (life.aborted) return;
      await performTask(task, options, superseded);
      if (task.type === 'train') report.measured(task.jobId, signal).catch(stop);
    },
  });
  const watching = gate && untilClosed(gate, shift);
  observe({ type: 'ready' });
  try {
    while (!signal.aborted) {
      pool.offer(await Promise.race([feed.next(), pool.failed]));
      await pool.room();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    shift.abort();
    await pool.close();
    await report.settled().catch(stop);
    await watching;
  }
  if (bug && !life.aborted) throw bug.error;
  if (pool.failure && !life.aborted) throw pool.failure.error;
}

/** Ends the shift when the node closes; resolves when the shift has ended. */
async function untilClosed(gate: PolicyGate, shift: AbortController): Promise<void> {
  while (!shift.signal.aborted) {
    if (gate.closed()) shift.abort();
    else await gate.change(shift.signal);
  }
}

function isoOf(moment: number | null): string | null {
  return moment === null ? null : new Date(moment).toISOString();
}
