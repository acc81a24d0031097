/**
 * What the entries of a log tell of each job, as far as they have gone by: for the questions and the report of an auditor
 * (SPEC.md 13.15). How many attempts it has had does not matter to its memory. Pure.
 */
import type { AuditData } from '../../schemas/audit-event.ts';
import type { VerifiedEntry } from './verified-entries.ts';

export interface BookedJob {
  readonly jobId: string;
  readonly name: string;
  readonly purpose: string;
  /** `none`: it promises nothing. */
  readonly unit: string;
  /** Id of the node that has created it. */
  readonly by: string;
  readonly leaf: number;
  readonly time: string;
  /** SHA-256 of the model that it begins with; undefined where the log does not say it. */
  readonly initialModel: string | undefined;
  /** Attempts at rounds. */
  attempts: number;
  failed: number;
  /** Updates that were accepted. */
  updates: number;
  /** The last round that was released, 0 before any, and its model. */
  released: number;
  model: string | undefined;
  modelLeaf: number | undefined;
  reserved: Booked<'privacy.reserved'> | undefined;
  spent: Booked<'privacy.spent'> | undefined;
  /** Of the last evaluation. */
  accuracy: number | null | undefined;
  loss: number | undefined;
  isCancelled: boolean;
}

export type Booked<Type extends 'privacy.reserved' | 'privacy.spent'> = AuditData<Type> & {
  readonly leaf: number;
};

/** Jobs that are remembered. */
const JOBS = 20_000;

export class JobBook {
  readonly #jobs = new Map<string, BookedJob>();
  #leftOut = 0;

  /** Jobs beyond those that are remembered. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get jobs(): Iterable<BookedJob> {
    return this.#jobs.values();
  }

  of(jobId: string): BookedJob | undefined {
    return this.#jobs.get(jobId);
  }

  /** @returns the job that the entry is about, where it is about one that is remembered */
  take(entry: VerifiedEntry): BookedJob | undefined {
    const { type, event, leaf } = entry;
    if (type === 'job.created') return this.#create(entry);
    const job = this.#jobs.get((event.data as { readonly jobId?: string }).jobId ?? '');
    if (!job) return undefined;
    switch (type) {
      case 'job.cancelled':
        job.isCancelled = true;
        break;
      case 'round.opened':
        job.attempts += 1;
        break;
      case 'round.failed':
        job.failed += 1;
        break;
      case 'round.updateAccepted':
        job.updates += 1;
        break;
      case 'round.evaluated': {
        const { metrics } = event.data as AuditData<'round.evaluated'>;
        job.accuracy = metrics.accuracy;
        job.loss = metrics.loss;
        break;
      }
      case 'round.released': {
        const { round, model } = event.data as AuditData<'round.released'>;
        job.released = round;
        job.model = model;
        job.modelLeaf = leaf;
        break;
      }
      case 'privacy.reserved':
        job.reserved = { ...(event.data as AuditData<'privacy.reserved'>), leaf };
        break;
      case 'privacy.spent':
        job.spent = { ...(event.data as AuditData<'privacy.spent'>), leaf };
        break;
      default:
    }
    return job;
  }

  #create({ event, leaf }: VerifiedEntry): BookedJob | undefined {
    if (this.#jobs.size >= JOBS) {
      this.#leftOut += 1;
      return undefined;
    }
    const { jobId, name, purpose, privacyUnit, by, prov } = event.data as AuditData<'job.created'>;
    const initialModel = prov?.used?.map(modelOfUrn).find((model) => model !== undefined);
    const job: BookedJob = {
      ...{ jobId, name, purpose, unit: privacyUnit, by, leaf, time: event.time, initialModel },
      ...{ attempts: 0, failed: 0, updates: 0, released: 0, model: undefined, modelLeaf: undefined },
      ...{ reserved: undefined, spent: undefined, accuracy: undefined, loss: undefined, isCancelled: false },
    };
    this.#jobs.set(jobId, job);
    return job;
  }
}

function modelOfUrn(urn: string): string | undefined {
  return /^urn:hanse:model:([0-9a-f]{64})$/.exec(urn)?.[1];
}

/** In a word or two: what has become of it so far. */
export function outcomeOf({ isCancelled, released, attempts }: BookedJob): string {
  const rounds = `${released} ${released === 1 ? 'round' : 'rounds'} released`;
  if (isCancelled) return `cancelled, ${rounds}`;
  return attempts === 0 ? 'waits' : rounds;
}
