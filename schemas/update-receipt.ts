/**
 * What whoever sends an update keeps of it: by this the log can be asked whether it was taken down. SPEC.md 13.8.
 */
import { type Static, Type } from 'typebox';
import { Attempt, JobId, Round, Sha256 } from './ids.ts';

/** Others may write more beside it. */
export const UpdateReceipt = Type.Object({
  jobId: JobId,
  round: Round,
  attempt: Attempt,
  sha256: Sha256,
  bytes: Type.Integer({ minimum: 0 }),
});
export type UpdateReceipt = Static<typeof UpdateReceipt>;
