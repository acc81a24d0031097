/** What the worker tells the page while it takes part. */
import type { ProblemCode } from '../../protocol/problem.ts';
import type { Egress } from '../../schemas/egress.ts';
import type { BudgetState } from './consent.ts';
import type { EngineReport } from './engine-report.ts';

export type TabEvent =
  | { readonly type: 'waiting'; readonly why: 'otherTab' | 'offline' | 'work' | 'hidden' | 'paused' }
  | { readonly type: 'engine'; readonly report: EngineReport }
  | { readonly type: 'preparing'; readonly jobId: string; readonly jobName: string }
  /** The model is there, and the first steps are on their way: on a card of its own, shaders are compiled first. */
  | { readonly type: 'begun'; readonly jobId: string; readonly round: number }
  | {
      readonly type: 'training';
      readonly jobId: string;
      readonly round: number;
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
    }
  | {
      readonly type: 'contributed';
      readonly jobId: string;
      readonly round: number;
      readonly lossFirst: number;
      readonly lossLast: number;
      readonly egress: Egress;
    }
  /** Metrics of the job, as its round released them. */
  | {
      readonly type: 'released';
      readonly jobId: string;
      readonly round: number;
      readonly accuracy?: number;
      readonly loss?: number;
    }
  /** Of the data that the tab takes part with: at its beginning, and whenever something was drawn. */
  | { readonly type: 'budget'; readonly state: BudgetState }
  | { readonly type: 'traffic'; readonly bytesUp: number; readonly bytesDown: number }
  | {
      readonly type: 'declined' | 'missed';
      readonly jobId: string;
      readonly round: number;
      readonly code: ProblemCode;
      readonly message: string;
      readonly remedy: string;
    }
  | {
      readonly type: 'problem';
      readonly code: ProblemCode;
      readonly message: string;
      readonly remedy: string;
    }
  | { readonly type: 'directoryChanged'; readonly version: number };
