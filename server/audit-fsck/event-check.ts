/**
 * Whether the log tells what the records of a coordinator do: each event up to the cursor once, in order, and nothing else. Both
 * are read once, side by side.
 */
import { isCanonicalJson } from '../../protocol/canonical.ts';
import { isProblem } from '../../protocol/problem.ts';
import { type AuditEvent, PRIVACY_STREAM, type Salted } from '../../schemas/audit-event.ts';
import { auditEventOf } from '../audit-entries.ts';
import { FEDERATION_STREAM } from '../federation.ts';
import { mayTellOfPrivacy, PrivacyFold } from '../privacy-entries.ts';
import type { PlacedSalt } from '../store/audit-rows.ts';
import type { Store, StoredEvent } from '../store/store.ts';
import type { Findings } from './findings.ts';
import { isSaltOf, type KeptValues } from './salt-check.ts';

const PAGE = 1000;

/** An entry that is to be there. */
interface Expected {
  readonly id: string;
  /** Grows from one to the next. */
  readonly place: number;
  /** Which it tells of. */
  readonly event: StoredEvent;
  /** Undefined where the event is none that is known. */
  readonly said: AuditEvent | undefined;
  /** Values of salted fields, by pointer. */
  readonly hidden: ReadonlyMap<string, unknown>;
}

/** How far a log says that it has come. */
export interface LogPosition {
  /** Position up to which all events are in the log. */
  readonly cursor: number;
  /** The first position whose jobs have entries of their privacy; infinite where none have. */
  readonly privacyFrom: number;
}

export class EventCheck {
  readonly #store: Pick<Store, 'read' | 'readAll'>;
  readonly #cursor: number;
  readonly #coordinatorKey: string;
  readonly #findings: Findings;
  readonly #privacy: PrivacyFold;
  #page: StoredEvent[] = [];
  #at = 0;
  #after = 0;
  #expected: Expected | undefined;
  /** For which the entries were taken that could not be read, since the last one that could be. */
  #taken: Expected[] = [];
  /** To be expected before what the records have next. */
  #again: Expected[] = [];

  private constructor(
    store: Pick<Store, 'read' | 'readAll'>,
    { cursor, privacyFrom }: LogPosition,
    coordinatorKey: string,
    findings: Findings,
  ) {
    this.#store = store;
    this.#cursor = cursor;
    this.#coordinatorKey = coordinatorKey;
    this.#findings = findings;
    this.#privacy = new PrivacyFold(coordinatorKey, privacyFrom);
  }

  static async open(
    store: Pick<Store, 'read' | 'readAll'>,
    position: LogPosition,
    findings: Findings,
  ): Promise<EventCheck> {
    const [founded] = await store.read(FEDERATION_STREAM, 0, 1);
    const { coordinatorKey = '' } = (founded?.data ?? {}) as { coordinatorKey?: string };
    const check = new EventCheck(store, position, coordinatorKey, findings);
    const { cursor } = position;
    if (cursor > 0) {
      const [last] = await store.readAll(cursor - 1, 1);
      if (last?.position !== cursor) findings.add('cursorAhead', { position: cursor });
    }
    await check.#advance();
    return check;
  }

