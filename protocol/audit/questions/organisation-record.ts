/**
 * All that a log tells of one organisation: its members, what they have asked for and decided, the rounds they took part in, what was
 * refused them, what they have fetched and read, and the alarms about and by them. SPEC.md 13.15. Pure.
 */
import type { AuditData } from '../../../schemas/audit-event.ts';
import { type Cell, type Cells, RowBook } from '../answer.ts';
import { JobBook, outcomeOf } from '../job-book.ts';
import { nodesIn, Participants } from '../participants.ts';
import { ALL, isWithin, type Period } from '../period.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import { countsOf } from './denials.ts';
import type { Answer, Question } from './question.ts';

interface CountCells extends Cells {
  count: number;
}

const MEMBERSHIP = /^(member|organisation)\./;
const PEOPLE = /^(person|token|session)\./;

interface PeopleCells extends CountCells {
  readonly person: Cell;
  readonly what: string;
  readonly first: string;
  last: string;
}

export class OrganisationRecord implements Question {
  readonly #organisation: string;
  readonly #period: Period;
  readonly #participants = new Participants();
  readonly #jobs = new JobBook();
  readonly #members = new RowBook();
  readonly #people = new RowBook<PeopleCells>();
  readonly #created = new RowBook();
  readonly #rounds = new RowBook();
  readonly #denials = new RowBook<CountCells>();
  readonly #downloads = new RowBook<CountCells>();
  readonly #readings = new RowBook<CountCells>();
  readonly #decisions = new RowBook();
  readonly #alarms = new RowBook();
  /** Entries whose salts were not handed over, and that may be about it. */
  #hidden = 0;
  #isKnown = false;

  constructor(organisation: string, period: Period = ALL) {
    this.#organisation = organisation;
    this.#period = period;
  }

