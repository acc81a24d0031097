// covers: schemas/privacy-ledger.ts
/** The ledger against a model that computes everything anew, and its refusals one by one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Ledger } from '../../../protocol/dp/ledger.ts';
import { rdpCurve } from '../../../protocol/dp/rdp-accountant.ts';
import { FILTER_ORDERS, filterEpsilon, orderWeights } from '../../../protocol/dp/rdp-filter.ts';
import { parse } from '../../../protocol/parse.ts';
import { isProblem } from '../../../protocol/problem.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';
import { type BudgetRecord, LedgerRecord, type ReserveRecord } from '../../../schemas/privacy-ledger.ts';
import { budgetFor, reservationOf, useIdOf } from '../../fixtures/ledger-records.ts';

const AT = '2026-01-01T00:00:00.000Z';
const normal = (noiseMultiplier: number): DpEvent => ({ type: 'gaussian', noiseMultiplier });

function budget(change: Partial<BudgetRecord> = {}): BudgetRecord {
  return { type: 'budget', at: AT, ...budgetFor(), ...change };
}

function reserve(n: number, change: Partial<ReserveRecord> = {}): ReserveRecord {
  return { type: 'reserve', at: AT, ...reservationOf(n, { event: normal(20) }), ...change };
}

const draw = (n: number, round: number, attempt = 1): LedgerRecord => ({
  type: 'draw',
  at: AT,
  useId: useIdOf(n),
  round,
  attempt,
});
const settle = (n: number): LedgerRecord => ({ type: 'settle', at: AT, useId: useIdOf(n) });

/** A ledger with these records. */
function ledgerOf(...records: LedgerRecord[]): Ledger {
  const ledger = new Ledger();
  for (const record of records) ledger.add(record);
  return ledger;
}

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!isProblem(error)) throw error;
    return error.code;
  }
};

/** Keeps the list of what was admitted, and works everything out from it each time. */
class Model {
  readonly admitted: LedgerRecord[] = [];

  answer(record: LedgerRecord): 'news' | 'known' | 'refused' {
    const answer = this.#judge(record);
    if (answer === 'news') this.admitted.push(record);
    return answer;
  }

  cost(dataSet: string, extra: readonly DpEvent[] = [], isReservedToo = false): number {
    const [first, last] = [this.#budgets(dataSet)[0], this.#budgets(dataSet).at(-1)];
    if (!first || !last) throw new Error('no budget');
    const events = [...extra];
    for (const made of this.#reservations().filter((one) => one.dataSet === dataSet)) {
      const drawn = this.#draws(made.useId).length;
      const open = this.#isSettled(made.useId) ? 0 : Math.max(0, made.rounds - drawn);
      const times = drawn + (isReservedToo ? open : 0);
      for (let i = 0; i < times; i += 1) events.push(made.event as DpEvent);
    }
    const curves = events.map((event) => rdpCurve(event, last.neighbouring, FILTER_ORDERS));
    const divergences = FILTER_ORDERS.map((_, at) =>
      curves.reduce((sum, curve) => sum + (curve.divergences[at] ?? Infinity), 0),
    );
    const delta = curves.reduce((sum, curve) => sum + curve.delta, 0);
    const weights = orderWeights(first.microEpsilon / 1e6, first.delta);
    return filterEpsilon({ orders: FILTER_ORDERS, divergences, delta }, weights, last.delta);
  }

  #judge(record: LedgerRecord): 'news' | 'known' | 'refused' {
    switch (record.type) {
      case 'budget': {
        const last = this.#budgets(record.dataSet).at(-1);
        if (record.delta * record.units >= 1) return 'refused';
        return last?.microEpsilon === record.microEpsilon && last.delta === record.delta ? 'known' : 'news';
      }
      case 'reserve': {
        const known = this.#reservations().find((one) => one.useId === record.useId);
        if (known) return JSON.stringify(known) === JSON.stringify(record) ? 'known' : 'refused';
        const allowed = this.#budgets(record.dataSet).at(-1);
        if (!allowed) return 'refused';
        const asked = Array.from({ length: record.rounds }, () => record.event as DpEvent);
        return this.#fits(this.cost(record.dataSet, asked, true), allowed) ? 'news' : 'refused';
      }
      case 'draw': {
        const made = this.#reservations().find((one) => one.useId === record.useId);
        if (!made) return 'refused';
        const drawn = this.#draws(record.useId);
        if (drawn.some((one) => one.round === record.round && one.attempt === record.attempt)) return 'known';
        const isKept = !this.#isSettled(record.useId) && drawn.length < made.rounds;
        const allowed = this.#budgets(made.dataSet).at(-1);
        const cost = this.cost(made.dataSet, [made.event as DpEvent], !isKept);
        return allowed && this.#fits(cost, allowed) ? 'news' : 'refused';
      }
      case 'settle':
        if (!this.#reservations().some((one) => one.useId === record.useId)) return 'refused';
        return this.#isSettled(record.useId) ? 'known' : 'news';
      default:
        record satisfies never;
        throw new Error('unreachable');
    }
  }

  #fits(epsilon: number, { microEpsilon }: BudgetRecord): boolean {
    return Math.ceil(epsilon * 1e6) <= microEpsilon;
  }

