/**
 * A trial in a process of its own: what may end its process, as native code of a driver does, ends that one and not
 * this. Node only.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * @param script    CommonJS; its arguments are `process.argv.slice(1)`
 * @param timeoutMs after which the process is ended, and the trial has failed
 * @returns why it failed, a line of at most 160 characters: the last that it wrote to standard error, or how it ended;
 *   undefined when it ended well
 */
export async function failureOfTrial(
  script: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<string | undefined> {
  try {
    await promisify(execFile)(process.execPath, ['--input-type=commonjs', '-e', script, '--', ...args], {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      windowsHide: true,
    });
    return undefined;
  } catch (error) {
    return describe(error as Failure, timeoutMs).slice(0, 160);
  }
}

/** What `execFile` throws. */
interface Failure extends Error {
  readonly code?: string | number | null;
  readonly killed?: boolean;
  readonly signal?: NodeJS.Signals | null;
  readonly stderr?: string;
}

function describe({ code, killed, signal, stderr = '' }: Failure, timeoutMs: number): string {
  if (killed) return `the trial did not end within ${timeoutMs / 1000} s`;
  if (signal) return `the trial was ended by ${signal}`;
  // A driver may have written before: the script has the last word.
  return stderr.trim().split('\n').at(-1) || `the trial ended with ${code}`;
}
