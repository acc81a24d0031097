/**
 * Who has used a data set, and for what: SPEC.md 13.15. Pure.
 *
 * A job has used it where an entry names both, or where a node that has declared it has sent an update. Who has sent updates stands in
 * the log as salted hashes: without their salts, all jobs with updates while a holder was there are jobs that may have used it.
 */
import type { AuditData } from '../../../schemas/audit-event.ts';
import { type Cells, RowBook } from '../answer.ts';
import { type BookedJob, JobBook, outcomeOf } from '../job-book.ts';
import { namedIn } from '../named-in.ts';
import { nodesIn, Participants } from '../participants.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import type { Answer, Question } from './question.ts';

interface HolderCells extends Cells {
  readonly node: string | null;
  readonly organisation: string | null;
  readonly dataSet: string;
  readonly first: string;
  /** When the node said that it holds it no more. */
  until: string | null;
}

interface UseCells extends Cells {
  readonly job: string;
  name: string | null;
  purpose: string | null;
  by: string | null;
  used: string;
  rounds: number;
  updates: number;
  unit: string | null;
  reserved: number | null;
  spent: number | null;
  outcome: string | null;
}

interface ModelCells extends Cells {
  readonly job: string;
  readonly round: number;
  readonly model: string;
  readonly time: string;
}

/** Of agreements, and of data sets that are told where the one that was asked for is not known. */
const NAMES = 100;

export class DataSetUses implements Question {
  readonly #asked: string;
  readonly #organisation: string | undefined;
  readonly #participants = new Participants();
  readonly #jobs = new JobBook();
  readonly #holders = new RowBook<HolderCells>();
  readonly #uses = new RowBook<UseCells>();
  readonly #models = new RowBook<ModelCells>();
  readonly #agreements = new RowBook();
  readonly #others = new RowBook();
  /** Of agreements about it. */
  readonly #agreed = new Set<string>();
  /** Nodes that have declared it. */
  readonly #nodes = new Set<string>();
  /** By job that has used it: the round in which it was used last, 0 before any. */
  readonly #rounds = new Map<string, number>();
  /** Jobs that an entry names together with it: whoever takes part in them uses it. */
  readonly #named = new Set<string>();
  /** Data sets that were named at all. */
  readonly #names = new RowBook(NAMES);
  #hidden = 0;

  /**
   * @param asked a data set, `name`; or one version of it, `name@version`
   * @param organisation of whose nodes: others may hold another one of this name; absent: of any
   */
  constructor(asked: string, organisation?: string) {
    this.#asked = asked;
    this.#organisation = organisation;
  }

