/**
 * Answers what is asked of the audit log: pages of entries, each with its proof. SPEC.md 13.14.
 *
 * The index is a hint: what it finds is read from the log and held against the query again, so that a wrong index shows nothing that
 * was not asked for. It follows the log when somebody asks, in pieces between which others are served, and is never waited for by
 * what is appended. One page looks at a bounded number of entries, and has a bounded length; what is left is the next one's.
 */
import { createHash } from 'node:crypto';
import { parseCheckpoint } from '../protocol/audit/checkpoint.ts';
import { CONTEXT_TYPES, type EntryFacts, EntryFactsReader } from '../protocol/audit/entry-facts.ts';
import { compileQuery, isAskedFor, termsOf } from '../protocol/audit/query.ts';
import type { SaltedField } from '../protocol/audit/salted-field.ts';
import { inclusionProver } from '../protocol/audit/tile-tree.ts';
import { toBase64, toHex } from '../protocol/bytes.ts';
import { isProblem } from '../protocol/problem.ts';
import type { AuditEvent } from '../schemas/audit-event.ts';
import { type AuditPage, type AuditQuery, PAGE_ROWS, type ProvenEntry } from '../schemas/audit-query.ts';
import type { AuditLog } from './audit-log.ts';
import { AuditIndex } from './store/audit-index.ts';

/** Entries that are indexed between two turns of others. */
const PIECE = 512;
/** Of one page: entries that are looked at, blocks that are passed, and bytes of entries and opened values. */
const LOOKED_AT_MAX = 2000;
const BLOCKS_MAX = 4096;
const PAGE_BYTES_MAX = 4 << 20;
/** Entries of members that explain one row. */
const ACTORS_EXPLAINED = 32;

export type QueriedLog = Pick<AuditLog, 'size' | 'note' | 'entries' | 'saltedFieldsFrom' | 'tile'>;

type PlacedField = SaltedField & { readonly place: number };

interface Found {
  readonly row: ProvenEntry;
  readonly facts: EntryFacts;
}

export class AuditQueries {
  readonly #log: QueriedLog;
  readonly #index: AuditIndex;
  #reader = new EntryFactsReader();
  #working: Promise<void> | undefined;
  #isClosed = false;

  /** @param path of the index, which need not be there. @throws storageFull, storageFailed */
  constructor(log: QueriedLog, path: string) {
    this.#log = log;
    this.#index = new AuditIndex(path);
    this.#begin();
  }

  /** Entries that are in the index. */
  get indexed(): number {
    return this.#index.state.size;
  }

