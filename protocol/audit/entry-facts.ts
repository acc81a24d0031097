/**
 * What an entry of the audit log says, in the terms by which auditors ask: who, for whom, which data set, what for, with which
 * outcome. SPEC.md 13.14. Pure.
 *
 * A fold over the entries in their order, as later ones say less than they mean: a node belongs to the organisation that its
 * `member.*` entry names, and whatever happens in a job is for its purpose, over its data sets, by its agreements. Names of members
 * have one meaning in all entries of the catalogue, so that a type that is added later is read as the others are. Nothing is
 * believed beyond what the entry says; what is salted is unknown unless its value was handed over.
 */

import { Type } from 'typebox';
import type { AuditData, AuditEvent, AuditType, Provenance } from '../../schemas/audit-event.ts';
import { parseJson } from '../parse.ts';
import { typeOf } from './leaf.ts';

/**
 * success: what the entry says has come about. refused: somebody was not allowed, or was not willing to. failed: it was begun, and
 * has come to nothing, or something is wrong.
 */
export const OUTCOMES = ['success', 'refused', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface NamedDataSet {
  readonly name: string;
  readonly version?: string;
}

/** Lists are without repetitions, in the order of the entry. */
export interface EntryFacts {
  /** Of the leaf, from 0 on. */
  readonly index: number;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly type: AuditType;
  /** Ids of nodes and people whom it names; `anonymous` and `others`, of requests. */
  readonly actors: readonly string[];
  /** That it names, and those of its actors. */
  readonly organisations: readonly string[];
  readonly dataSets: readonly NamedDataSet[];
  readonly agreements: readonly string[];
  readonly purposes: readonly string[];
  readonly jobs: readonly string[];
  readonly round?: number;
  readonly attempt?: number;
  readonly outcome: Outcome;
  /** Ids of the policies that have decided. */
  readonly policies: readonly string[];
  /** What people have written, or would look for: the fields of `TEXT`, one a line. */
  readonly text: string;
}

/** What was hidden in an entry: the JCS of each value, by the pointer (RFC 6901) of its place, such as `/data/node`. */
export type OpenedFields = ReadonlyMap<string, string>;

/** What later entries take over from one that went before. */
interface JobTerms {
  readonly purposes: readonly string[];
  readonly dataSets: readonly NamedDataSet[];
  readonly agreements: readonly string[];
}

const NONE: OpenedFields = new Map();

/** Entries that others are understood by: a reader that begins later is given these first. */
export const CONTEXT_TYPES: readonly AuditType[] = [
  'member.enrolled',
  'member.requested',
  'job.created',
  'agreement.concluded',
];

/** Members that name actors: ids, or lists of them, also salted. */
const ACTORS = [
  'by',
  'approvedBy',
  'nodeId',
  'node',
  'member',
  'members',
  'cohort',
  'reader',
  'person',
] as const;
const ORGANISATIONS = ['organisationId', 'organisation', 'provider', 'consumer'] as const;
/** Members whose text can be searched for, also where it is salted. */
const TEXT = [
  ...['name', 'purpose', 'reason', 'code', 'software', 'origin', 'witness', 'mechanism', 'phase', 'role'],
  ...['summary', 'diff', 'contact', 'lawfulBasis', 'retention', 'dataOrigin'],
] as const;

const REFUSED: ReadonlySet<AuditType> = new Set(['access.denied', 'member.refused', 'round.declined']);
const FAILED: ReadonlySet<AuditType> = new Set([
  'round.failed',
  'round.unreleased',
  'witness.silent',
  'witness.alarmRaised',
]);

const NODE_URN = 'urn:hanse:node:';
const Anything = Type.Unknown();

export class EntryFactsReader {
  /** By node. */
  readonly #organisations = new Histories<string>();
  readonly #jobs = new Histories<JobTerms>();
  readonly #agreements = new Histories<JobTerms>();

  /**
   * Of one entry after the other. One that comes again comes to the same: what is known since a later entry does not count.
   * @param event of the catalogue: `decodeLeaf`, or entries that somebody has checked before
   * @param opened of this entry; what is not JSON is left out
   */
  read(index: number, event: AuditEvent, opened: OpenedFields = NONE): EntryFacts {
    const type = typeOf(event);
    const data = event.data as Record<string, unknown>;
    this.#learn(index, type, data);
    const said = (name: string) => plainValue(data, name, opened);
    const actors = distinct([
      ...ACTORS.flatMap((name) => texts(said(name))),
      ...(data.actor === 'member' ? [] : texts(data.actor)),
      ...attributedTo(data),
    ]);
    const jobs = texts(data.jobId);
    const terms = this.#termsOf(index, data, jobs);
    const [round, attempt] = [data.round, data.attempt];
    return {
      index,
      time: event.time,
      type,
      actors,
      organisations: distinct([
        ...ORGANISATIONS.flatMap((name) => texts(said(name))),
        ...actors.flatMap((actor) => this.#organisations.at(actor, index)?.value ?? []),
      ]),
      ...terms,
      jobs,
      ...(typeof round === 'number' && { round }),
      ...(typeof attempt === 'number' && { attempt }),
      outcome: outcomeOf(type, data),
      policies: policiesOf(data),
      text: distinct([
        ...TEXT.flatMap((name) => texts(said(name))),
        ...(typeof data.codes === 'object' && data.codes ? Object.keys(data.codes) : []),
      ]).join('\n'),
    };
  }

  /**
   * Indices of entries before this one that its facts follow from, in order.
   * @param most of those that explain its actors @param organisation whose nodes come first among them
   */
  contextOf(
    { index, actors, jobs, agreements }: EntryFacts,
    { most, organisation }: { readonly most: number; readonly organisation?: string | undefined },
  ): readonly number[] {
    const members = actors.flatMap((actor) => this.#organisations.at(actor, index) ?? []);
    const asked = members.filter(({ value }) => value === organisation);
    const terms = [
      ...jobs.map((job) => this.#jobs.at(job, index)),
      ...agreements.map((agreement) => this.#agreements.at(agreement, index)),
    ];
    const places = [...[...asked, ...members].slice(0, most), ...terms].flatMap((known) =>
      known && known.place < index ? [known.place] : [],
    );
    return [...new Set(places)].sort((a, b) => a - b);
  }

  #learn(index: number, type: AuditType, data: Record<string, unknown>): void {
    switch (type) {
      case 'member.enrolled':
      case 'member.requested': {
        const { nodeId, organisationId } = data as AuditData<'member.enrolled'>;
        this.#organisations.add(nodeId, index, organisationId);
        return;
      }
      case 'agreement.concluded': {
        const { agreementId } = data as AuditData<'agreement.concluded'>;
        this.#agreements.add(agreementId, index, ownTerms(data));
        return;
      }
      case 'job.created': {
        const { jobId } = data as AuditData<'job.created'>;
        const own = ownTerms(data);
        const agreed = own.agreements.flatMap((id) => this.#agreements.at(id, index)?.value ?? []);
        // The purpose of a job is its own: that of an agreement is what it may be.
        const dataSets = distinctSets([...own.dataSets, ...agreed.flatMap((terms) => terms.dataSets)]);
        this.#jobs.add(jobId, index, { ...own, dataSets });
        return;
      }
      default:
        return;
    }
  }

  #termsOf(index: number, data: Record<string, unknown>, jobs: readonly string[]): JobTerms {
    const own = ownTerms(data);
    const [first] = jobs;
    const job = first === undefined ? undefined : this.#jobs.at(first, index)?.value;
    if (!job) return own;
    if (own.purposes.length + own.dataSets.length + own.agreements.length === 0) return job;
    return {
      purposes: distinct([...own.purposes, ...job.purposes]),
      dataSets: distinctSets([...own.dataSets, ...job.dataSets]),
      agreements: distinct([...own.agreements, ...job.agreements]),
    };
  }
}

/** What was said of something, each time with the index of the entry that says so. */
class Histories<T> {
  readonly #said = new Map<string, { readonly place: number; readonly value: T }[]>();

  add(key: string, place: number, value: T): void {
    const said = this.#said.get(key) ?? [];
    if (said.some((one) => one.place === place)) return;
    this.#said.set(
      key,
      [...said, { place, value }].sort((a, b) => a.place - b.place),
    );
  }

  /** The last up to this entry, and this one. */
  at(key: string, index: number) {
    return this.#said.get(key)?.findLast(({ place }) => place <= index);
  }
}

function ownTerms(data: Record<string, unknown>): JobTerms {
  const { purpose, purposes, dataSet, dataSets, agreementId, agreements } = data;
  return {
    purposes: distinct([...texts(purpose), ...texts(purposes)]),
    dataSets: distinctSets([...sets(dataSet), ...sets(dataSets)]),
    agreements: distinct([...texts(agreementId), ...texts(agreements)]),
  };
}

/** As it stands there, or as it was handed over; undefined where it is hidden. */
function plainValue(data: Record<string, unknown>, name: string, opened: OpenedFields): unknown {
  const value = data[name];
  if (typeof value !== 'object' || value === null || !('salted' in value)) return value;
  const text = opened.get(`/data/${name}`);
  if (text === undefined) return undefined;
  try {
    return parseJson(Anything, text, 'salted value');
  } catch {
    return undefined;
  }
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function sets(value: unknown): NamedDataSet[] {
  if (Array.isArray(value)) return value.flatMap(sets);
  if (typeof value === 'string') return [{ name: value }];
  if (typeof value !== 'object' || value === null) return [];
  const { name, version } = value as Partial<NamedDataSet>;
  if (typeof name !== 'string') return [];
  return [{ name, ...(typeof version === 'string' && { version }) }];
}

/** Ids of a list, or of a record of how often. */
function policiesOf({ policies, policy, policyIds }: Record<string, unknown>): readonly string[] {
  const named = [policies, policyIds].flatMap((value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : texts(value),
  );
  // Elsewhere, a policy is a hash, of witnesses: that has decided nothing.
  return distinct([...named, ...texts(policy).filter((id) => !/^[0-9a-f]{64}$/.test(id))]);
}

function outcomeOf(type: AuditType, { decision, outcome }: Record<string, unknown>): Outcome {
  if (decision === 'deny' || decision === 'refused') return 'refused';
  const stated = OUTCOMES.find((one) => one === outcome);
  if (stated) return stated;
  return REFUSED.has(type) ? 'refused' : FAILED.has(type) ? 'failed' : 'success';
}

function attributedTo({ prov }: Record<string, unknown>): string[] {
  const agents = (prov as Provenance | undefined)?.attributedTo ?? [];
  return agents.flatMap((urn) => (urn.startsWith(NODE_URN) ? [urn.slice(NODE_URN.length)] : []));
}

function distinct(values: readonly string[]): readonly string[] {
  return values.length < 2 ? values : [...new Set(values)];
}

function distinctSets(values: readonly NamedDataSet[]): readonly NamedDataSet[] {
  if (values.length < 2) return values;
  return [...new Map(values.map((set) => [`${set.name}\n${set.version ?? ''}`, set])).values()];
}
