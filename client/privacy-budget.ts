/**
 * What a question about private data needs of a ledger: nothing is read before its cost is set aside, and nothing is given
 * back once noise is drawn.
 */
import type { DpEvent, Neighbouring } from '../schemas/dp-event.ts';
import type { BudgetUnit } from '../schemas/privacy-ledger.ts';

/** What is to be set aside, and for what. */
export interface BudgetClaim {
  readonly event: DpEvent;
  readonly neighbouring: Neighbouring;
  readonly unit: BudgetUnit;
  /** As the ledger calls it. */
  readonly dataSet: string;
  /** In words: what is asked. */
  readonly name: string;
  readonly purpose: string;
}

export interface PrivacyBudget {
  /** Once it resolves, the cost is set aside, whatever happens to this process. Throws where the budget does not have it. */
  reserve(claim: BudgetClaim): Promise<BudgetUse>;
}

export interface BudgetUse {
  /** Called before any noise is drawn. Once it resolves the cost is spent, for good. */
  draw(): Promise<void>;
  /** The question has its answer, or has none: what was set aside and not spent is free again. */
  settle(): Promise<void>;
}
