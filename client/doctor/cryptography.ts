/**
 * Whether the cryptography of this machine is right, by its self-test, and how fast it makes masks. SPEC.md 11.13.
 */
import { PROBLEMS } from '../../protocol/problem.ts';
import { requireSound, type SelfTestReport } from '../../protocol/secagg/self-test.ts';
import { describeSelfTest } from '../describe-self-test.ts';
import { type Finding, failure } from './finding.ts';

const CHECK = 'cryptography';

/** Needed where a node would not take part; an implementation that has a substitute is only told. */
export function cryptography(report: SelfTestReport): Finding {
  const detail = describeSelfTest(report);
  try {
    requireSound(report);
  } catch (error) {
    return { ...failure(CHECK, error), detail };
  }
  const ok = report.keyStreams.every(({ isCorrect }) => isCorrect);
  return { check: CHECK, ok, needed: false, detail, remedy: PROBLEMS.primitiveUnsound.remedy };
}
