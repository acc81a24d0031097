/**
 * The privacy ledger of a tab: the lines that a node writes to a file beside its identity, in what the browser keeps. Whoever
 * deletes that deletes the identity with it, and is another node from then on.
 */
import { primitives } from '#primitives';
import type { Clock } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { randomBytes } from '../../protocol/random.ts';
import { Secret } from '../../protocol/secret.ts';
import type { Directory } from '../../schemas/directory.ts';
import type { DataSet } from '../data/data-set.ts';
import { PrivacyGuard } from '../privacy-guard.ts';
import { type LedgerStore, PrivacyLedger } from '../privacy-ledger.ts';
import { setBudgets } from '../set-budgets.ts';
import { isSealedSecret, openSecret, sealSecret } from './sealed-secret.ts';
import { TAB_STORAGE, type TabStore } from './tab-store.ts';
import { RECORD_VERSION, readRecord } from './versioned-record.ts';

const LINES = 'ledger/';
const KEY = 'ledgerKey';
const KEY_BYTES = 32;
/** Of the numbers in the names of records, so that their order is that of the lines. */
const DIGITS = 12;

export interface OpeningTabGuard {
  readonly store: TabStore;
  readonly clock: Clock;
  readonly dataSets: readonly DataSet[];
  readonly directory: () => Directory | undefined;
}

export interface TabGuard {
  readonly guard: PrivacyGuard;
  /** For reading; absent without a budget. */
  readonly view?: PrivacyLedger['view'];
}

/**
 * The budgets as the person has set them now, and what was spent of them in this browser. Of a data set that has had a
 * budget the unit stays: a job that protects another is declined, and no more than that job. Only one tab at a time: the
 * one that has the turn of the identity.
 * @throws `deltaTooLarge`, `ledgerCorrupt`; what the store throws
 */
export async function tabPrivacyGuard({
  store,
  clock,
  dataSets,
  directory,
}: OpeningTabGuard): Promise<TabGuard> {
  if (dataSets.every(({ budget }) => budget === undefined)) return { guard: new PrivacyGuard({ directory }) };
  const ledger = await openTabLedger(store, clock);
  const view = await ledger.view();
  const asBefore = dataSets.map((set) => {
    const unit = view.budgetOf(set.examples.name)?.unit;
    return set.budget && unit ? { ...set, budget: { ...set.budget, unit } } : set;
  });
  await setBudgets(ledger, asBefore, directory(), () => {});
  return { guard: new PrivacyGuard({ ledger, directory }), view: () => ledger.view() };
}

/** @throws `storageCorrupt`; what the store throws. What the lines throw comes with the first use of them. */
export async function openTabLedger(store: TabStore, clock: Pick<Clock, 'now'>): Promise<PrivacyLedger> {
  return new PrivacyLedger({ store: tabLedgerStore(store), key: await tabLedgerKey(store), clock });
}

/**
 * Each writing is a record of its own, written in one durable step, and never over another: where somebody else has written
 * meanwhile, nothing more is read or written here (`identityInUse`), so that no line of his is cut off.
 */
export function tabLedgerStore(store: TabStore): LedgerStore {
  const nameOf = (number: number) => LINES + String(number).padStart(DIGITS, '0');
  const record = (value: string) => ({ version: RECORD_VERSION, value });
  /** Of the last record, 0 without any; undefined before it was looked for. */
  let last: number | undefined;
  let isOvertaken = false;
  const requireAlone = () => {
    if (isOvertaken) throw new HanseError('identityInUse', { file: TAB_STORAGE });
  };
  const readAll = async () => {
    requireAlone();
    const names = await store.names(LINES);
    const parts: string[] = [];
    for (const name of names) {
      const value = (await readRecord(store, name))?.value;
      if (typeof value !== 'string')
        throw new HanseError('storageCorrupt', { path: TAB_STORAGE, reason: `${name} holds no lines` });
      parts.push(value);
    }
    last = Number(names.at(-1)?.slice(LINES.length) ?? 0);
    return { names, last, text: parts.join('') };
  };
  return {
    name: TAB_STORAGE,
    read: async () => (await readAll()).text,
    async append(lines) {
      requireAlone();
      const next = (last ?? (await readAll()).last) + 1;
      if (!(await store.add(nameOf(next), record(lines)))) {
        isOvertaken = true;
        requireAlone();
      }
      last = next;
    },
    async cut(bytes) {
      const all = await readAll();
      const whole = new TextDecoder().decode(new TextEncoder().encode(all.text).subarray(0, bytes));
      const removed = Object.fromEntries(all.names.map((name) => [name, undefined]));
      // The number stays that of the last one: whoever goes on from before finds his next one taken.
      last = Math.max(all.last, 1);
      await store.writeAll({ ...removed, [nameOf(last)]: record(whole) });
    },
  };
}

/** Made with the first line, and kept beside it. Where it is lost the lines are no longer this browser's (`ledgerCorrupt`). */
async function tabLedgerKey(store: TabStore): Promise<Secret> {
  const fresh = randomBytes(primitives.random, KEY_BYTES);
  if (await store.add(KEY, { version: RECORD_VERSION, ...(await sealSecret(fresh)) }))
    return new Secret(fresh);
  const unreadable = (reason: string, cause?: unknown) =>
    new HanseError('storageCorrupt', { path: TAB_STORAGE, reason: `${KEY} ${reason}` }, { cause });
  const known = await readRecord(store, KEY);
  if (!isSealedSecret(known, KEY_BYTES)) throw unreadable('is no key');
  try {
    return new Secret(await openSecret(known));
  } catch (cause) {
    throw unreadable('does not open', cause);
  }
}
