/**
 * What a model has cost in privacy, and whose data has shaped it: the job it came from, all rounds up to it, and what their sums have
 * told. SPEC.md 13.12, 13.15. Pure.
 *
 * A model of round r is shaped by the updates of the rounds that were released before it, and of the attempt that it came from. What
 * else the job has opened costs as well: `privacy.spent` counts every sum, whatever became of it.
 */
import type { AuditData } from '../../../schemas/audit-event.ts';
import { type AnswerTable, type Cells, RowBook } from '../answer.ts';
import { type BookedJob, JobBook } from '../job-book.ts';
import { nodesIn, Participants } from '../participants.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import type { Answer, Question } from './question.ts';

interface MadeCells extends Cells {
  readonly job: string;
  readonly name: string;
  readonly purpose: string;
  readonly round: number;
  readonly attempt: number;
  readonly time: string;
  released: string;
  readonly updates: number;
  readonly initialModel: string | null;
}

interface CostCells extends Cells {
  readonly job: string;
  readonly unit: string;
  readonly mechanism: string | null;
  readonly delta: number | null;
  readonly reserved: number | null;
  readonly stated: number | null;
  spent: number | null;
  sums: number | null;
}

interface ShapeCells extends Cells {
  readonly job: string;
  readonly organisation: string | null;
  rounds: number;
  updates: number;
}

/** Updates of an attempt, or of all released rounds of a job: by organisation, null for those who are not told. */
type Shape = Map<string | null, { rounds: number; updates: number; leaves: number[] }>;

/** Entries that are named behind a row. */
const NAMED = 100;
/** Models that are known to have been released: of more it is not told whether a job begins with one. */
const MODELS = 100_000;

interface Open {
  readonly released: Shape;
  readonly attempt: Shape;
}

export class ModelCost implements Question {
  readonly #model: string;
  readonly #jobs = new JobBook();
  readonly #participants = new Participants();
  readonly #open = new Map<string, Open>();
  readonly #made = new RowBook<MadeCells>(16);
  readonly #cost = new RowBook<CostCells>(16);
  readonly #shapes = new RowBook<ShapeCells>();
  readonly #released = new Set<string>();
  readonly #initial = new Set<string>();
  readonly #begun = new RowBook<Cells>(16);
  /** Attempts that have come to the model. */
  readonly #attempts = new Set<string>();
  #hasSalts = false;

  /** @param model SHA-256, hex */
  constructor(model: string) {
    this.#model = model;
  }