  /**
   * Whether the next entry is, to the character, the one of the event that should be there, and what is kept beside it opens its
   * field. Where it is, all has been said of it, and the next one is expected. Else `check` finds out what is the matter.
   */
  goesOn(entry: string, kept: readonly PlacedSalt[]): boolean | Promise<boolean> {
    const expected = this.#expected;
    if (!expected || !isEntryOf(expected, entry, kept)) return false;
    if (this.#taken.length > 0) this.#taken = [];
    return this.#advanceInPage() || this.#advance().then(() => true);
  }

  /** The next entry of the log; one that cannot be read has been told, and is taken for the event that should be there. */
  async check(index: number, entry: AuditEvent | undefined, kept: KeptValues): Promise<void> {
    if (entry) this.#takeBack(entry.id);
    if (entry && this.#expected && this.#expected.id !== entry.id && !(await this.#found(index, entry.id)))
      return;
    const expected = this.#expected;
    if (!expected) {
      if (entry) await this.#found(index, entry.id);
      return;
    }
    if (!entry) this.#taken.push(expected);
    await this.#advance();
    if (entry && !isTold(expected, entry, kept))
      this.#findings.add('eventChanged', { index, position: expected.event.position });
  }

  /** An entry that could not be read was a note, and not the event that it was taken for, if that one comes after it. */
  #takeBack(id: string): void {
    const at = this.#taken.findIndex((taken) => taken.id === id);
    if (at >= 0) {
      this.#again.unshift(...this.#taken.slice(at + 1), ...(this.#expected ? [this.#expected] : []));
      this.#expected = this.#taken[at];
    }
    this.#taken = [];
  }

  /** No entry comes any more. */
  async end(): Promise<void> {
    while (this.#expected) await this.#miss(this.#expected);
  }

  /** Finds the event that an unexpected entry tells of, and goes on to it. False where it is not one of those to come. */
  async #found(index: number, id: string): Promise<boolean> {
    const isDerived = id.startsWith(PRIVACY_STREAM);
    const event = await this.#eventOf(isDerived ? id.replace(PRIVACY_STREAM, JOB_STREAM) : id);
    const isTold = event && (isDerived ? mayTellOfPrivacy(event) : this.#saidBy(event));
    if (!isTold) return this.#foundNone(index, id);
    const { position } = event;
    const place = placeOf(position, isDerived);
    if (position > this.#cursor) this.#findings.add('entryAhead', { index, position });
    else if (!this.#expected || place < this.#expected.place) {
      if (isDerived && !this.#privacy.eventOf(event)) return this.#foundNone(index, id);
      this.#findings.add('entryRepeated', { index, position });
    } else {
      while (this.#expected && this.#expected.place < place) await this.#miss(this.#expected);
      return this.#expected?.id === id || this.#foundNone(index, id);
    }
    return false;
  }

  #foundNone(index: number, id: string): false {
    this.#findings.add('eventMissing', { index, detail: id });
    return false;
  }

  /** @param id of the entry of an event as it is; not trusted */
  async #eventOf(id: string): Promise<StoredEvent | undefined> {
    const cut = id.lastIndexOf('/');
    const sequence = Number(id.slice(cut + 1));
    if (cut < 1 || !Number.isSafeInteger(sequence) || sequence < 1) return undefined;
    try {
      const [event] = await this.#store.read(id.slice(0, cut), sequence - 1, 1);
      return event?.sequence === sequence && idOf(event) === id ? event : undefined;
    } catch (error) {
      if (!isProblem(error, 'invalidFormat')) throw error;
      return undefined; // no stream has such a name
    }
  }

  async #miss({ event, id }: Expected): Promise<void> {
    this.#findings.add('eventUnlogged', { position: event.position, detail: id });
    await this.#advance();
  }

  /** To the next event that has an entry. */
  async #advance(): Promise<void> {
    while (!this.#advanceInPage()) {
      this.#page = await this.#store.readAll(this.#after, PAGE);
      this.#at = 0;
      if (this.#page.length > 0) continue;
      this.#expected = undefined;
      return;
    }
  }

  /** False where the page that was read has no such event any more. A promise for each event would take as long as a hash. */
  #advanceInPage(): boolean {
    if (this.#again.length > 0) {
      this.#expected = this.#again.shift();
      return true;
    }
    while (this.#at < this.#page.length) {
      const event = this.#page[this.#at] as StoredEvent;
      const isBehind = event.position > this.#cursor;
      this.#expected = isBehind ? undefined : this.#saidBy(event);
      if (isBehind) return true;
      this.#at += 1;
      this.#after = event.position;
      this.#expectPrivacy(event);
      if (this.#expected) return true;
    }
    return false;
  }

  /** Behind the entry of the event as it is. */
  #expectPrivacy(event: StoredEvent): void {
    const said = mayTellOfPrivacy(event) ? this.#privacy.eventOf(event) : undefined;
    if (said)
      this.#again.push({
        id: said.id,
        place: placeOf(event.position, true),
        event,
        said,
        hidden: NOTHING_HIDDEN,
      });
  }

  #saidBy(event: StoredEvent): Expected | undefined {
    const hidden = new Map<string, unknown>();
    const place = placeOf(event.position, false);
    const origin = { coordinatorKey: this.#coordinatorKey, federationStream: FEDERATION_STREAM };
    try {
      const said = auditEventOf(event, origin, (pointer, value) => {
        hidden.set(pointer, value);
        return HIDDEN;
      });
      return said && { id: said.id, place, event, said, hidden };
    } catch (error) {
      if (!isProblem(error, 'invalidFormat')) throw error;
      return { id: idOf(event), place, event, said: undefined, hidden };
    }
  }
}

