/** What has happened since a tab began to take part: events of the worker, gathered for the eye. Pure. */
import type { Egress } from '../../schemas/egress.ts';
import type { BudgetState } from './consent.ts';
import type { EngineReport } from './engine-report.ts';
import type { TabEvent } from './tab-event.ts';

export interface Progress {
  /** The last event that says what is being done; undefined before the first. */
  readonly doing?: Extract<
    TabEvent,
    { type: 'waiting' | 'preparing' | 'begun' | 'training' | 'contributed' }
  >;
  readonly engine?: EngineReport;
  /** Absent where the person has set none. */
  readonly budget?: BudgetState;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Of the last steps, oldest first; at most `KEPT_LOSSES`. */
  readonly losses: readonly number[];
  readonly released?: Extract<TabEvent, { type: 'released' }>;
  /** Newest first; at most `KEPT_ENTRIES`. */
  readonly sent: readonly Egress[];
  /** Newest first; at most `KEPT_ENTRIES`. */
  readonly notices: readonly Notice[];
}

export type Notice = Extract<TabEvent, { type: 'declined' | 'missed' | 'problem' | 'directoryChanged' }>;

/** A tab may stay open for weeks: what it remembers is bounded. */
export const KEPT_LOSSES = 500;
export const KEPT_ENTRIES = 20;

export const NO_PROGRESS: Progress = { bytesUp: 0, bytesDown: 0, losses: [], sent: [], notices: [] };

export function progressed(progress: Progress, event: TabEvent): Progress {
  switch (event.type) {
    case 'waiting':
    case 'preparing':
    case 'begun':
      return { ...progress, doing: event };
    case 'training':
      return { ...progress, doing: event, losses: [...progress.losses, event.loss].slice(-KEPT_LOSSES) };
    case 'contributed':
      return { ...progress, doing: event, sent: [event.egress, ...progress.sent].slice(0, KEPT_ENTRIES) };
    case 'engine':
      return { ...progress, engine: event.report };
    case 'budget':
      return { ...progress, budget: event.state };
    case 'released':
      return { ...progress, released: event };
    case 'traffic':
      return { ...progress, bytesUp: event.bytesUp, bytesDown: event.bytesDown };
    case 'declined':
    case 'missed':
    case 'problem':
    case 'directoryChanged':
      return { ...progress, notices: [event, ...progress.notices].slice(0, KEPT_ENTRIES) };
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}