  /** Models with which the jobs of this one begin, that another job of the log has released: ask for them next. */
  get lineage(): readonly string[] {
    return [...this.#initial].filter((model) => this.#released.has(model) && model !== this.#model);
  }

  take(entry: VerifiedEntry): void {
    this.#participants.take(entry);
    const job = this.#jobs.take(entry);
    if (!job) return;
    const { type, leaf, event } = entry;
    switch (type) {
      case 'job.created':
        this.#open.set(job.jobId, { released: new Map(), attempt: new Map() });
        if (job.initialModel === this.#model)
          this.#begun.add(leaf, { job: job.jobId, name: job.name, purpose: job.purpose, time: event.time });
        return;
      case 'round.opened':
        this.#open.get(job.jobId)?.attempt.clear();
        return;
      case 'round.updateAccepted':
        this.#accept(entry, job);
        return;
      case 'round.aggregated':
        if ((event.data as AuditData<'round.aggregated'>).model === this.#model) this.#make(entry, job);
        return;
      case 'privacy.spent': {
        const { round, attempt } = event.data as AuditData<'privacy.spent'>;
        // Behind the aggregation, where that is plain.
        if (this.#attempts.has(`${job.jobId} ${round} ${attempt}`)) this.#tellCost(job, leaf);
        return;
      }
      case 'round.released':
        this.#release(entry, job);
        return;
      default:
    }
  }

  #accept(entry: VerifiedEntry, { jobId }: BookedJob): void {
    const [nodeId] = nodesIn(entry) ?? [];
    if (nodeId !== undefined) this.#hasSalts = true;
    const who = nodeId === undefined ? null : (this.#participants.organisationOf(nodeId) ?? 'unknown');
    const shape = this.#open.get(jobId)?.attempt;
    const part = shape?.get(who) ?? { rounds: 1, updates: 0, leaves: [] };
    part.updates += 1;
    if (part.leaves.length < NAMED) part.leaves.push(entry.leaf);
    shape?.set(who, part);
  }

  #make({ leaf, event }: VerifiedEntry, job: BookedJob): void {
    const { jobId: id, name, purpose, initialModel = null } = job;
    const { round, attempt, updates } = event.data as AuditData<'round.aggregated'>;
    this.#attempts.add(`${id} ${round} ${attempt}`);
    this.#made.at(`${id} ${round} ${attempt}`, leaf, () => ({
      ...{ job: id, name, purpose, round, attempt, time: event.time },
      ...{ released: 'no', updates, initialModel },
    }));
    if (initialModel !== null) this.#initial.add(initialModel);
    this.#tellCost(job, leaf);
    const open = this.#open.get(id);
    if (!open) return;
    const whole = new Map([...open.released].map(([who, part]) => [who, { ...part }]));
    merge(whole, open.attempt);
    for (const [organisation, { rounds, updates: all, leaves }] of whole)
      for (const at of leaves)
        this.#shapes.at(`${id} ${round} ${organisation}`, at, () => ({
          ...{ job: id, organisation, rounds, updates: all },
        }));
  }

  /** What it has come to by now. */
  #tellCost({ jobId: job, unit, reserved, spent }: BookedJob, leaf: number): void {
    const begin = (): CostCells => ({
      ...{
        job,
        unit,
        mechanism: reserved?.mechanism ?? null,
        delta: reserved?.delta ?? spent?.delta ?? null,
      },
      ...{ reserved: reserved?.epsilon ?? null, stated: reserved?.stated ?? null, spent: null, sums: null },
    });
    if (reserved) this.#cost.at(job, Math.min(reserved.leaf, leaf), begin);
    const cells = this.#cost.at(job, spent?.leaf ?? leaf, begin);
    if (cells && spent) Object.assign(cells, { spent: spent.epsilon, sums: spent.opened });
  }

  #release({ leaf, event }: VerifiedEntry, { jobId }: BookedJob): void {
    const { round, attempt, model } = event.data as AuditData<'round.released'>;
    if (this.#released.size < MODELS) this.#released.add(model);
    const key = `${jobId} ${round} ${attempt}`;
    if (this.#attempts.has(key)) {
      const cells = this.#made.at(key, leaf, () => {
        throw new Error('unreachable: it was aggregated before');
      });
      if (cells) cells.released = event.time;
    }
    const open = this.#open.get(jobId);
    if (open) merge(open.released, open.attempt);
  }

  answer(): Answer {
    const tables: AnswerTable[] = [
      this.#made.table('made', 'Rounds that have come to this model'),
      this.#cost.table('cost', 'What its job had taken of privacy by then, for each unit'),
      this.#shapes.table('shapedBy', 'Whose updates are in it, and how many'),
      this.#begun.table('begun', 'Jobs that begin with this model'),
    ];
    const isMade = this.#attempts.size > 0;
    const isKnown = isMade || tables.some(({ rows }) => rows.length > 0);
    const notes: string[] = [];
    if (isMade && !this.#hasSalts)
      notes.push(
        'who has sent updates stands in the log as salted hashes: a log with its salts (`hanse audit export --salts`) names organisations',
      );
    if (!isMade && isKnown)
      notes.push('no round of this log has come to it: by this log, it has cost nothing');
    if (this.#jobs.leftOut > 0)
      notes.push(`the log has ${this.#jobs.leftOut} more jobs than are remembered here`);
    if (this.#released.size >= MODELS)
      notes.push(
        'the log has more models than are remembered: earlier jobs behind the first one may be missing',
      );
    return { isKnown, tables, notes };
  }
}

/** Of a further round. */
function merge(into: Shape, more: Shape): void {
  for (const [who, { updates, leaves }] of more) {
    const part = into.get(who) ?? { rounds: 0, updates: 0, leaves: [] };
    into.set(who, {
      rounds: part.rounds + 1,
      updates: part.updates + updates,
      leaves: [...part.leaves, ...leaves].slice(0, NAMED),
    });
  }
}