  #budgets(dataSet: string): BudgetRecord[] {
    return this.admitted.filter((one) => one.type === 'budget').filter((one) => one.dataSet === dataSet);
  }

  #reservations(): ReserveRecord[] {
    return this.admitted.filter((one) => one.type === 'reserve');
  }

  #draws(id: string) {
    return this.admitted.filter((one) => one.type === 'draw').filter((one) => one.useId === id);
  }

  #isSettled(id: string): boolean {
    return this.admitted.some((one) => one.type === 'settle' && one.useId === id);
  }
}

const dataSets = fc.constantFrom('patients', 'controls', 'unknown');
const uses = fc.integer({ min: 1, max: 5 });
const anyRecord: fc.Arbitrary<LedgerRecord> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .record({
        dataSet: fc.constantFrom('patients', 'controls'),
        microEpsilon: fc.constantFrom(500_000, 1_000_000, 3_000_000),
        delta: fc.constantFrom(1e-5, 1e-6, 1e-2),
      })
      .map(budget),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(uses, dataSets, fc.constantFrom(3, 10, 40), fc.constantFrom(1, 3, 20))
      .map(([n, dataSet, noise, rounds]) => reserve(n, { dataSet, event: normal(noise), rounds })),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(uses, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 }))
      .map(([n, round, attempt]) => draw(n, round, attempt)),
  },
  { weight: 1, arbitrary: uses.map(settle) },
);

