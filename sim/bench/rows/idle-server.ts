/**
 * What a thousand participants that wait cost the coordinator: one process, whose memory and processor time are read
 * from the kernel, and the participants in another. Each keeps its stream of tasks open and answers what it is asked.
 *
 * Baseline: as many open answers of a bare `node:http` server, to each of which a line is written every 45 s, and which
 * is told by a request that it was read: nobody is authenticated, and there is nothing to be told.
 */
import { pause } from '../../../protocol/clock.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { HEARTBEAT_MS } from '../../../server/task-stream.ts';
import { heartbeatSeconds } from '../bare-heartbeats.ts';
import { startCoordinator } from '../bench-coordinator.ts';
import { withChildren } from '../child.ts';
import { usageOf } from '../process-usage.ts';
import type { Measured, RowContext, RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const PARTICIPANTS = 1000;
/** Each participant hears a whole number of heartbeats in them. */
const MINUTES = 3;
const MINUTE_MS = 60_000;
const HEARTBEATS_PER_MINUTE = MINUTE_MS / HEARTBEAT_MS;
const MEGABYTE = 1e6;

export const idleServer1000: RowDefinition = {
  name: `server/idle/${PARTICIPANTS}`,
  unit: 's',
  what:
    'processor time of the coordinator for a minute in which 1,000 participants wait; peakMB: its memory above what it ' +
    'took before they enrolled; baseline: as many open answers of a bare server',
  asked: [
    { of: 'value', atMost: 2 },
    { of: 'peakMB', atMost: 200 },
  ],
  measure: (context) => withScratchFolder((folder) => measureIdle(folder, context)),
};

async function measureIdle(folder: string, { progress, signal }: RowContext): Promise<Measured> {
  const measured = await withChildren(async (start) => {
    const server = await startCoordinator(start, folder);
    const alone = usageOf(server.pid);
    const nodes = start('./waiting-nodes.js', [String(PARTICIPANTS), server.operatorFile]);
    await nodes.next();
    const enrolSeconds = (usageOf(server.pid).cpuMs - alone.cpuMs) / 1000;
    progress(`${PARTICIPANTS} wait; their enrolment took ${enrolSeconds.toFixed(1)} s of processor time`);
    const values: number[] = [];
    for (let minute = 1; minute <= MINUTES; minute += 1) {
      const before = usageOf(server.pid).cpuMs;
      await pause(systemClock, MINUTE_MS, signal);
      values.push((usageOf(server.pid).cpuMs - before) / 1000);
    }
    const { peakBytes, residentBytes } = usageOf(server.pid);
    const more = {
      peakMB: (peakBytes - alone.residentBytes) / MEGABYTE,
      residentMB: (residentBytes - alone.residentBytes) / MEGABYTE,
      enrolSeconds,
    };
    return { values, more };
  });
  progress('bare heartbeats');
  const baselines = await withChildren((start) =>
    heartbeatSeconds({ clients: PARTICIPANTS, beats: 8 }, start),
  );
  return { ...measured, baselines: baselines.map((seconds) => seconds * HEARTBEATS_PER_MINUTE) };
}
