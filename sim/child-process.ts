/**
 * A `hanse` process of its own: its events as they come, its log in a file, its end in our hands.
 *
 * The child ends when its standard input closes, so that nothing is left running even if this process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { HanseError } from '../protocol/problem.ts';

const FRONT_DOOR = fileURLToPath(new URL('../bin/hanse.js', import.meta.url));

/** How long a child may take to end by itself. */
const PATIENCE_MS = 5000;

/** A line of standard output; the fields depend on the command. */
export type ChildEvent = Readonly<Record<string, unknown>>;

export interface Child {
  readonly pid: number;
  /** Resolves with the exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
  /** The first event for which `is` holds. Rejects with the child's problem if it ends before. */
  event(is: (event: ChildEvent) => boolean): Promise<ChildEvent>;
  /** Asks the child to end, and makes sure that it does. */
  stop(): Promise<void>;
}

/**
 * Starts `hanse <args> --json`.
 * @param logFile receives standard error
 */
export function startChild(
  args: readonly string[],
  logFile: string,
  onEvent: (event: ChildEvent) => void = () => {},
): Child {
  const child = spawn(process.execPath, [FRONT_DOOR, ...args, '--json'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, HANSE_END_WITH_STDIN: '1' },
  });
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  child.stderr.pipe(log);
  // A log that cannot be written must neither end this process nor stop the child, which waits until it is read.
  log.once('error', () => child.stderr.unpipe(log).resume());
  const past: ChildEvent[] = [];
  const waiting = new Set<(event: ChildEvent) => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = parseLine(line);
    if (!event) return;
    past.push(event);
    if (past.length > 100) past.shift();
    onEvent(event);
    for (const receive of [...waiting]) receive(event);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return {
    pid: child.pid ?? 0,
    ended,
    event: (is) =>
      new Promise((resolve, reject) => {
        const known = past.find(is);
        if (known) return resolve(known);
        const receive = (event: ChildEvent) => {
          if (!is(event)) return;
          waiting.delete(receive);
          resolve(event);
        };
        waiting.add(receive);
        void ended.then(() => {
          waiting.delete(receive);
          reject(problemOf(past, args[0] ?? '', logFile));
        });
      }),
    stop: () => stop(child, ended),
  };
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  await ended;
  clearTimeout(timer);
}

function parseLine(line: string): ChildEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as ChildEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** The problem that the child printed last, if it printed one. */
function problemOf(events: readonly ChildEvent[], command: string, logFile: string): HanseError {
  const told = events.at(-1)?.problem as { code?: string; detail?: string } | undefined;
  const reason = told ? `${told.code}: ${told.detail}` : `see ${logFile}`;
  return new HanseError('processEnded', { command, reason });
}