  take(entry: VerifiedEntry): void {
    this.#participants.take(entry);
    const job = this.#jobs.take(entry);
    const { type, leaf, event } = entry;
    const named = namedIn(event);
    for (const dataSet of named.dataSets) this.#names.at(dataSet, leaf, () => ({ dataSet }));
    const found = named.dataSets.filter((name) => isSame(name, this.#asked));
    for (const dataSet of found) this.#takeNamed(entry, dataSet, job);
    // What an agreement is about is used by the jobs that it permits.
    if (job && found.length === 0 && named.agreements.some((id) => this.#agreed.has(id)))
      this.#takeNamed(entry, this.#asked, job);
    if (type === 'data.declared' && this.#nodes.size > 0) this.#takeDeclared(entry, found);
    if (!job) return;
    if (type === 'round.updateAccepted') this.#takeUpdate(entry, job);
    if (type !== 'round.released' || !this.#rounds.has(job.jobId)) return;
    const { round, model } = event.data as AuditData<'round.released'>;
    this.#models.add(leaf, { job: job.jobId, round, model, time: event.time });
  }

  /** What a node says it holds is all that it holds. @param found of that, what is asked for */
  #takeDeclared({ leaf, event }: VerifiedEntry, found: readonly string[]): void {
    const { nodeId } = event.data as AuditData<'data.declared'>;
    if (!this.#nodes.has(nodeId)) return;
    if (found.length === 0) this.#nodes.delete(nodeId);
    for (const [cells, leaves] of this.#holders.rows()) {
      if (cells.node !== nodeId || cells.until !== null || found.includes(cells.dataSet)) continue;
      cells.until = event.time;
      leaves.add(leaf);
    }
  }

  #takeNamed({ leaf, type, event }: VerifiedEntry, dataSet: string, job: BookedJob | undefined): void {
    const { nodeId } = event.data as { readonly nodeId?: unknown };
    const { agreements, organisations, purposes } = namedIn(event);
    for (const agreement of agreements) {
      if (this.#agreed.size < NAMES) this.#agreed.add(agreement);
      if (!job)
        this.#agreements.at(`${agreement} ${type}`, leaf, () => ({
          ...{ agreement, what: type, dataSet, between: organisations.join(' ') || null },
          ...{ purpose: purposes.join('; ') || null, first: event.time },
        }));
    }
    if (job) {
      this.#named.add(job.jobId);
      if (this.#use(job, leaf, 'yes') && !this.#rounds.has(job.jobId)) this.#rounds.set(job.jobId, 0);
    } else if (type === 'data.declared' && typeof nodeId === 'string') {
      const organisation = this.#participants.organisationOf(nodeId) ?? null;
      if (this.#organisation !== undefined && organisation !== this.#organisation) return;
      this.#nodes.add(nodeId);
      const begin = () => ({ node: nodeId, organisation, dataSet, first: event.time, until: null });
      const cells = this.#holders.at(`${nodeId} ${dataSet}`, leaf, begin);
      if (cells) cells.until = null;
    } else if (agreements.length === 0)
      this.#others.add(leaf, { time: event.time, what: type, dataSet, node: String(nodeId ?? '') || null });
  }

  #takeUpdate(entry: VerifiedEntry, job: BookedJob): void {
    const isNamed = this.#named.has(job.jobId);
    if (this.#nodes.size === 0 && !isNamed) return;
    const [nodeId] = nodesIn(entry) ?? [];
    if (!isNamed && nodeId === undefined) this.#hidden += 1;
    if (!isNamed && nodeId !== undefined && !this.#nodes.has(nodeId)) return;
    const cells = this.#use(job, entry.leaf, isNamed || nodeId !== undefined ? 'yes' : 'perhaps');
    if (!cells) return;
    const { round } = entry.event.data as AuditData<'round.updateAccepted'>;
    cells.updates += 1;
    if (this.#rounds.get(job.jobId) !== round) cells.rounds += 1;
    this.#rounds.set(job.jobId, round);
  }

  #use({ jobId, unit }: BookedJob, leaf: number, used: string): UseCells | undefined {
    const cells = this.#uses.at(jobId, leaf, () => ({
      ...{ job: jobId, name: null, purpose: null, by: null, used, rounds: 0, updates: 0, unit },
      ...{ reserved: null, spent: null, outcome: null },
    }));
    if (cells && used === 'yes') cells.used = used;
    return cells;
  }

  answer(): Answer {
    for (const [cells, leaves] of this.#uses.rows()) {
      const job = this.#jobs.of(cells.job);
      if (!job) continue;
      const { name, purpose, reserved, spent, by } = job;
      Object.assign(cells, { name, purpose, outcome: outcomeOf(job) });
      cells.by = this.#participants.organisationOf(by) ?? by;
      cells.reserved = reserved?.epsilon ?? null;
      cells.spent = spent?.epsilon ?? null;
      for (const at of [job.leaf, reserved?.leaf, spent?.leaf]) if (at !== undefined) leaves.add(at);
    }
    const tables = [
      this.#holders.table('holders', 'Who holds it'),
      this.#uses.table('uses', 'Jobs that it was used for, and the epsilon they have taken for each unit'),
      this.#models.table('models', 'Models that were released of these jobs since'),
      this.#agreements.table('agreements', 'Agreements about it'),
      this.#others.table('others', 'Other entries that name it'),
    ];
    const notes =
      this.#hidden === 0
        ? []
        : [
            `who has sent ${this.#hidden} updates stands in the log as salted hashes: a log with its salts (\`hanse audit export --salts\`) tells which of these jobs have used it`,
          ];
    if (tables.some(({ rows }) => rows.length > 0)) return { isKnown: true, tables, notes };
    return {
      isKnown: false,
      tables: [this.#names.table('dataSets', 'Data sets that the log does tell of')],
      notes,
    };
  }
}

/** Whether a name is the one that is asked for, or a version of it. */
function isSame(name: string, asked: string): boolean {
  return name === asked || (!asked.includes('@') && name.startsWith(`${asked}@`));
}
