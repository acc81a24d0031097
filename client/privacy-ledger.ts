/**
 * The privacy ledger of a node, over restarts: what it has written is durable before anything relies on it. Records that
 * come at the same moment are judged one after the other, and written together.
 */
import { primitives } from '#primitives';
import { utf8 } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { Ledger } from '../protocol/dp/ledger.ts';
import { EMPTY_HEAD, readLine, sealRecord } from '../protocol/dp/ledger-chain.ts';
import { parse } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import type { Secret } from '../protocol/secret.ts';
import {
  type BudgetRecord,
  type DrawRecord,
  type LedgerHead,
  LedgerRecord,
  type ReserveRecord,
  type SettleRecord,
} from '../schemas/privacy-ledger.ts';

/** Where the lines of a ledger are kept. */
export interface LedgerStore {
  /** For messages. */
  readonly name: string;
  /** Everything that is there; empty where nothing is. */
  read(): Promise<string>;
  /** Whole lines. Durable once the promise resolves; where it rejects, any part of them may be there. */
  append(lines: string): Promise<void>;
  /** Leaves the first so many bytes. They, and no more, are durable once the promise resolves. */
  cut(bytes: number): Promise<void>;
}

/** A record without the moment at which it is made. */
export type Making<Record extends LedgerRecord = LedgerRecord> = Record extends LedgerRecord
  ? Omit<Record, 'at'>
  : never;

export interface OpenedLedger {
  readonly ledger: Ledger;
  readonly head: LedgerHead;
  /** Bytes of a last line that was not written to its end; nobody had been told that it was. */
  readonly tornBytes: number;
  /** Of the whole lines. */
  readonly bytes: number;
}

/**
 * Reads a ledger and changes nothing.
 * @param key absent: whether the node itself has written it is not asked
 * @throws `ledgerCorrupt`; what the store throws
 */
export async function openLedger(
  { name, read }: Pick<LedgerStore, 'name' | 'read'>,
  key: Secret | undefined,
): Promise<OpenedLedger> {
  const lines = (await read()).split('\n');
  const torn = lines.pop() ?? '';
  const ledger = new Ledger();
  let head = EMPTY_HEAD;
  let bytes = 0;
  for (const text of lines) {
    const corrupt = (reason: string, cause?: unknown) =>
      new HanseError('ledgerCorrupt', { file: name, line: head.count + 1, reason }, { cause });
    const line = await readLine(text, head, key, primitives);
    if ('reason' in line) throw corrupt(line.reason);
    try {
      ledger.replay(line.record);
    } catch (error) {
      if (!(error instanceof HanseError)) throw error;
      throw corrupt(error.message, error);
    }
    head = line.head;
    bytes += utf8(text).length + 1;
  }
  return { ledger, head, tornBytes: utf8(torn).length, bytes };
}

export interface PrivacyLedgerOptions {
  readonly store: LedgerStore;
  /** 32 bytes, of this node alone. */
  readonly key: Secret;
  readonly clock: Pick<Clock, 'now'>;
  /** A last line that was half written was cut off: the process had been killed. */
  readonly onTorn?: (bytes: number) => void;
}

interface Ask {
  readonly record: Making;
  resolve(isNews: boolean): void;
  reject(error: unknown): void;
}

interface State {
  readonly ledger: Ledger;
  head: LedgerHead;
  bytes: number;
}

export class PrivacyLedger {
  readonly #options: PrivacyLedgerOptions;
  #state: Promise<State> | undefined;
  /** After a writing that failed: what was durable before. */
  #durableBytes: number | undefined;
  #asks: Ask[] = [];
  #isWorking = false;

  constructor(options: PrivacyLedgerOptions) {
    this.#options = options;
  }

  /** False where it is the budget that holds. Throws as `Ledger.add`, `openLedger` and the store. */
  setBudget(budget: Omit<BudgetRecord, 'at' | 'type'>): Promise<boolean> {
    return this.#add({ type: 'budget', ...budget });
  }

  /** Once a job, before any row is read for it. False where it is kept already. Throws as `setBudget`. */
  reserve(reservation: Omit<ReserveRecord, 'at' | 'type'>): Promise<boolean> {
    return this.#add({ type: 'reserve', ...reservation });
  }

  /** Before rows are read and noise is drawn for this attempt. False where it was drawn already. Throws as `setBudget`. */
  draw(draw: Omit<DrawRecord, 'at' | 'type'>): Promise<boolean> {
    return this.#add({ type: 'draw', ...draw });
  }

  /** False where it was settled already. Throws as `setBudget`. */
  settle(settled: Omit<SettleRecord, 'at' | 'type'>): Promise<boolean> {
    return this.#add({ type: 'settle', ...settled });
  }

  /** What it holds at this moment, for reading. Throws as `openLedger`. */
  async view(): Promise<Omit<Ledger, 'add' | 'replay'>> {
    return (await this.#opened()).ledger;
  }

  /** Of what is durable. Throws as `openLedger`. */
  async head(): Promise<LedgerHead> {
    return (await this.#opened()).head;
  }

  #add(record: Making): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#asks.push({ record, resolve, reject });
      if (!this.#isWorking) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (this.#asks.length > 0) await this.#write(this.#asks.splice(0));
    this.#isWorking = false;
  }

  /** None of those is answered before all of them are durable: a draw that is known may be one of them. */
  async #write(asks: readonly Ask[]): Promise<void> {
    const answers: (() => void)[] = [];
    let before: number | undefined;
    try {
      const state = await this.#opened();
      before = state.bytes;
      const at = new Date(this.#options.clock.now()).toISOString();
      let { head } = state;
      let lines = '';
      for (const { record, resolve, reject } of asks) {
        const dated = { ...record, at } as LedgerRecord;
        let isNews: boolean;
        try {
          isNews = state.ledger.judge(dated);
          // What would not be read again is not written.
          if (isNews) state.ledger.replay(parse(LedgerRecord, dated, 'record'));
        } catch (error) {
          answers.push(() => reject(error));
          continue;
        }
        answers.push(() => resolve(isNews));
        if (!isNews) continue;
        const sealed = await sealRecord(dated, head, this.#options.key, primitives);
        head = sealed.head;
        lines += `${JSON.stringify(sealed.line)}\n`;
      }
      if (lines !== '') await this.#options.store.append(lines);
      state.head = head;
      state.bytes += utf8(lines).length;
    } catch (error) {
      // What may be there by now is cut off, before anything more is promised: nobody was told of it.
      this.#durableBytes ??= before;
      this.#state = undefined;
      for (const { reject } of asks) reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  #opened(): Promise<State> {
    this.#state ??= this.#open().catch((error: unknown) => {
      this.#state = undefined;
      throw error;
    });
    return this.#state;
  }

  async #open(): Promise<State> {
    const { store, key, onTorn } = this.#options;
    if (this.#durableBytes !== undefined) await store.cut(this.#durableBytes);
    this.#durableBytes = undefined;
    const { ledger, head, tornBytes, bytes } = await openLedger(store, key);
    // Also what another process had written, and could not flush any more, is relied on from here on.
    if (tornBytes + bytes > 0) await store.cut(bytes);
    if (tornBytes > 0) onTorn?.(tornBytes);
    return { ledger, head, bytes };
  }
}
