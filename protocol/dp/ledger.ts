/**
 * A data owner's privacy ledger: budgets, reservations and what was drawn, as a fold over records.
 *
 * A record is admitted or refused with a problem; what was refused leaves no trace. No draw is admitted that brings what
 * is spent beyond the budget, and no reservation that brings what is spent and reserved beyond it. Drawing is never taken
 * back; what was reserved and not drawn is free again when its job is settled. The costs are those of `rdp-filter.ts`, so
 * that jobs may be chosen in the light of all that was released before. Pure but for its memory.
 */
import type { DpEvent, Neighbouring } from '../../schemas/dp-event.ts';
import type {
  BudgetRecord,
  BudgetUnit,
  DrawRecord,
  LedgerRecord,
  ReserveRecord,
} from '../../schemas/privacy-ledger.ts';
import { canonicalJson } from '../canonical.ts';
import { HanseError } from '../problem.ts';
import { parseDpEvent } from './parse-event.ts';
import type { RdpCurve } from './rdp-curve.ts';
import {
  addCurves,
  emptyCurve,
  filterCurve,
  filterEpsilon,
  microEpsilon,
  type OrderWeights,
  orderWeights,
} from './rdp-filter.ts';

interface Account {
  readonly budget: BudgetRecord;
  /** Fixed by the first budget. */
  readonly weights: OrderWeights;
  readonly spent: RdpCurve;
}

interface Use {
  readonly reservation: ReserveRecord;
  readonly curve: RdpCurve;
  readonly draws: Set<string>;
  lastAt: string;
  isSettled: boolean;
}

/** Of one data set. Epsilons are whole numbers of millionths, rounded up; Infinity where there is no bound. */
export interface Balance {
  readonly dataSet: string;
  readonly unit: BudgetUnit;
  readonly neighbouring: Neighbouring;
  readonly delta: number;
  readonly units: number;
  readonly budget: number;
  readonly spent: number;
  /** Spent, and what is kept for jobs that go on. */
  readonly spentAndReserved: number;
}

/** Of one job or question. */
export interface UseOfData
  extends Pick<
    ReserveRecord,
    | 'useId'
    | 'manifestSha256'
    | 'name'
    | 'purpose'
    | 'author'
    | 'dataSet'
    | 'rounds'
    | 'unit'
    | 'neighbouring'
  > {
  readonly event: DpEvent;
  readonly draws: number;
  /** What they would cost if nothing else had ever been drawn: the costs of several uses do not add up. */
  readonly alone: number;
  readonly isSettled: boolean;
  readonly reservedAt: string;
  readonly lastAt: string;
}

export class Ledger {
  readonly #accounts = new Map<string, Account>();
  readonly #uses = new Map<string, Use>();
  readonly #curves = new Map<string, RdpCurve>();

  /**
   * Admits a record and takes it in.
   * @returns false for what is known already, such as a draw that is repeated: it is not to be written again
   * @throws `budgetMissing`, `budgetExceeded`, `budgetInvalid`, `deltaTooLarge`, `neighbouringMismatch`,
   *   `reservationMissing`, `messageConflict`, `eventUnsupported`, `invalidFormat`
   */
  add(record: LedgerRecord): boolean {
    const isNews = this.judge(record);
    if (isNews) this.replay(record);
    return isNews;
  }

  /** What `add` would answer, or throw. Nothing changes. */
  judge(record: LedgerRecord): boolean {
    switch (record.type) {
      case 'budget':
        return this.#checkBudget(record);
      case 'reserve':
        return this.#checkReservation(record);
      case 'draw':
        return this.#checkDraw(record);
      case 'settle':
        return !this.#useOf(record.useId).isSettled;
      default:
        record satisfies never;
        throw new Error('unreachable');
    }
  }

