/** What a person is told before taking part, and what that person permits. */
import type { DataBudget } from '../../schemas/node-config.ts';

export interface NodeChoice {
  /** Shown to the federation beside the id. */
  readonly name: string;
}

/** What would happen here, for the jobs of which this node may hear. */
export interface Description {
  readonly rows: number;
  readonly jobs: readonly {
    readonly jobId: string;
    readonly name: string;
    readonly purpose: string;
    readonly rounds: number;
    readonly parameters: number;
    /** Of one update, as it is sent, with its header. */
    readonly updateBytes: number;
    /** No update is longer, by its L2 norm; where rows or persons are protected, what one of them adds is not. */
    readonly clipNorm: number;
    /** Of the first round: in later ones it follows how long the updates of all are. Absent: it stays. */
    readonly isClipAdaptive?: true;
    readonly privacyUnit: 'none' | 'example' | 'person' | 'participant';
    /** What the job may cost each unit; absent where nothing is promised. */
    readonly privacy?: {
      readonly epsilon: number;
      readonly delta: number;
      /** Whether nothing is promised against the coordinator: such jobs are declined. */
      readonly trustsCoordinator: boolean;
    };
    readonly visibleAs: 'update' | 'sum';
  }[];
}

/**
 * Patterns of a policy that permit the purposes of these jobs: authors word them, and one that is called `*` must not permit
 * all, so `?` stands for it, which is one character.
 */
export function purposesOf({ jobs }: Description): string[] {
  return [...new Set(jobs.map(({ purpose }) => purpose.replaceAll('*', '?')))];
}

/** Of what is asked for where nobody says otherwise: a few jobs like those of the demonstration. */
export const USUAL_BUDGET = { epsilon: 8, delta: 1e-6 } as const;

/** For whom the jobs make their promise: of the first one that makes any; each example where none does yet. */
export function unitOf({ jobs }: Description): NonNullable<DataBudget['unit']> {
  const unit = jobs.find(({ privacyUnit }) => privacyUnit !== 'none')?.privacyUnit;
  return unit === undefined || unit === 'none' ? 'example' : unit;
}

export interface Consent {
  /** Patterns of purposes that are permitted; absent: every one. */
  readonly purposes?: readonly string[];
  /** Take part also in jobs whose coordinator sees each update. */
  readonly allowPlain: boolean;
  /** Ask before each update leaves. */
  readonly inspectEach: boolean;
  /** What all jobs together may cost each unit of the data; absent: no job that promises privacy. */
  readonly budget?: DataBudget;
  /** Keep models in the browser's own file system between visits. */
  readonly keepModels: boolean;
}