/** In the place of a salted field: what stands there follows from a salt that is not known here. */
const HIDDEN: Salted = { salted: '0'.repeat(64) };

const NOTHING_HIDDEN: Expected['hidden'] = new Map();

const JOB_STREAM = 'job/';

/** In the order of the log. @param isDerived that the entry is one behind that of the event as it is */
function placeOf(position: number, isDerived: boolean): number {
  return 2 * position + Number(isDerived);
}

const SALTED = '"salted":"';
const HASH = /^[0-9a-f]{64}$/;

/** False also where it would be laborious to say, as where what clients have sent is not in the order of the canonical form. */
function isEntryOf({ said, hidden }: Expected, entry: string, kept: readonly PlacedSalt[]): boolean {
  // Halves of characters, which JSON.stringify escapes, have no canonical form.
  if (!said || hidden.size > 1 || entry.includes('\\ud')) return false;
  const wanted = JSON.stringify(said);
  if (hidden.size === 0) return entry === wanted && kept.length === 0;
  // What was hashed is known, and the salt is not: its hash is taken from the entry.
  const from = wanted.indexOf(SALTED) + SALTED.length;
  const to = from + HIDDEN.salted.length;
  const hash = entry.slice(from, to);
  if (entry.length !== wanted.length || !entry.startsWith(wanted.slice(0, from))) return false;
  if (!entry.endsWith(wanted.slice(to)) || (kept.length === 0 && !HASH.test(hash))) return false;
  return kept.every(
    ({ pointer, salt, value }) =>
      hidden.has(pointer) && isCanonicalJson(value, hidden.get(pointer)) && isSaltOf(hash, { salt, value }),
  );
}

function idOf({ stream, sequence }: StoredEvent): string {
  return `${stream}/${sequence}`;
}

function isTold({ said, hidden }: Expected, entry: AuditEvent, kept: KeptValues): boolean {
  if (!said || !isSame(said, entry)) return false;
  for (const [pointer, value] of hidden) {
    const known = kept.get(pointer);
    if (known !== undefined && !isCanonicalJson(known, value)) return false;
  }
  return true;
}

/** Of JSON values, members that are undefined not being there. */
function isSame(said: unknown, got: unknown): boolean {
  if (said === HIDDEN) return typeof got === 'object' && got !== null && 'salted' in got;
  if (typeof said !== 'object' || said === null || typeof got !== 'object' || got === null)
    return said === got;
  if (Array.isArray(said)) {
    if (!Array.isArray(got) || said.length !== got.length) return false;
    return said.every((value, at) => isSame(value, got[at]));
  }
  let count = 0;
  for (const [key, value] of Object.entries(said)) {
    if (value === undefined) continue;
    count += 1;
    if (!Object.hasOwn(got, key) || !isSame(value, (got as Record<string, unknown>)[key])) return false;
  }
  return count === Object.keys(got).length;
}
