/**
 * What happens to a node, as its owner sees it. Nothing of it leaves the node.
 */
import type { HanseError } from '../protocol/problem.ts';
import type { Metrics } from '../schemas/job.ts';
import type { EvaluateTask, Task, TrainTask } from '../schemas/task.ts';
import type { LocalReport } from './contribute.ts';
import type { DirectoryEvent } from './directory-watch.ts';
import type { LetterEvent } from './mailbox.ts';
import type { WitnessEvent } from './witness-duty.ts';

export type ParticipantEvent =
  | DirectoryEvent
  | LetterEvent
  | WitnessEvent
  | { readonly type: 'ready' }
  /** The node asks for no work, by the will of its owner. @property until RFC 3339; null if nobody knows */
  | { readonly type: 'waiting'; readonly why: 'hours' | 'paused'; readonly until: string | null }
  | { readonly type: 'preparing'; readonly task: Task }
  | { readonly type: 'training'; readonly task: TrainTask }
  | { readonly type: 'contributed'; readonly task: TrainTask; readonly report: LocalReport }
  | { readonly type: 'evaluated'; readonly task: EvaluateTask; readonly metrics: Metrics }
  | { readonly type: 'declined'; readonly task: Task; readonly problem: HanseError }
  /** The round ended without this node; nothing is wrong. */
  | { readonly type: 'missed'; readonly task: Task; readonly problem: HanseError };