test('whatever is asked, it answers as a model that computes everything anew, and keeps to the budget', () => {
  const seen = { news: 0, known: 0, refused: 0 };
  fc.assert(
    fc.property(fc.array(anyRecord, { minLength: 20, maxLength: 50 }), (records) => {
      const [ledger, model] = [new Ledger(), new Model()];
      const spentBefore = new Map<string, number>();
      for (const record of [budget(), ...records]) {
        const wanted = model.answer(parse(LedgerRecord, record, 'record'));
        seen[wanted] += 1;
        let got: typeof wanted = 'refused';
        codeOf(() => {
          got = ledger.add(record) ? 'news' : 'known';
        });
        expect(got).toBe(wanted);
        for (const { dataSet, budget: allowed, spent, spentAndReserved, delta } of ledger.balances()) {
          expect(spentAndReserved).toBeGreaterThanOrEqual(spent);
          const isLowered =
            model.admitted.filter((one) => one.type === 'budget' && one.dataSet === dataSet).length > 1;
          if (!isLowered) expect(spentAndReserved).toBeLessThanOrEqual(allowed);
          // Of one delta: by another the same events have another epsilon.
          const key = `${dataSet} ${delta}`;
          expect(spent).toBeGreaterThanOrEqual(spentBefore.get(key) ?? 0);
          spentBefore.set(key, spent);
        }
      }
      for (const { dataSet, spent, spentAndReserved } of ledger.balances()) {
        expect(Math.abs(spent - model.cost(dataSet) * 1e6)).toBeLessThan(1.001);
        expect(Math.abs(spentAndReserved - model.cost(dataSet, [], true) * 1e6)).toBeLessThan(1.001);
      }
      const again = new Ledger();
      for (const record of model.admitted) again.replay(record);
      expect(again.balances()).toEqual(ledger.balances());
      expect(again.uses()).toEqual(ledger.uses());
    }),
    { numRuns: 60 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(15);
});

describe('refused, and without a trace', () => {
  const begun = () => ledgerOf(budget(), reserve(1), draw(1, 1));

  test.each<[code: string, record: LedgerRecord]>([
    ['budgetInvalid', budget({ microEpsilon: 0 })],
    ['budgetInvalid', budget({ microEpsilon: -1 })],
    ['budgetInvalid', budget({ microEpsilon: Number.NaN })],
    ['budgetInvalid', budget({ delta: 0 })],
    ['budgetInvalid', budget({ delta: 1 })],
    ['deltaTooLarge', budget({ delta: 1e-3 })],
    ['neighbouringMismatch', budget({ unit: 'person' })],
    ['budgetMissing', reserve(2, { dataSet: 'controls' })],
    ['neighbouringMismatch', reserve(2, { neighbouring: 'replace-one' })],
    ['neighbouringMismatch', reserve(2, { unit: 'participant' })],
    [
      'eventUnsupported',
      reserve(2, { event: { type: 'treeAggregation', noiseMultiplier: 1, steps: 3 }, dataSet: 'zeroed' }),
    ],
    ['invalidFormat', reserve(2, { event: { type: 'gaussian', noiseMultiplier: 0 } })],
    ['budgetExceeded', reserve(2, { rounds: 1000 })],
    ['messageConflict', reserve(1, { rounds: 11 })],
    ['messageConflict', reserve(1, { event: normal(21) })],
    ['reservationMissing', draw(2, 1)],
    ['reservationMissing', settle(2)],
  ])('%s', (code, record) => {
    const ledger = begun();
    ledger.add(budget({ dataSet: 'zeroed', neighbouring: 'add-or-remove-one' }));
    const asked =
      code === 'eventUnsupported' ? { ...record, neighbouring: 'add-or-remove-one' as const } : record;
    const state = () => JSON.stringify([ledger.balances(), ledger.uses()]);
    const then = state();
    expect(codeOf(() => ledger.add(asked as LedgerRecord))).toBe(code);
    expect(state()).toBe(then);
    expect(ledger.add(draw(1, 2))).toBe(true);
    expect(state()).not.toBe(then);
  });

  test('with the figures', () => {
    const ledger = begun();
    expect(() => ledger.add(reserve(2, { rounds: 1000 }))).toThrow(
      expect.objectContaining({
        code: 'budgetExceeded',
        detail: expect.objectContaining({ dataSet: 'patients', budget: 2, delta: 1e-5 }),
      }),
    );
    const [balance] = ledger.balances();
    try {
      ledger.add(reserve(2, { rounds: 1000 }));
      expect.unreachable();
    } catch (error) {
      if (!isProblem(error, 'budgetExceeded')) throw error;
      const { spent, spentAndReserved, asked, together } = error.detail;
      expect(spent).toBe((balance?.spent ?? 0) / 1e6);
      expect(spentAndReserved).toBe((balance?.spentAndReserved ?? 0) / 1e6);
      expect(asked).toBeGreaterThan(2);
      expect(together).toBeGreaterThan(asked);
    }
  });
});

test('a settled job gives back what it did not draw, and nothing of what it did', () => {
  const ledger = ledgerOf(budget(), reserve(1), draw(1, 1), draw(1, 2));
  const [before] = ledger.balances();
  ledger.add(settle(1));
  const [after] = ledger.balances();
  expect(after?.spent).toBe(before?.spent);
  expect(after?.spentAndReserved).toBe(before?.spent);
  expect(before?.spentAndReserved).toBeGreaterThan(before?.spent ?? 0);
  expect(ledger.unsettled()).toEqual([]);
  expect(ledger.uses()).toMatchObject([{ useId: useIdOf(1), draws: 2, isSettled: true, rounds: 10 }]);
});

test('attempts beyond the reservation are drawn from the budget until that is spent', () => {
  const ledger = ledgerOf(budget({ microEpsilon: 500_000 }), reserve(1, { rounds: 2 }));
  let drawn = 0;
  let code: string | undefined;
  for (let attempt = 1; attempt <= 1000 && code === undefined; attempt += 1) {
    code = codeOf(() => ledger.add(draw(1, 1, attempt)));
    if (code === undefined) drawn += 1;
  }
  expect(code).toBe('budgetExceeded');
  expect(drawn).toBeGreaterThan(2);
  const [balance] = ledger.balances();
  expect(balance?.spent).toBeLessThanOrEqual(500_000);
  expect(ledger.add(draw(1, 1, 1))).toBe(false);
});

test('a budget that is lowered stops even what was reserved', () => {
  const ledger = ledgerOf(budget(), reserve(1, { event: normal(8) }), draw(1, 1));
  expect(codeOf(() => ledger.add(draw(1, 2)))).toBeUndefined();
  ledger.add(budget({ microEpsilon: 1_000_000 }));
  const codes = Array.from({ length: 8 }, (_, i) => codeOf(() => ledger.add(draw(1, i + 3))));
  expect(codes.at(-1)).toBe('budgetExceeded');
  ledger.add(budget({ microEpsilon: 2_000_000 }));
  expect(codeOf(() => ledger.add(draw(1, 3)))).toBeUndefined();
});

test('it tells what it holds', () => {
  const ledger = ledgerOf(budget(), reserve(1), draw(1, 1));
  expect(ledger.reservationOf(useIdOf(1))).toEqual(reserve(1));
  expect(ledger.reservationOf(useIdOf(2))).toBeUndefined();
  expect(ledger.hasDrawn(useIdOf(1), 1, 1)).toBe(true);
  expect(ledger.hasDrawn(useIdOf(1), 1, 2)).toBe(false);
  expect(ledger.budgetOf('patients')?.microEpsilon).toBe(2_000_000);
  expect(ledger.budgetOf('controls')).toBeUndefined();
  expect(ledger.unsettled()).toEqual([useIdOf(1)]);
});
