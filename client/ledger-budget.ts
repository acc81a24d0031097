/**
 * The privacy ledger of a node as the budget of questions: each is a use of its own, of one round.
 */
import { toHex } from '../protocol/bytes.ts';
import { type RandomSource, randomBytes } from '../protocol/random.ts';
import type { DrawRecord, ReserveRecord, SettleRecord } from '../schemas/privacy-ledger.ts';
import type { PrivacyBudget } from './privacy-budget.ts';

/** What of a ledger is used. Each is durable once it resolves, and throws where it is not admitted. */
export interface QuestionLedger {
  reserve(record: Omit<ReserveRecord, 'at' | 'type'>): Promise<unknown>;
  draw(record: Omit<DrawRecord, 'at' | 'type'>): Promise<unknown>;
  settle(record: Omit<SettleRecord, 'at' | 'type'>): Promise<unknown>;
}

/** @param random for the names of the uses */
export function ledgerBudget(ledger: QuestionLedger, random: RandomSource): PrivacyBudget {
  return {
    async reserve({ event, neighbouring, unit, dataSet, name, purpose }) {
      const useId = `ask-${toHex(randomBytes(random, 8))}`;
      const asked = { useId, event, neighbouring, unit, dataSet, name, purpose };
      await ledger.reserve({ ...asked, manifestSha256: null, author: null, rounds: 1 });
      return {
        async draw() {
          await ledger.draw({ useId, round: 1, attempt: 1 });
        },
        async settle() {
          await ledger.settle({ useId });
        },
      };
    },
  };
}
