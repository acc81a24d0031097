/**
 * `hanse node`: what a running node of this machine does, and telling it to pause, to go on, or to leave.
 */
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import type { JobOfNode, NodeStatus } from '../../schemas/node-status.ts';
import { counted } from './participant-report.ts';
import {
  identityFileOf,
  RUNNING_NODE_OPTIONS,
  type RunningNodeOptions,
  statusAfter,
} from './running-node.ts';

export const nodeStatusCommand = defineCommand<RunningNodeOptions>({
  summary: 'what a running node does, what it waits for, what jobs have taken',
  options: RUNNING_NODE_OPTIONS,
  examples: [
    ['hanse node status --config node.yaml', 'of the node that was started with this file'],
    ['hanse node status --identity .hanse/a.json --json', 'for programs'],
  ],
  run: ({ options }, io) => tell('status', options, io),
});

export const nodePauseCommand = defineCommand<RunningNodeOptions>({
  summary: 'let a running node finish what is under way and ask for no more, until it is resumed',
  options: RUNNING_NODE_OPTIONS,
  examples: [['hanse node pause --config node.yaml', 'holds until `hanse node resume`, also over restarts']],
  run: ({ options }, io) => tell('pause', options, io),
});

export const nodeResumeCommand = defineCommand<RunningNodeOptions>({
  summary: 'let a paused node go on',
  options: RUNNING_NODE_OPTIONS,
  examples: [['hanse node resume --config node.yaml', 'it asks for work again']],
  run: ({ options }, io) => tell('resume', options, io),
});

export const nodeLeaveCommand = defineCommand<RunningNodeOptions>({
  summary: 'stop a running node at once; rounds do not wait for it',
  options: RUNNING_NODE_OPTIONS,
  examples: [['hanse node leave --config node.yaml', 'declines what is under way, and ends']],
  run: ({ options }, io) => tell('leave', options, io),
});

/** @throws `nodeNotRunning`, and as `identityFileOf` */
async function tell(
  command: Parameters<typeof statusAfter>[0],
  options: RunningNodeOptions,
  io: CommandIo,
): Promise<object> {
  const status = await statusAfter(command, await identityFileOf(options));
  for (const line of describeStatus(status)) io.print(line);
  return status;
}

function* describeStatus(status: NodeStatus): Iterable<string> {
  const { name, nodeId, role, server, state, why, until, since, trouble, jobs } = status;
  yield `${name} (${nodeId}), ${role} at ${server}`;
  yield `${state} since ${since}; waits for ${why}${until === null ? '' : `, until ${until}`}`;
  if (trouble !== null) yield `trouble      ${trouble}`;
  for (const job of jobs) {
    yield describeJob(job);
    if (job.problem !== null) yield `             ${job.problem}`;
  }
}

function describeJob({
  jobId,
  name,
  doing,
  round,
  rounds,
  milliseconds,
  bytesUp,
  bytesDown,
}: JobOfNode): string {
  const now = doing === null ? '' : `${doing} round ${round}; `;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return (
    `${jobId}${name === '' ? '' : `  ${name}`}: ${now}${counted(rounds, 'round')}, ${(milliseconds / 1000).toFixed(1)} s, ` +
    `${megabytes(bytesUp)} MB up, ${megabytes(bytesDown)} MB down`
  );
}
