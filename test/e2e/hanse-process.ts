/**
 * `hanse` as a process of its own, compiled, seen only through its output and its end.
 *
 * Every wait has a deadline and fails with what the process has said so far. All processes end with the test file.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

/** As it is shipped: gathered into a few files. */
export const FRONT_DOOR = fileURLToPath(new URL('../../dist/bin/hanse.js', import.meta.url));

/** The same, module by module, so that what Node loads before it can change one of them. */
const MODULES = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** The suites need what `npm test` compiles first. */
export const isBuilt = existsSync(FRONT_DOOR);

/** Far beyond what anything here takes, on a machine that has other things to do. */
export const DEADLINE_MS = 60_000;

/** A line of standard output under --json; the fields depend on the command. */
// biome-ignore lint/suspicious/noExplicitAny: the tests read fields of many shapes, and fail if they are not there
export type Line = Readonly<Record<string, any>>;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Arguments of Node itself, such as a module to load first. */
  readonly nodeArgs?: readonly string[];
  /** Another file than the one compiled here. */
  readonly program?: string;
}

export class HanseProcess {
  readonly name: string;
  /** The objects it has printed, oldest first. */
  readonly lines: Line[] = [];
  /** Everything it has printed, whatever it was. */
  stdout = '';
  stderr = '';
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<Ending>;
  readonly #watchers = new Set<() => void>();
  #hasEnded = false;

  constructor(args: readonly string[], options: ProcessOptions = {}) {
    this.name = `hanse ${args.slice(0, 2).join(' ')}`;
    const { nodeArgs = [], cwd, env } = options;
    const { program = nodeArgs.length > 0 ? MODULES : FRONT_DOOR } = options;
    this.#child = spawn(process.execPath, [...nodeArgs, program, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd && { cwd }),
    });
    this.#child.stdin.on('error', () => {}); // it may end before we do
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.stdout += `${line}\n`;
      if (line.startsWith('{')) this.lines.push(JSON.parse(line));
      this.#changed();
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.#hasEnded = true;
        resolve({ code, signal });
        this.#changed();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** The last object it printed. */
  get result(): Line {
    return this.lines.at(-1) ?? {};
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  closeStdin(): void {
    this.#child.stdin.end();
  }

  /** The first line for which `is` holds, from line `from` on. */
  async line(what: string, is: (line: Line) => boolean, from = 0): Promise<Line> {
    await this.until(what, () => this.lines.slice(from).some(is));
    return this.lines.slice(from).find(is) ?? {};
  }

  /** Resolves when `holds` after some output of the process, or at once. Fails when the process ends before. */
  async until(what: string, holds: () => boolean): Promise<void> {
    await within(
      `${what} of ${this.name}`,
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (holds()) resolve();
          else if (this.#hasEnded) reject(new Error(`${this.name} ended without ${what}\n${this.said}`));
          else return;
          this.#watchers.delete(look);
        };
        this.#watchers.add(look);
        look();
      }),
      () => this.said,
    );
  }

  ended(deadlineMs?: number): Promise<Ending> {
    return within(`the end of ${this.name}`, this.#ended, () => this.said, deadlineMs);
  }

  /** Ends it now, whatever it is doing. */
  async kill(): Promise<void> {
    if (this.isRunning) this.#child.kill('SIGKILL');
    await this.ended();
  }

  /** Asks it to end. */
  async stop(): Promise<Ending> {
    this.signal('SIGTERM');
    return this.ended();
  }

  get said(): string {
    return `--- standard output\n${this.stdout.slice(-4000)}--- standard error\n${this.stderr.slice(-4000)}`;
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look();
  }
}

const started = new Set<HanseProcess>();
afterAll(async () => {
  await Promise.all([...started].map((child) => child.kill()));
});

export function startHanse(args: readonly string[], options?: ProcessOptions): HanseProcess {
  const child = new HanseProcess(args, options);
  started.add(child);
  return child;
}

/** Runs a command to its end; `result` is then what it printed last. */
export async function runHanse(
  args: readonly string[],
  options?: ProcessOptions,
): Promise<HanseProcess & Ending> {
  const child = startHanse(args, options);
  return Object.assign(child, await child.ended());
}

/** Rejects with what is known if the promise has not settled by the deadline. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  known: () => string,
  deadlineMs: number = DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${deadlineMs / 1000} s for ${what}\n${known()}`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Other processes can be found. */
export const hasProcessList = existsSync('/proc/self/cmdline');

/** Ids of the processes with this text among their arguments, for example the name of a folder. */
export function processesNaming(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => argumentsOf(pid).includes(text))
    .map(Number);
}

/** Resolves when no process has this text among its arguments any more. They are not ours, so we have to look. */
export async function untilNoneNames(text: string): Promise<void> {
  const giveUp = Date.now() + DEADLINE_MS;
  for (let left = processesNaming(text); left.length > 0; left = processesNaming(text)) {
    if (Date.now() > giveUp)
      throw new Error(`still running: ${left.map((pid) => argumentsOf(`${pid}`)).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it has ended
  }
}
