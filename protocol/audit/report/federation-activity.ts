/**
 * What happened in a period besides jobs: which entries on which day, who came and went, who fetched models and read the log, what the
 * coordinator did, and what witnesses have said. Pure.
 */
import type { AuditData } from '../../../schemas/audit-event.ts';
import { type AnswerTable, type Cell, type Cells, RowBook } from '../answer.ts';
import { nodesIn, Participants } from '../participants.ts';
import { dayOf, isWithin, type Period } from '../period.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import { DaySeries, type Series } from './day-series.ts';

interface TypeCells extends Cells {
  readonly type: string;
  entries: number;
  readonly first: string;
  last: string;
}

interface OrganisationCells extends Cells {
  readonly organisation: string;
  came: number;
  went: number;
}

interface DownloadCells extends Cells {
  readonly job: string;
  readonly round: number;
  readonly model: string;
  members: number;
  readonly first: string;
}

interface PeopleCells extends Cells {
  readonly organisation: string | null;
  readonly what: string;
  entries: number;
  readonly first: string;
  last: string;
}

const PEOPLE = /^(person|token|session)\./;
const MEMBERSHIP = /^(member|organisation)\./;
const CAME: ReadonlySet<string> = new Set(['member.enrolled', 'member.approved']);
const WENT: ReadonlySet<string> = new Set(['member.revoked', 'organisation.revoked']);

export class FederationActivity {
  readonly #period: Period;
  readonly #participants = new Participants();
  readonly #days = new DaySeries();
  readonly #types = new RowBook<TypeCells>(256);
  readonly #organisations = new RowBook<OrganisationCells>();
  readonly #members = new RowBook();
  readonly #people = new RowBook<PeopleCells>();
  readonly #downloads = new RowBook<DownloadCells>();
  readonly #readings = new RowBook();
  readonly #alarms = new RowBook();
  readonly #coordinator = new RowBook();
  #entries = 0;

  constructor(period: Period) {
    this.#period = period;
  }

  /** Of the period. */
  get entries(): number {
    return this.#entries;
  }

  take(entry: VerifiedEntry): void {
    this.#participants.take(entry);
    const { type, leaf, event } = entry;
    const { time } = event;
    if (!isWithin(this.#period, time)) return;
    this.#entries += 1;
    this.#days.add(dayOf(time), type.slice(0, type.indexOf('.')), 1);
    const cells = this.#types.at(type, leaf, () => ({ type, entries: 0, first: time, last: time }));
    if (cells) Object.assign(cells, { entries: cells.entries + 1, last: time });
    if (MEMBERSHIP.test(type)) this.#takeMembership(entry);
    else if (PEOPLE.test(type)) this.#takePerson(entry);
    else if (type === 'model.downloaded') this.#takeDownload(entry);
    else if (type === 'reading.session') this.#takeReading(entry);
    else if (type === 'witness.alarmRaised' || type === 'witness.silent') this.#takeAlarm(entry);
    else if (type.startsWith('admin.')) {
      const { software } = event.data as AuditData<'admin.started'>;
      this.#coordinator.add(leaf, { time, what: type, software });
    }
  }

  #takeMembership({ leaf, type, event }: VerifiedEntry): void {
    const {
      nodeId = null,
      role = null,
      reason = null,
      by = null,
      ...data
    } = event.data as Record<string, Cell>;
    const organisation =
      data.organisationId ??
      (typeof nodeId === 'string' ? (this.#participants.organisationOf(nodeId) ?? null) : null);
    this.#members.add(leaf, { time: event.time, what: type, organisation, node: nodeId, role, reason, by });
    if (typeof organisation !== 'string' || !(CAME.has(type) || WENT.has(type))) return;
    const cells = this.#organisations.at(organisation, leaf, () => ({ organisation, came: 0, went: 0 }));
    if (cells) cells[CAME.has(type) ? 'came' : 'went'] += 1;
  }

  /** Sessions are many: of each organisation a row for each type. */
  #takePerson({ leaf, type, event }: VerifiedEntry): void {
    const { person, token, organisationId } = event.data as Readonly<Record<string, string | undefined>>;
    const { time } = event;
    const organisation = organisationId ?? this.#participants.organisationOf(person ?? token ?? '') ?? null;
    const begin = () => ({ organisation, what: type, entries: 0, first: time, last: time });
    const cells = this.#people.at(`${organisation} ${type}`, leaf, begin);
    if (cells) Object.assign(cells, { entries: cells.entries + 1, last: time });
  }

  #takeDownload({ leaf, event }: VerifiedEntry): void {
    const { jobId, round, model, count } = event.data as AuditData<'model.downloaded'>;
    const begin = () => ({ job: jobId, round, model, members: 0, first: event.time });
    const cells = this.#downloads.at(`${jobId} ${round} ${model}`, leaf, begin);
    if (cells) cells.members += count;
  }

  #takeReading(entry: VerifiedEntry): void {
    const { first, last, count, since, until } = entry.event.data as AuditData<'reading.session'>;
    const [node = null] = nodesIn(entry) ?? [];
    this.#readings.add(entry.leaf, { since, until, reader: node, first, last, entries: count });
  }

  #takeAlarm({ leaf, type, event }: VerifiedEntry): void {
    const data = event.data as Partial<AuditData<'witness.silent'> & AuditData<'witness.alarmRaised'>>;
    const { witness = null, since = null, by = null, oldSize = null, size = null } = data;
    this.#alarms.add(leaf, { time: event.time, what: type, by: by ?? witness, since, oldSize, size });
  }

  /** Entries by day, and by the first word of their types. */
  get days(): Series {
    return this.#days.series();
  }

  get tables(): Readonly<
    Record<
      'types' | 'organisations' | 'members' | 'people' | 'downloads' | 'readings' | 'alarms' | 'coordinator',
      AnswerTable
    >
  > {
    return {
      types: this.#types.table('types', 'Entries by type'),
      organisations: this.#organisations.table(
        'organisations',
        'Members that came and went, by organisation',
      ),
      members: this.#members.table('members', 'Invites, enrolments, decisions about them, and revocations'),
      people: this.#people.table(
        'people',
        'People: invites, links, passkeys, sessions and tokens, by organisation',
      ),
      downloads: this.#downloads.table('downloads', 'Models that members have fetched'),
      readings: this.#readings.table('readings', 'Sessions in which members have read entries of this log'),
      alarms: this.#alarms.table('alarms', 'Alarms that nodes have raised, and witnesses that were silent'),
      coordinator: this.#coordinator.table('coordinator', 'Starts and ends of the coordinator'),
    };
  }
}
