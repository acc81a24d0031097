/**
 * What another process on this machine has used so far, as the kernel counts it: proc(5). Linux only.
 */
import { readFileSync } from 'node:fs';

export interface ProcessUsage {
  /** Processor time of all its threads, in milliseconds; counted in steps of 10. */
  readonly cpuMs: number;
  readonly residentBytes: number;
  /** The most that was resident at any moment so far. */
  readonly peakBytes: number;
}

/** USER_HZ, in which proc(5) counts on every platform that Node supports. */
const TICKS_PER_SECOND = 100;

/** Throws where there is no such process, or no proc file system. */
export function usageOf(pid: number): ProcessUsage {
  const status = read(pid, 'status');
  return {
    cpuMs: cpuMsIn(read(pid, 'stat')),
    residentBytes: residentBytesIn(status),
    peakBytes: peakBytesIn(status),
  };
}

/** @param stat the line of /proc/<pid>/stat; the name of the program, in brackets, may hold anything */
export function cpuMsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return ((user + system) * 1000) / TICKS_PER_SECOND;
}

export function residentBytesIn(status: string): number {
  return 1024 * Number(/^VmRSS:\s*([0-9]+) kB$/m.exec(status)?.[1]);
}

export function peakBytesIn(status: string): number {
  return 1024 * Number(/^VmHWM:\s*([0-9]+) kB$/m.exec(status)?.[1]);
}

function read(pid: number, file: 'stat' | 'status'): string {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}
