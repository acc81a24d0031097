/** What a person is told before taking part, and what that person permits. */
import type { DataBudget } from '../../schemas/node-config.ts';

export interface NodeChoice {
  /** Shown to the federation beside the id. */
  readonly name: string;
}

/** What would happen here, for the jobs of which this node may hear. */
export interface Description {
  readonly rows: number;
  /** Absent where no budget was ever set for these data here. */
  readonly budget?: BudgetState;
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

/** Of the data that were chosen, as the ledger of this browser has it. */
export interface BudgetState extends Required<DataBudget> {
  /** Epsilon of what was drawn; Infinity where there is no bound. */
  readonly spent: number;
  /** Epsilon that no job that goes on keeps for itself either. */
  readonly left: number;
}

/**
 * What is offered where no earlier visit has set a budget: epsilon for a few jobs like those of the demonstration, and a delta
 * of which all units together make at most a tenth.
 */
export function usualBudget(description: Description): Required<DataBudget> {
  const { rows } = description;
  const delta = 10 ** Math.min(-6, -1 - Math.ceil(Math.log10(Math.max(1, rows))));
  return { epsilon: 8, delta: Number(delta.toPrecision(1)), unit: unitOf(description) };
}

/** Of a data set of a tab, in which nobody says whose rows they are. */
export type TabUnit = 'example' | 'participant';

/** For whom the first job makes its promise that makes one for these; each example where none does yet. */
function unitOf({ jobs }: Description): TabUnit {
  const units = jobs.map(({ privacyUnit }) => privacyUnit);
  return units.find((unit) => unit === 'example' || unit === 'participant') ?? 'example';
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