  /**
   * Takes in a record that was admitted once. Whether it would be today is not asked: what was spent was spent.
   * @throws `budgetMissing`, `reservationMissing` for what cannot follow on the records before
   */
  replay(record: LedgerRecord): void {
    switch (record.type) {
      case 'budget': {
        const known = this.#accounts.get(record.dataSet);
        this.#accounts.set(record.dataSet, {
          budget: record,
          weights: known?.weights ?? orderWeights(record.microEpsilon / 1e6, record.delta),
          spent: known?.spent ?? emptyCurve(),
        });
        return;
      }
      case 'reserve':
        this.#accountOf(record.dataSet);
        this.#uses.set(record.useId, {
          reservation: record,
          curve: this.#curveOf(record),
          draws: new Set(),
          lastAt: record.at,
          isSettled: false,
        });
        return;
      case 'draw': {
        const use = this.#useOf(record.useId);
        const account = this.#accountOf(use.reservation.dataSet);
        use.draws.add(keyOf(record));
        use.lastAt = record.at;
        this.#accounts.set(use.reservation.dataSet, {
          ...account,
          spent: addCurves(account.spent, use.curve),
        });
        return;
      }
      case 'settle': {
        const use = this.#useOf(record.useId);
        use.isSettled = true;
        use.lastAt = record.at;
        return;
      }
      default:
        record satisfies never;
    }
  }

  balances(): Balance[] {
    return [...this.#accounts].map(([dataSet, account]) => ({
      dataSet,
      unit: account.budget.unit,
      neighbouring: account.budget.neighbouring,
      delta: account.budget.delta,
      units: account.budget.units,
      budget: account.budget.microEpsilon,
      spent: costOf(account, account.spent),
      spentAndReserved: costOf(account, this.#withReserved(dataSet, account)),
    }));
  }

  /** In the order in which they were reserved. */
  uses(): UseOfData[] {
    return [...this.#uses.values()].map(({ reservation, curve, draws, isSettled, lastAt }) => {
      const { type: _, at: reservedAt, event, ...rest } = reservation;
      const alone = addCurves(emptyCurve(), curve, draws.size);
      return {
        ...rest,
        event: event as DpEvent,
        draws: draws.size,
        alone: costOf(this.#accountOf(reservation.dataSet), alone),
        isSettled,
        reservedAt,
        lastAt,
      };
    });
  }

  /** How often each has drawn, those that have drawn last at the end. */
  draws(): { readonly useId: string; readonly draws: number }[] {
    return [...this.#uses]
      .map(([useId, { draws, lastAt }]) => ({ useId, draws: draws.size, lastAt }))
      .sort((a, b) => (a.lastAt < b.lastAt ? -1 : a.lastAt > b.lastAt ? 1 : 0))
      .map(({ useId, draws }) => ({ useId, draws }));
  }

  /** Jobs that were not settled. */
  unsettled(): string[] {
    return [...this.#uses].filter(([, { isSettled }]) => !isSettled).map(([useId]) => useId);
  }

  /** What a job was promised; undefined before it was. */
  reservationOf(useId: string): ReserveRecord | undefined {
    return this.#uses.get(useId)?.reservation;
  }

  hasDrawn(useId: string, round: number, attempt: number): boolean {
    return this.#uses.get(useId)?.draws.has(keyOf({ round, attempt })) ?? false;
  }

  budgetOf(dataSet: string): BudgetRecord | undefined {
    return this.#accounts.get(dataSet)?.budget;
  }

  #checkBudget(record: BudgetRecord): boolean {
    const { dataSet, microEpsilon: epsilon, delta, units } = record;
    if (!(epsilon > 0 && Number.isSafeInteger(epsilon) && delta > 0 && delta < 1))
      throw new HanseError('budgetInvalid', { dataSet, epsilon: epsilon / 1e6, delta });
    if (!(delta * units < 1)) throw new HanseError('deltaTooLarge', { dataSet, delta, units });
    const known = this.#accounts.get(dataSet)?.budget;
    if (!known) return true;
    requireSame(known, record);
    return known.microEpsilon !== epsilon || known.delta !== delta;
  }

  #checkReservation(record: ReserveRecord): boolean {
    const known = this.#uses.get(record.useId);
    if (known) {
      if (matterOf(known.reservation) !== matterOf(record))
        throw new HanseError('messageConflict', { what: `another promise under ${record.useId}` });
      return false;
    }
    const account = this.#accountOf(record.dataSet);
    requireSame(account.budget, record);
    const asked = addCurves(emptyCurve(), this.#curveOf(record), record.rounds);
    this.#requireFit(record.dataSet, account, asked);
    return true;
  }

  #checkDraw(record: DrawRecord): boolean {
    const use = this.#useOf(record.useId);
    if (use.draws.has(keyOf(record))) return false;
    const { dataSet } = use.reservation;
    const account = this.#accountOf(dataSet);
    if (openDraws(use) === 0) this.#requireFit(dataSet, account, use.curve);
    // It does, unless the owner has lowered the budget since.
    else if (costOf(account, addCurves(account.spent, use.curve)) > account.budget.microEpsilon)
      throw this.#exceeded(dataSet, account, use.curve);
    return true;
  }

  #requireFit(dataSet: string, account: Account, asked: RdpCurve): void {
    const together = addCurves(this.#withReserved(dataSet, account), asked);
    if (costOf(account, together) > account.budget.microEpsilon)
      throw this.#exceeded(dataSet, account, asked);
  }

  #exceeded(dataSet: string, account: Account, asked: RdpCurve): HanseError {
    const withReserved = this.#withReserved(dataSet, account);
    const epsilon = (curve: RdpCurve) => costOf(account, curve) / 1e6;
    return new HanseError('budgetExceeded', {
      dataSet,
      budget: account.budget.microEpsilon / 1e6,
      delta: account.budget.delta,
      spent: epsilon(account.spent),
      spentAndReserved: epsilon(withReserved),
      asked: epsilon(addCurves(emptyCurve(), asked)),
      together: epsilon(addCurves(withReserved, asked)),
    });
  }

  #withReserved(dataSet: string, { spent }: Account): RdpCurve {
    let sum = spent;
    for (const use of this.#uses.values())
      if (use.reservation.dataSet === dataSet) sum = addCurves(sum, use.curve, openDraws(use));
    return sum;
  }

  #curveOf({ event, neighbouring }: ReserveRecord): RdpCurve {
    const tree = parseDpEvent(event);
    const key = `${neighbouring} ${canonicalJson(tree)}`;
    const known = this.#curves.get(key);
    if (known) return known;
    const curve = filterCurve(tree, neighbouring);
    this.#curves.set(key, curve);
    return curve;
  }

  #accountOf(dataSet: string): Account {
    const account = this.#accounts.get(dataSet);
    if (!account) throw new HanseError('budgetMissing', { dataSet });
    return account;
  }

  #useOf(useId: string): Use {
    const use = this.#uses.get(useId);
    if (!use) throw new HanseError('reservationMissing', { useId });
    return use;
  }
}

/** Draws that are kept for a job. */
function openDraws({ reservation, draws, isSettled }: Use): number {
  return isSettled ? 0 : Math.max(0, reservation.rounds - draws.size);
}

function costOf({ weights, budget }: Account, curve: RdpCurve): number {
  return microEpsilon(filterEpsilon(curve, weights, budget.delta));
}

function keyOf({ round, attempt }: Pick<DrawRecord, 'round' | 'attempt'>): string {
  return `${round}/${attempt}`;
}

type Relation = Pick<BudgetRecord, 'unit' | 'neighbouring' | 'dataSet'>;

/** A promise about one unit or relation is none about another. */
function requireSame(budget: Relation, asked: Relation): void {
  const told = ({ unit, neighbouring }: Relation) => `${unit}, ${neighbouring}`;
  if (told(budget) !== told(asked))
    throw new HanseError('neighbouringMismatch', {
      dataSet: budget.dataSet,
      budget: told(budget),
      asked: told(asked),
    });
}

/** All that a promise is about, but for when it was made. */
function matterOf({ at: _, ...matter }: ReserveRecord): string {
  return canonicalJson(matter);
}
