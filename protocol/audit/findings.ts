/**
 * What is found wrong in a log, so that one fault does not hide the others: as many as anybody reads.
 */
import type { AuditFinding } from '../../schemas/audit-report.ts';
import { type HanseError, isProblem } from '../problem.ts';

/** Beyond these, a log is as wrong as it can be. */
const FINDINGS_MAX = 100;

export class Findings {
  readonly all: AuditFinding[] = [];

  /** Whether no more are taken. */
  get isFull(): boolean {
    return this.all.length >= FINDINGS_MAX;
  }

  /** @param problem is thrown again if it is none of ours @param leaf index of the entry where it is */
  add(problem: unknown, leaf?: number): void {
    if (!isProblem(problem)) throw problem;
    if (!this.isFull) this.all.push(findingOf(problem, leaf));
  }

  /** Those of others after these. */
  take({ all }: Findings): void {
    for (const finding of all) if (!this.isFull) this.all.push(finding);
  }

  /** Takes down what the work throws. @returns undefined if it has thrown */
  async within<Result>(work: () => Promise<Result>, leaf?: number): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.add(error, leaf);
      return undefined;
    }
  }
}

function findingOf(problem: HanseError, leaf: number | undefined): AuditFinding {
  return { code: problem.code, ...(leaf !== undefined && { leaf }), message: problem.message };
}
