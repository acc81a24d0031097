/**
 * What a node says of what happens to it: a line for people, an object for programs.
 */
import type { DirectoryChange } from '../../protocol/directory-succession.ts';
import { type HanseError, isProblem, PROBLEMS } from '../../protocol/problem.ts';
import type { ParticipantEvent } from '../participant-event.ts';

/** In one line. */
export function describeEvent(event: ParticipantEvent): string {
  switch (event.type) {
    case 'directoryPinned':
      return (
        `directory ${event.version} pinned: ${counted(event.organisations, 'organisation')}, ${counted(event.nodes, 'node')}; ` +
        `others should see the same: ${event.sha256}`
      );
    case 'directoryChanged':
      return `directory ${event.version}: ${describeChange(event)}`;
    case 'letterReceived':
      return `a letter of ${event.letter.from.organisationId}: ${event.letter.type}`;
    case 'letterRefused':
    case 'letterDelayed':
      return `a letter of ${event.letter.from.organisationId}: ${event.type}, ${event.problem.code}: ${event.problem.message}`;
    case 'cosigned':
      return `cosigning the log of the coordinator: the first checkpoint is one of ${event.size} entries`;
    case 'notCosigned':
      return `log not cosigned: ${event.problem.code}: ${event.problem.message}`;
    case 'logAlarm':
      return `ALARM: ${event.problem.code}: ${describeAlarm(event.problem)} ${event.problem.remedy}`;
    case 'ready':
      return 'ready; waiting for work';
    case 'waiting':
      return event.why === 'paused'
        ? 'paused: asking for no work until `hanse node resume`'
        : `outside the hours of the policy: asking for no work until ${event.until ?? 'further notice'}`;
    case 'preparing':
      return `${event.task.jobId}: checking the job and compiling its train step`;
    case 'training':
      return `${event.task.jobId}, round ${event.task.round}: training`;
    case 'contributed': {
      const { steps, lossFirst, lossLast, norm, isClipped, receipt } = event.report;
      if (steps === 0)
        return `${event.task.jobId}, round ${event.task.round}: counted, ${receipt.bytes} bytes sent`;
      const clipped = isClipped ? ', clipped' : '';
      return (
        `${event.task.jobId}, round ${event.task.round}: ${steps} steps, loss ${lossFirst.toFixed(3)} to ` +
        `${lossLast.toFixed(3)}, norm ${norm.toFixed(3)}${clipped}, ${receipt.bytes} bytes sent`
      );
    }
    case 'evaluated': {
      const { accuracy, loss, examples } = event.metrics;
      const share = accuracy === null ? '' : `, accuracy ${(100 * accuracy).toFixed(2)} %`;
      return `${event.task.jobId}, round ${event.task.round}: loss ${loss.toFixed(4)}${share} on ${examples} examples`;
    }
    case 'declined':
    case 'missed':
      return `${event.task.jobId}, round ${event.task.round}: ${event.type}, ${event.problem.code}: ${event.problem.message}`;
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

/** Without checkpoints, which are many lines: they are kept in a file. */
function describeAlarm(problem: HanseError): string {
  if (!isProblem(problem, 'logForked')) return problem.message;
  const { oldSize, size } = problem.detail;
  return `${PROBLEMS.logForked.cause} Cosigned were ${oldSize} entries, shown are ${size}; both checkpoints are kept in <identity>.evidence.`;
}

function describeChange({ change, organisationId, nodeId }: DirectoryChange): string {
  switch (change) {
    case 'organisationAdded':
      return `organisation ${organisationId} is new`;
    case 'organisationRevoked':
      return `organisation ${organisationId} was revoked`;
    case 'nodeAdded':
      return `node ${nodeId} of ${organisationId} is new`;
    case 'nodeReplaced':
      return `node ${nodeId} of ${organisationId} takes the place of one of its nodes`;
    case 'nodeRevoked':
      return `node ${nodeId} of ${organisationId} was revoked`;
    default:
      change satisfies never;
      throw new Error('unreachable');
  }
}

/** `1 node`, `2 nodes`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Where a bug happened; it stays on this machine. */
export function stackOf({ cause }: HanseError): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

export function eventToJson(event: ParticipantEvent): object {
  if (!('problem' in event)) return event;
  const { problem, ...rest } = event;
  return { ...rest, problem: { code: problem.code, detail: problem.message } };
}
