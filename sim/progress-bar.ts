/**
 * How far long work has come, on standard error: a bar on a terminal, now and then a line elsewhere.
 */
import cliProgress from 'cli-progress';
import type { CommandIo } from '../schemas/command.ts';

export interface ProgressBar {
  update(done: number, note: string): void;
  stop(): void;
}

/** Lines that are written where there is no terminal. */
const LINES = 10;

/** @param unit what is counted, in the singular */
export function progressBar(
  io: Pick<CommandIo, 'isTerminal' | 'note'>,
  unit: string,
  total: number,
): ProgressBar {
  if (!io.isTerminal) {
    let told = 0;
    return {
      update(done, note) {
        const share = Math.floor((done * LINES) / total);
        if (share > told) io.note(`${unit} ${done} of ${total}: ${note}`);
        told = Math.max(told, share);
      },
      stop() {},
    };
  }
  const format = `{bar} ${unit} {value} of {total}, {eta_formatted} to go: {note}`;
  const bar = new cliProgress.SingleBar({ format, hideCursor: true, clearOnComplete: true });
  bar.start(total, 0, { note: '' });
  return {
    update: (done, note) => bar.update(done, { note }),
    stop: () => bar.stop(),
  };
}
