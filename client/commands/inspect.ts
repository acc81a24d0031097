/**
 * `hanse inspect`: what a running node of this machine has sent, as its owner may see it.
 */
import { pause } from '../../protocol/clock.ts';
import { parse } from '../../protocol/parse.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { EgressReport } from '../../schemas/egress.ts';
import { askNode } from '../control-socket.ts';
import { describeReport } from './egress-report.ts';
import {
  identityFileOf,
  RUNNING_NODE_OPTIONS,
  type RunningNodeOptions,
  statusAfter,
} from './running-node.ts';

interface InspectOptions extends RunningNodeOptions {
  readonly wait?: boolean;
}

/** Between two looks at a node. */
const POLL_MS = 500;

export const inspectCommand = defineCommand<InspectOptions>({
  summary: 'show the latest update that left a running node, and what can be learnt from it',
  options: [
    ...RUNNING_NODE_OPTIONS,
    { flags: '--wait', description: 'wait until the next update has left, and show that' },
  ],
  examples: [
    ['hanse inspect --config node.yaml', 'what is known; if nothing is, it watches from now'],
    ['hanse inspect --identity .hanse/a.json --wait', 'the next update, once it has left'],
  ],
  async run({ options }, io) {
    const file = await identityFileOf(options);
    const { nodeId, name, role } = await statusAfter('status', file);
    if (role !== 'participant') throw new HanseError('roleRefused', { role, needs: 'participant' });
    const known = await reportOf(file);
    if (!options.wait) {
      for (const line of describeReport(known, name)) io.print(line);
      return { nodeId, name, ...known };
    }
    const next = await nextAfter(known, file, io);
    if (next) for (const line of describeReport(next, name)) io.print(line);
    else io.note('ended before an update left');
    return { nodeId, name, ...(next ?? { ...known, last: null }) };
  },
});

/** Makes the node watch. Throws `nodeNotRunning`. */
async function reportOf(identityFile: string): Promise<EgressReport> {
  return parse(EgressReport, await askNode(identityFile, { command: 'inspect' }), 'answer of the node');
}

/** Once another update is the latest; undefined where the signal aborts before. Throws `nodeNotRunning`. */
async function nextAfter(
  { last }: EgressReport,
  identityFile: string,
  io: CommandIo,
): Promise<EgressReport | undefined> {
  const before = JSON.stringify(last);
  let told = '';
  while (!io.signal.aborted) {
    const report = await reportOf(identityFile);
    if (report.last !== null && JSON.stringify(report.last) !== before) return report;
    const { name, why, until } = await statusAfter('status', identityFile);
    const waiting = `waiting for the next update; ${name} waits for ${why}${until === null ? '' : `, until ${until}`}`;
    if (waiting !== told) io.note(waiting);
    told = waiting;
    await pause(systemClock, POLL_MS, io.signal);
  }
  return undefined;
}
