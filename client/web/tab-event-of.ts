/**
 * What happens to a participant, as the page of a tab is told. Pure.
 */
import type { HanseError } from '../../protocol/problem.ts';
import type { Egress } from '../../schemas/egress.ts';
import type { RoundSummary } from '../../schemas/job.ts';
import type { ParticipantEvent } from '../participant-event.ts';
import type { TabEvent } from './tab-event.ts';

/**
 * Undefined for what a page does not show.
 * @param egress of the update that has just left
 * @param nameOf a job
 */
export function tabEventOf(
  event: ParticipantEvent,
  egress: Egress | undefined,
  nameOf: (jobId: string) => string,
): TabEvent | undefined {
  switch (event.type) {
    case 'ready':
      return { type: 'waiting', why: 'work' };
    case 'waiting':
      return event.why === 'paused' ? { type: 'waiting', why: 'paused' } : undefined;
    case 'preparing':
      return { type: 'preparing', jobId: event.task.jobId, jobName: nameOf(event.task.jobId) };
    // Its steps are told as they are done.
    case 'training':
      return { type: 'begun', jobId: event.task.jobId, round: event.task.round };
    case 'contributed': {
      const { jobId, round } = event.task;
      const { lossFirst, lossLast } = event.report;
      return egress && { type: 'contributed', jobId, round, lossFirst, lossLast, egress };
    }
    case 'declined':
    case 'missed': {
      const { jobId, round } = event.task;
      return { type: event.type, jobId, round, ...told(event.problem) };
    }
    case 'directoryChanged':
      return { type: 'directoryChanged', version: event.version };
    case 'letterRefused':
      return { type: 'problem', ...told(event.problem) };
    // Metrics of an evaluator are told when the round is released; that a directory was pinned is no news.
    case 'directoryPinned':
    // Tabs witness no log.
    case 'cosigned':
    case 'notCosigned':
    case 'logAlarm':
    case 'evaluated':
    case 'letterReceived':
    case 'letterDelayed':
      return undefined;
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

/** A problem as people read it. */
export function told({ code, message, remedy }: HanseError): Pick<HanseError, 'code' | 'message' | 'remedy'> {
  return { code, message, remedy };
}

export function releasedEvent(jobId: string, { round, metrics }: RoundSummary): TabEvent {
  if (!metrics) return { type: 'released', jobId, round };
  const { accuracy, loss } = metrics;
  return { type: 'released', jobId, round, loss, ...(accuracy !== null && { accuracy }) };
}