  /**
   * @param note checkpoint against which the proofs are made: of this log, the present one or an earlier one
   * @throws invalidFormat for a query that cannot be one; storageFull, storageFailed
   */
  async page(query: AuditQuery, note: string, signal?: AbortSignal): Promise<AuditPage> {
    try {
      return await this.#page(query, note, signal);
    } catch (error) {
      if (!isProblem(error, 'storageCorrupt') || error.detail.path !== this.#index.path) throw error;
      this.#clear();
      return await this.#page(query, note, signal);
    }
  }

  async #page(query: AuditQuery, note: string, signal?: AbortSignal): Promise<AuditPage> {
    const asked = compileQuery(query);
    const { size } = parseCheckpoint(note);
    await this.catchUp(signal);
    const isNewest = query.order !== 'oldest';
    const cursor = query.cursor === undefined ? undefined : Number(query.cursor);
    const from = isNewest ? Math.min(cursor ?? size, size) - 1 : cursor === undefined ? 0 : cursor + 1;
    const limit = query.limit === undefined ? PAGE_ROWS : Number(query.limit);
    const prove = inclusionProver((tile) => this.#log.tile(tile), size);
    const found: Found[] = [];
    let [lookedAt, blocks, bytes] = [0, 0, 0];
    let last = isNewest ? from + 1 : from - 1;
    const finish = (isLast: boolean) =>
      this.#pageOf(query, { note, found, prove }, isLast ? undefined : last);
    for (const { places, end } of this.#index.find({ ...asked, isNewest, from, size })) {
      for (const place of places) {
        if (found.length >= limit || lookedAt >= LOOKED_AT_MAX || bytes >= PAGE_BYTES_MAX)
          return finish(false);
        lookedAt += 1;
        last = place;
        const one = this.#entryAt(place);
        if (!one || !isAskedFor(asked, one.facts)) continue;
        found.push(one);
        bytes += one.row.entry.length + one.row.opened.reduce((sum, { value }) => sum + value.length, 0);
      }
      last = end;
      blocks += 1;
      if (blocks >= BLOCKS_MAX) return finish(false);
      if (blocks % 64 === 0) await turn(signal);
    }
    return finish(true);
  }

  /** Resolves once all that is in the log now is in the index. One that is damaged is made anew. */
  async catchUp(signal?: AbortSignal): Promise<void> {
    const upTo = this.#log.size;
    while (this.indexed < upTo && !this.#isClosed) {
      this.#working ??= this.#work(upTo).finally(() => {
        this.#working = undefined;
      });
      await this.#working;
      signal?.throwIfAborted();
    }
  }

  /** Values are about to be erased from the log: the index is made anew without them. @throws storageFailed */
  startAnew(): void {
    this.#index.erase();
    this.#reader = new EntryFactsReader();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#working?.catch(() => {});
    this.#index.close();
  }

  /** What later entries are read by; a new index where this one is not of this log. */
  #begin(): void {
    try {
      const { size, last } = this.#index.state;
      const [entry] = size > 0 ? this.#log.entries(size - 1, 1) : [];
      if (size > 0 && (!entry || markOf(entry) !== last)) this.#index.clear();
      this.#learn();
    } catch (error) {
      if (!isProblem(error, 'storageCorrupt')) throw error;
      this.#clear();
    }
  }

  #learn(): void {
    const { size } = this.#index.state;
    const everything = { since: -Infinity, until: Infinity, isNewest: false, from: 0, size };
    for (const type of CONTEXT_TYPES)
      for (const { places } of this.#index.find({ terms: [`type:${type}`], ...everything }))
        for (const place of places) this.#entryAt(place);
  }

  #clear(): void {
    this.#index.clear();
    this.#reader = new EntryFactsReader();
  }

  async #work(upTo: number): Promise<void> {
    try {
      for (let from = this.indexed; from < upTo && !this.#isClosed; from = this.indexed) {
        const entries = this.#log.entries(from, Math.min(PIECE, upTo - from));
        const salted = byPlace(this.#log.saltedFieldsFrom(from, entries.length));
        const indexed = entries.map((bytes, at) => {
          const facts = this.#factsOf(from + at, bytes, salted.get(from + at) ?? []);
          return { terms: termsOf(facts), time: Date.parse(facts.time) };
        });
        this.#index.add(from, indexed, markOf(entries.at(-1) ?? new Uint8Array()));
        await turn();
      }
    } catch (error) {
      if (!isProblem(error, 'storageCorrupt')) throw error;
      this.#clear();
    }
  }

  #factsOf(place: number, bytes: Uint8Array, fields: readonly SaltedField[]): EntryFacts {
    // Its own log, whose entries were checked when they were written: to check each again takes ten times as long.
    const event = JSON.parse(text(bytes)) as AuditEvent;
    return this.#reader.read(place, event, new Map(fields.map(({ pointer, value }) => [pointer, value])));
  }

  /** Without its proof. */
  #entryAt(place: number): Found | undefined {
    const [bytes] = this.#log.entries(place, 1);
    if (!bytes) return undefined;
    const fields: readonly PlacedField[] = this.#log.saltedFieldsFrom(place, 1);
    const opened = fields.map(({ pointer, salt, value }) => ({ pointer, salt: toHex(salt), value }));
    const row = { index: place, entry: text(bytes), proof: [], opened };
    return { row, facts: this.#factsOf(place, bytes, fields) };
  }

  async #pageOf(
    { organisation }: AuditQuery,
    {
      note,
      found,
      prove,
    }: { note: string; found: readonly Found[]; prove: ReturnType<typeof inclusionProver> },
    next: number | undefined,
  ): Promise<AuditPage> {
    const own = new Set(found.map(({ row }) => row.index));
    const places = new Set(
      found.flatMap(({ facts }) => this.#reader.contextOf(facts, { most: ACTORS_EXPLAINED, organisation })),
    );
    const context = [...places].filter((place) => !own.has(place)).sort((a, b) => a - b);
    const proven = async (row: ProvenEntry) => ({
      ...row,
      proof: (await prove(row.index)).map(toBase64),
    });
    return {
      checkpoint: note,
      rows: await Promise.all(found.map(({ row }) => proven(row))),
      context: await Promise.all(context.flatMap((place) => this.#entryAt(place)?.row ?? []).map(proven)),
      ...(next !== undefined && { next: String(next) }),
    };
  }
}

function byPlace(fields: readonly PlacedField[]): ReadonlyMap<number, readonly PlacedField[]> {
  const grouped = new Map<number, PlacedField[]>();
  for (const field of fields) {
    const known = grouped.get(field.place);
    if (known) known.push(field);
    else grouped.set(field.place, [field]);
  }
  return grouped;
}

/** Lets others have their turn. */
async function turn(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}

const UTF8 = new TextDecoder();
function text(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}

/** Tells an entry from any other. */
function markOf(entry: Uint8Array): string {
  return createHash('sha256').update(entry).digest('hex');
}
