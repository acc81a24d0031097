/**
 * The longest task of the main thread of pages, in processor time, from what Chromium records of its own threads: a
 * page cannot measure that itself, and what it can measure grows with everything else that a machine does.
 */
import type { Browser, Page } from 'playwright-core';

/** One event of the Trace Event Format; times in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** X is an event with a duration. */
  readonly ph: string;
  /** Of an event with a duration: its wall time, and its processor time where that was recorded. */
  readonly dur?: number;
  readonly tdur?: number;
}

const CATEGORIES = ['toplevel', 'blink.user_timing'];
/** A task of the scheduler, of whatever kind. */
const TASK = 'ThreadControllerImpl::RunTask';

/** @returns milliseconds for each of the pages, of which none may share a process with another, until `work` is done */
export async function longestTasks(
  browser: Browser,
  pages: readonly Page[],
  work: () => Promise<void>,
): Promise<number[]> {
  await browser.startTracing(pages[0], { categories: CATEGORIES });
  let trace: Buffer;
  try {
    // A mark is an event of the thread on which it is made, and so tells which thread that is.
    for (const [at, page] of pages.entries())
      await page.evaluate((mark) => void performance.mark(mark), markOf(at));
    await work();
  } finally {
    trace = await browser.stopTracing();
  }
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  return pages.map((_, at) => longestTaskMs(traceEvents, markOf(at)));
}

/**
 * Of a task whose processor time was not recorded, as of many that take a microsecond, the wall time, which is no less.
 * Throws where no thread has the mark, or none of its tasks was recorded.
 */
export function longestTaskMs(events: readonly TraceEvent[], mark: string): number {
  const marked = events.find(({ name }) => name === mark);
  const tasks = events.filter(
    ({ name, ph, pid, tid }) => name === TASK && ph === 'X' && pid === marked?.pid && tid === marked.tid,
  );
  if (tasks.length === 0) throw new Error(`the trace has no tasks of ${mark}`);
  return tasks.reduce((longest, { dur = Number.NaN, tdur = dur }) => Math.max(longest, tdur), 0) / 1000;
}

function markOf(at: number): string {
  return `hanse-page-${at}`;
}
