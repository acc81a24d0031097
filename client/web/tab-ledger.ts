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
import { TAB_STORAGE, type TabStore } from './tab-store.ts';
import { RECORD_VERSION, readRecord } from './versioned-record.ts';

const LINES = 'ledger/';
const KEY = 'ledgerKey';
/** Of the numbers in the names of records, so that their order is that of the lines. */
const DIGITS = 12;

export interface OpeningTabGuard {
  readonly store: TabStore;
  readonly clock: Clock;
  readonly dataSets: readonly DataSet[];
  readonly directory: () => Directory | undefined;
}

/**
 * The budgets as the person has set them now, and what was spent of them in this browser. Only one tab at a time: the one that
 * has the turn of the identity.
 * @throws `deltaTooLarge`, `neighbouringMismatch`, `ledgerCorrupt`; what the store throws
 */
export async function tabPrivacyGuard({
  store,
  clock,
  dataSets,
  directory,
}: OpeningTabGuard): Promise<PrivacyGuard> {
  if (dataSets.every(({ budget }) => budget === undefined)) return new PrivacyGuard({ directory });
  const key = await tabLedgerKey(store);
  const ledger = new PrivacyLedger({ store: tabLedgerStore(store), key, clock, onTorn: () => {} });
  await setBudgets(ledger, dataSets, directory(), () => {});
  return new PrivacyGuard({ ledger, directory });
}

/** Each writing is a record of its own, written in one durable step. */
export function tabLedgerStore(store: TabStore): LedgerStore {
  const nameOf = (number: number) => LINES + String(number).padStart(DIGITS, '0');
  const record = (value: string) => ({ version: RECORD_VERSION, value });
  const read = async () => {
    const parts: string[] = [];
    for (const name of await store.names(LINES)) {
      const value = (await readRecord(store, name))?.value;
      if (typeof value !== 'string')
        throw new HanseError('storageCorrupt', { path: TAB_STORAGE, reason: `${name} holds no lines` });
      parts.push(value);
    }
    return parts.join('');
  };
  return {
    name: TAB_STORAGE,
    read,
    async append(lines) {
      const last = (await store.names(LINES)).at(-1)?.slice(LINES.length) ?? '0';
      await store.write(nameOf(Number(last) + 1), record(lines));
    },
    async cut(bytes) {
      const names = await store.names(LINES);
      const whole = new TextEncoder().encode(await read()).subarray(0, bytes);
      const removed = Object.fromEntries(names.map((name) => [name, undefined]));
      await store.writeAll({ ...removed, [nameOf(1)]: record(new TextDecoder().decode(whole)) });
    },
  };
}

/** Made with the first line, and kept beside it. Where it is lost the lines are no longer this browser's (`ledgerCorrupt`). */
async function tabLedgerKey(store: TabStore): Promise<Secret> {
  const value = randomBytes(primitives.random, 32);
  if (await store.add(KEY, { version: RECORD_VERSION, value })) return new Secret(value);
  const known = (await readRecord(store, KEY))?.value;
  if (known instanceof Uint8Array && known.length === 32) return new Secret(known);
  throw new HanseError('storageCorrupt', { path: TAB_STORAGE, reason: `${KEY} is no key` });
}
