/**
 * Follows an audit log: rows that are asked for, as they come, each proved, in a log that goes on from what was seen before.
 * SPEC.md 13.14.
 */
import type { Checkpoint } from '../../protocol/audit/checkpoint.ts';
import type { Trust } from '../../protocol/audit/verify-head.ts';
import { verifySince } from '../../protocol/audit/verify-log.ts';
import { isProblem } from '../../protocol/problem.ts';
import type { AuditConditions } from '../../schemas/audit-query.ts';
import { type CoordinatorApi, TRANSIENT } from '../coordinator-api.ts';
import { askCoordinator, readTrusted, type ShownRow } from './proved-rows.ts';
import { ServedSource } from './served-source.ts';

export interface WatchOptions {
  readonly api: CoordinatorApi;
  readonly trust: Trust;
  readonly conditions: AuditConditions;
  /** Entries after this one; absent: those that come from now on. */
  readonly after?: number | undefined;
  /** Between two questions. */
  pause(): Promise<void>;
  show(row: ShownRow): void;
  /** That the coordinator does not answer, and that it does again. */
  note(line: string): void;
  readonly signal: AbortSignal;
}

/**
 * Until the signal is aborted.
 * @returns the last checkpoint that was seen
 * @throws logForked where the log does not go on; what `askCoordinator` throws, but for a coordinator that does not answer
 */
export async function watchLog(options: WatchOptions): Promise<Checkpoint> {
  const { api, trust, conditions, signal, show, note } = options;
  let seen = await readTrusted(await new ServedSource(api).checkpoint(), trust);
  let cursor = options.after ?? seen.size - 1;
  let isAway = false;
  while (!signal.aborted) {
    try {
      const position = cursor < 0 ? {} : { cursor: String(cursor) };
      const page = await askCoordinator(api, trust, {
        ...conditions,
        ...position,
        order: 'oldest',
        limit: '100',
      });
      const { checkpoint } = page;
      await verifySince((tile) => new ServedSource(api).tile(tile), checkpoint, seen);
      seen = checkpoint;
      for (const row of page.rows) show(row);
      cursor = page.next === undefined ? Math.max(cursor, checkpoint.size - 1) : Number(page.next);
      if (isAway) note('the coordinator answers again');
      isAway = false;
      if (page.next !== undefined) continue;
    } catch (error) {
      if (signal.aborted) break;
      if (!isProblem(error) || !TRANSIENT.has(error.code)) throw error;
      if (!isAway) note(`${error.code}: it is asked again until it answers`);
      isAway = true;
    }
    await options.pause();
  }
  return seen;
}
