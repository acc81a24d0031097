/**
 * The life of a node: ask for work, do it, ask again. SPEC.md 8.1.
 *
 * Whatever goes wrong with one task, the coordinator is told by its code so that the round need not wait, the owner of
 * the node sees it, and the node goes on with the next. What ends its life is the end of its membership, or a directory
 * that does not follow from the one it has pinned: a coordinator that lies there is given nothing any more.
 */
import { primitives } from '#primitives';
import { SOFTWARE } from '../protocol/versions.ts';
import type { Role } from '../schemas/member.ts';
import type { Task } from '../schemas/task.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import { performTask, type TaskOptions } from './perform-task.ts';
import { TaskFeed } from './task-feed.ts';

export interface ParticipantOptions extends TaskOptions {
  readonly role: Extract<Role, 'participant' | 'evaluator'>;
  readonly provider: ExecutionProvider;
  /** How long a request for tasks may be held by the coordinator, where it offers no stream of them. */
  readonly waitSeconds: number;
  /** Absent: the node believes every directory, as those of a simulation do. */
  readonly directory?: DirectoryWatch;
}

/**
 * Resolves when the signal aborts.
 * @throws a problem that ends the membership, as `performTask` does; those of `DirectoryWatch`; and any other with which the coordinator answers a
 *   request for work, once `api` has given up repeating it
 */
export async function participate(options: ParticipantOptions): Promise<void> {
  const { api, waitSeconds, clock, observe, directory } = options;
  const distrust = new AbortController();
  const signal = AbortSignal.any([options.signal, distrust.signal]);
  const onDirectory = (version: number) => {
    directory?.follow(version, signal).catch((error: unknown) => distrust.abort(error));
  };
  const feed = new TaskFeed({ api, clock, random: primitives.random, signal, waitSeconds, onDirectory });
  const dealtWith = new Set<string>();
  try {
    await directory?.follow(undefined, signal);
    await api.call('reportCapabilities', { body: capabilitiesOf(options) }, { signal });
    observe({ type: 'ready' });
    while (!signal.aborted) {
      const tasks = await feed.next();
      const offered = new Set(tasks.map(keyOf));
      for (const key of dealtWith) if (!offered.has(key)) dealtWith.delete(key);
      const fresh = tasks.filter((task) => !dealtWith.has(keyOf(task)));
      for (const task of fresh) {
        await directory?.settled();
        if (signal.aborted) break;
        dealtWith.add(keyOf(task));
        await performTask(task, { ...options, signal });
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (distrust.signal.aborted && !options.signal.aborted) throw distrust.signal.reason;
}

function capabilitiesOf({ provider, dataSets }: ParticipantOptions) {
  return {
    software: SOFTWARE,
    provider: provider.name,
    providerReason: provider.reason.slice(0, 200),
    dataSets: dataSets.map(({ examples: { name, inputShape }, version }) => ({
      name: name.slice(0, 80),
      version,
      inputShape: [...inputShape],
    })),
  };
}

function keyOf({ type, jobId, round, attempt }: Task): string {
  return `${type}/${jobId}/${round}/${attempt}`;
}
