/**
 * The attempts that a node has spent, in a file beside its identity: `identity.json.attempts`. SPEC.md 11.9. Node only.
 */
import { HanseError } from '../protocol/problem.ts';
import { type JobAttempts, SpentAttempts } from '../schemas/attempts.ts';
import type { AttemptLog } from './attempt-journal.ts';
import { readPrivately, unlessMissing, writePrivately } from './private-file.ts';

/**
 * Reading throws `storageCorrupt`: what was spent cannot be guessed. Writing throws `storageFull`, `storageFailed`.
 * @param identityFile path of the file beside which it lies, locked by this process
 */
export function attemptFile(identityFile: string): AttemptLog {
  const path = `${identityFile}.attempts`;
  const corrupt = (reason: string, cause?: unknown) =>
    new HanseError('storageCorrupt', { path, reason }, { cause });
  const failed = (reason: string, cause?: unknown) =>
    new HanseError('storageFailed', { path, reason }, { cause });
  let jobs: Promise<Map<string, JobAttempts>> | undefined;
  const read = () => {
    jobs ??= readPrivately(SpentAttempts, path, 'a list of spent attempts', corrupt)
      .catch(unlessMissing)
      .then((file) => new Map(Object.entries(file?.jobs ?? {})));
    return jobs;
  };
  let writing: Promise<void> = Promise.resolve();
  return {
    read: async (jobId) => (await read()).get(jobId),
    write: async (jobId, attempts) => {
      const known = await read();
      const before = writing;
      const mine = (async () => {
        await before.catch(() => {}); // told to whoever had asked for that
        const next = new Map(known).set(jobId, attempts);
        await writePrivately(path, { version: 1, jobs: Object.fromEntries(next) }, failed);
        known.set(jobId, attempts);
      })();
      writing = mine;
      await mine;
    },
  };
}
