/**
 * Which models were learnt from the data of a node, by the entries of the log: SPEC.md 6.7. Who took part stands there as salted
 * hashes, so that this is known to whom they were opened. Pure.
 */

import type { AuditData, AuditEvent } from '../../schemas/audit-event.ts';
import type { JobId, NodeId, Sha256 } from '../../schemas/ids.ts';
import { canonicalJson } from '../canonical.ts';

/** An entry, in its place in the log. */
export interface OpenedEntry {
  readonly index: number;
  readonly event: Pick<AuditEvent, 'type' | 'data'>;
  /** The values of its salted members, JCS, by JSON pointer; absent: they were not opened. */
  readonly opened?: ReadonlyMap<string, string>;
}

export interface AffectedModel {
  readonly jobId: JobId;
  readonly round: number;
  readonly model: Sha256;
  /** Of the entry that released it. */
  readonly index: number;
  /** update: one of the node is in it; descent: it goes on from a model of which that is so. */
  readonly by: 'update' | 'descent';
}

export interface AffectedModels {
  readonly models: readonly AffectedModel[];
  /** Updates before the moment, of which nobody has said whose they are: models that they are in may be missing. */
  readonly unopened: number;
}

/** What is known of a job by now. */
interface JobSoFar {
  /** Attempts, `<round>/<attempt>`, that have an update of the node. */
  readonly contributed: Set<string>;
  isReached: boolean;
}

/**
 * @param entries in the order of the log
 * @param keys    ids that the node has had
 * @param before  place of the entry `dataset.versioned`, from which on updates are of the new version; absent: none counts as such
 */
export function affectedModels(
  entries: Iterable<OpenedEntry>,
  keys: ReadonlySet<NodeId>,
  before = Number.POSITIVE_INFINITY,
): AffectedModels {
  const jobs = new Map<JobId, JobSoFar>();
  const models: AffectedModel[] = [];
  let unopened = 0;
  const texts = new Set([...keys].map((key) => canonicalJson(key)));
  const jobOf = (jobId: JobId) => {
    const job = jobs.get(jobId) ?? { contributed: new Set<string>(), isReached: false };
    jobs.set(jobId, job);
    return job;
  };
  for (const { index, event, opened } of entries) {
    if (event.type === 'hanse.round.updateAccepted' && index < before) {
      const { jobId, round, attempt } = event.data as AuditData<'round.updateAccepted'>;
      const node = opened?.get('/data/node');
      if (node === undefined) unopened += 1;
      else if (texts.has(node)) jobOf(jobId).contributed.add(`${round}/${attempt}`);
    }
    if (event.type !== 'hanse.round.released') continue;
    const { jobId, round, attempt, model } = event.data as AuditData<'round.released'>;
    const job = jobOf(jobId);
    const isDirect = job.contributed.has(`${round}/${attempt}`);
    if (isDirect || job.isReached)
      models.push({ jobId, round, model, index, by: isDirect ? 'update' : 'descent' });
    job.isReached ||= isDirect;
  }
  return { models, unopened };
}
