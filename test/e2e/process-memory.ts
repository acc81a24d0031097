/**
 * The resident memory of a process, seen from outside. Linux: proc(5), `clear_refs`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const MB = 2 ** 20;

/** Peaks can be told apart. */
export const isMeasurable = existsSync('/proc/self/clear_refs') && existsSync('/proc/self/status');

/** In bytes; peaks are counted anew from here. */
export function memoryAtRest(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return field(pid, 'VmRSS');
}

/** The most since `memoryAtRest`, in bytes. */
export function peakMemory(pid: number): number {
  return field(pid, 'VmHWM');
}

function field(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(new RegExp(`^${name}:\\s*([0-9]+) kB$`, 'm').exec(status)?.[1]);
}