  take(entry: VerifiedEntry): void {
    this.#participants.take(entry);
    this.#jobs.take(entry);
    const { type, event } = entry;
    const isOfMembers = MEMBERSHIP.test(type);
    const isOfPeople = !isOfMembers && PEOPLE.test(type);
    if ((isOfMembers || isOfPeople) && this.#isAbout(event.data)) this.#isKnown = true;
    if (!isWithin(this.#period, event.time)) return;
    if (isOfMembers) this.#takeMembership(entry);
    else if (isOfPeople) this.#takePerson(entry);
    else if (type === 'witness.alarmRaised' || type === 'witness.silent') this.#takeAlarm(entry);
    else if (type === 'job.created' || type === 'job.cancelled') this.#takeJob(entry);
    else this.#takeNamed(entry);
  }

  /** @param id of a node, a person, a token */
  #isOwn(id: unknown): boolean {
    return typeof id === 'string' && this.#participants.organisationOf(id) === this.#organisation;
  }

  #isAbout(data: object): boolean {
    const { organisationId, nodeId, person, token } = data as Readonly<Record<string, unknown>>;
    return organisationId === this.#organisation || [nodeId, person, token].some((id) => this.#isOwn(id));
  }

  #takePerson({ leaf, type, event }: VerifiedEntry): void {
    const { person = null, by = null, ...data } = event.data as Record<string, Cell>;
    const of = person ?? data.token ?? null;
    if (this.#isOwn(by) && by !== person) this.#decisions.add(leaf, { time: event.time, what: type, of, by });
    if (!this.#isAbout(event.data)) return;
    const { time } = event;
    const begin = () => ({ person, what: type, count: 0, first: time, last: time });
    const cells = this.#people.at(`${person} ${type}`, leaf, begin);
    if (cells) Object.assign(cells, { count: cells.count + 1, last: time });
  }

  #takeMembership({ leaf, type, event }: VerifiedEntry): void {
    const { nodeId = null, role = null, reason = null, by = null } = event.data as Record<string, Cell>;
    const what = type.replace(/^member\./, '').replace('organisation.', 'organisation ');
    if (this.#isAbout(event.data))
      this.#members.add(leaf, { time: event.time, what, node: nodeId, role, reason, by });
    if (this.#isOwn(by)) this.#decisions.add(leaf, { time: event.time, what: type, of: nodeId, by });
  }

  #takeAlarm({ leaf, type, event }: VerifiedEntry): void {
    const { witness = '', by = null } = event.data as Partial<AuditData<'witness.silent'>> & { by?: string };
    if (type === 'witness.silent' ? witness.startsWith(`${this.#organisation}/`) : this.#isOwn(by))
      this.#alarms.add(leaf, { time: event.time, what: type, witness: by ?? witness });
  }

  #takeJob({ leaf, type, event }: VerifiedEntry): void {
    const { jobId, by } = event.data as AuditData<'job.cancelled'>;
    if (!this.#isOwn(by)) return;
    if (type === 'job.cancelled') this.#decisions.add(leaf, { time: event.time, what: type, of: jobId, by });
    else this.#created.add(leaf, { time: event.time, job: jobId, name: null, purpose: null, by });
  }

  /** What names nodes by salted fields. */
  #takeNamed(entry: VerifiedEntry): void {
    const { leaf, type, event } = entry;
    const isOfRound = type.startsWith('round.');
    if (!isOfRound && type !== 'access.denied' && type !== 'model.downloaded' && type !== 'reading.session')
      return;
    const nodes = nodesIn(entry);
    if (!nodes) {
      const { actor } = event.data as { readonly actor?: string };
      if (JSON.stringify(event.data).includes('"salted"') && (actor ?? 'member') === 'member')
        this.#hidden += 1;
      return;
    }
    const own = nodes.filter((nodeId) => this.#isOwn(nodeId));
    if (own.length === 0) return;
    if (isOfRound) this.#takeRound(entry, own.length);
    else if (type === 'access.denied') this.#takeDenial(entry, own[0] ?? '');
    else if (type === 'model.downloaded') {
      const { jobId, round, model } = event.data as AuditData<'model.downloaded'>;
      const begin = () => ({ job: jobId, round, model, count: 0, first: event.time });
      const cells = this.#downloads.at(`${jobId} ${round} ${model}`, leaf, begin);
      if (cells) cells.count += own.length;
    } else {
      const { first, last, count, since } = event.data as AuditData<'reading.session'>;
      this.#readings.add(leaf, { time: since, by: own[0] ?? '', first, last, count });
    }
  }

  #takeRound({ leaf, type, event }: VerifiedEntry, count: number): void {
    const { jobId, code } = event.data as { readonly jobId: string; readonly code?: string };
    const cells = this.#rounds.at(jobId, leaf, () => ({
      ...{
        job: jobId,
        name: null,
        purpose: null,
        asked: 0,
        updates: 0,
        consents: 0,
        evaluations: 0,
        declined: 0,
        codes: '',
      },
    }));
    if (!cells) return;
    const column = COLUMNS[type];
    if (column !== undefined) cells[column] = Number(cells[column]) + count;
    if (type !== 'round.declined' || code === undefined) return;
    const codes = String(cells.codes)
      .split(' ')
      .filter((one) => one !== '');
    if (!codes.includes(code) && codes.length < 8) cells.codes = [...codes, code].join(' ');
  }

  #takeDenial({ leaf, event }: VerifiedEntry, node: string): void {
    const { codes } = event.data as AuditData<'access.denied'>;
    for (const [code, count] of countsOf(codes)) {
      const cells = this.#denials.at(`${node} ${code}`, leaf, () => ({
        ...{ code, node, count: 0, first: event.time },
      }));
      if (cells) cells.count += count;
    }
  }

  answer(): Answer {
    for (const table of [this.#created, this.#rounds])
      for (const [cells] of table.rows()) {
        const job = this.#jobs.of(String(cells.job));
        Object.assign(cells, { name: job?.name ?? null, purpose: job?.purpose ?? null });
        Object.assign(cells, { outcome: job ? outcomeOf(job) : null });
      }
    return {
      isKnown: this.#isKnown,
      tables: [
        this.#members.table('members', 'Who was invited, became a member, and is none any more'),
        this.#people.table('people', 'Its people: invites, links, passkeys, sessions and tokens'),
        this.#created.table('jobs', 'Jobs that its members have created'),
        this.#rounds.table('rounds', 'Jobs in whose rounds its members took part'),
        this.#denials.table('denials', 'Requests of its members that were refused'),
        this.#downloads.table('downloads', 'Models that its members have fetched'),
        this.#readings.table('readings', 'Entries of the log that its members have read'),
        this.#decisions.table('decisions', 'What its members have decided about others and about jobs'),
        this.#alarms.table('alarms', 'Witnesses of it that were silent, and alarms that it has raised'),
      ],
      notes:
        this.#hidden === 0
          ? []
          : [
              `${this.#hidden} entries may be about it and do not tell: who took part stands in the log as salted hashes, which a log with its salts (\`hanse audit export --salts\`) opens`,
            ],
    };
  }
}

const COLUMNS: Readonly<Record<string, string>> = {
  'round.opened': 'asked',
  'round.updateAccepted': 'updates',
  'round.consented': 'consents',
  'round.evaluated': 'evaluations',
  'round.declined': 'declined',
};
