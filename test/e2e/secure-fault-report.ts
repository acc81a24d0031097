/**
 * The results of the table of secure rounds: `sim/fuzz/results/secure-fault-table.json` and `.md`.
 */
import { type FaultTable, writeTable } from './fault-report.ts';
import { SECURE_FAULTS, SECURE_PHASES, SECURE_ROWS, type SecureRowResult } from './secure-fault-table.ts';

const SECURE_TABLE: FaultTable<SecureRowResult> = {
  name: 'secure-fault-table',
  title: 'Faults and phases of secure rounds',
  promise: `real processes, two secure rounds of four participants of whom three
suffice. The fault befalls the first attempt between two messages: half of those of the phase have come. In every row every
acknowledged update was counted, nobody answered twice from one model, an attempt that was tried again had a new nonce, and
the released model is, to the bit, that of the same job with plain sums of the same updates.

\`=\`: the first attempt was released with all four. Otherwise who was in its sum, or the reason for which it was void. After
\`unmaskingFailed\` the job ends without a model, as it has to: two have opened their part, and take part in no other sum
from that model (SPEC.md 11.9). In all other rows both rounds were released, the second with all four. Where only the
coordinator has something to write, there is nothing to acknowledge.`,
  faults: SECURE_FAULTS,
  phases: SECURE_PHASES,
  isRow: (fault, phase) => SECURE_ROWS.some((row) => row[0] === fault && row[1] === phase),
  cellOf: ({ first }) => (first === 'abcd' ? '=' : first),
};

/** @param folder absent: among the results that are kept */
export function writeSecureReport(rows: readonly SecureRowResult[], folder?: string): void {
  writeTable(SECURE_TABLE, rows, folder);
}
