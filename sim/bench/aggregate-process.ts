/**
 * The process in which `rows/aggregate.ts` adds updates: one order as its argument, one report as its output.
 *
 * Only the additions and the opening of the sum are timed; reading the next update from its file into the one buffer
 * that there is happens between them.
 */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { RingSum } from '../../protocol/ring/sum.ts';
import { payloadOf } from '../../protocol/vector.ts';
import type { Codec } from '../../schemas/codec.ts';
import { cpuSeconds } from './measure.ts';

export interface AggregateOrder {
  readonly codec: Codec;
  /** d */
  readonly length: number;
  /** Sealed updates, taken in turn. */
  readonly files: readonly string[];
  readonly updates: number;
}

export interface AggregateReport {
  readonly cpuSeconds: number;
  readonly loopCpuSeconds: number;
  /** Peak of resident memory above that of the idle process, in units of 10^6 bytes. */
  readonly peakMB: number;
}

/** Seconds of processor time. */
export async function addUpdates({ codec, length, files, updates }: AggregateOrder): Promise<number> {
  const buffer = new Uint8Array(statSync(files[0] ?? '').size);
  const sum = new RingSum(codec, length);
  let seconds = 0;
  for (let index = 0; index < updates; index += 1) {
    const file = openSync(files[index % files.length] ?? '', 'r');
    readSync(file, buffer);
    closeSync(file);
    seconds += await cpuSeconds(() => sum.add(payloadOf(buffer)));
  }
  return seconds + (await cpuSeconds(() => sum.open()));
}

/** The baseline: seconds of processor time. */
export async function addFloats({
  length,
  updates,
}: Pick<AggregateOrder, 'length' | 'updates'>): Promise<number> {
  const update = Float32Array.from({ length }, (_, index) => index / length);
  const sum = new Float32Array(length);
  let seconds = 0;
  for (let index = 0; index < updates; index += 1)
    seconds += await cpuSeconds(() => {
      for (let i = 0; i < length; i += 1) sum[i] = (sum[i] as number) + (update[i] as number);
    });
  return seconds;
}

async function carryOut(order: AggregateOrder): Promise<AggregateReport> {
  const idleBytes = process.memoryUsage.rss();
  const cpuSecondsOfSum = await addUpdates(order);
  const peakMB = (peakBytes() - idleBytes) / 1e6;
  return { cpuSeconds: cpuSecondsOfSum, loopCpuSeconds: await addFloats(order), peakMB };
}

/**
 * The most resident memory that this process has had. What `resourceUsage` tells on Linux may be the peak of the parent,
 * inherited when the process was forked; the kernel counts it afresh where it shows the memory of a program.
 */
export function peakBytes(): number {
  try {
    const kilobytes = /^VmHWM:\s*([0-9]+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kilobytes !== undefined) return 1024 * Number(kilobytes);
  } catch {
    // Not Linux.
  }
  return 1024 * process.resourceUsage().maxRSS;
}

const [, script = '', order] = process.argv;
if (script.endsWith('aggregate-process.js') && order !== undefined)
  process.stdout.write(`${JSON.stringify(await carryOut(JSON.parse(order)))}\n`);
