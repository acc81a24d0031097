/**
 * Compiled scripts as child processes that speak JSON lines on standard output. Whatever happens, none outlives its use.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly pid: number;
  /** The next line, parsed. Throws when the process ends without one. */
  next(): Promise<unknown>;
  /** Asks the process to end, and resolves when it has. */
  stop(): Promise<void>;
}

/** Starts a script; `startChild`, or what notes which were started. */
export type StartChild = (script: string, args: readonly string[]) => Child;

/** What a child that does not react is given before it is killed. */
const PATIENCE_MS = 10_000;

/**
 * Starts `script`, which is relative to the compiled `sim/bench`, in a Node process of its own. What it says on
 * standard error is passed on only if it fails.
 */
export function startChild(script: string, args: readonly string[]): Child {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const process_ = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const errors: string[] = [];
  process_.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
  return {
    pid: process_.pid ?? 0,
    async next() {
      const { value, done } = await lines.next();
      if (!done) return JSON.parse(value);
      await ended(process_);
      throw new Error(`${script} ended with ${process_.exitCode}: ${errors.join('').slice(-2000)}`);
    },
    async stop() {
      process_.kill('SIGTERM');
      const kill = setTimeout(() => process_.kill('SIGKILL'), PATIENCE_MS);
      await ended(process_);
      clearTimeout(kill);
    },
  };
}

async function ended(process_: ChildProcess): Promise<void> {
  if (process_.exitCode === null && process_.signalCode === null) await once(process_, 'exit');
}

/** Starts children, hands them to `work`, and stops them, whatever happens. */
export async function withChildren<Result>(work: (start: StartChild) => Promise<Result>): Promise<Result> {
  const children: Child[] = [];
  try {
    return await work((script, args) => {
      const child = startChild(script, args);
      children.push(child);
      return child;
    });
  } finally {
    await Promise.all(children.reverse().map((child) => child.stop()));
  }
}
