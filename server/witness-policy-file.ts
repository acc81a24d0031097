/**
 * A policy of witnesses that the operator of a coordinator has pinned: C2SP tlog-policy, a file of lines. SPEC.md 13.13.
 */
import { readFile } from 'node:fs/promises';
import type { VerifierKey } from '../protocol/audit/verifier-key.ts';
import { majorityPolicy, parseWitnessPolicy, type WitnessPolicy } from '../protocol/audit/witness-policy.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';

/** In the place of a file: nobody has to have seen anything. */
const NOBODY = 'none';

/**
 * @param file or `none`
 * @param log of the coordinator: the policy is about it
 * @throws dataFileMissing; witnessPolicyInvalid, also for one of other logs; verifierKeyInvalid
 */
export async function readWitnessPolicy(file: string, log: VerifierKey): Promise<WitnessPolicy> {
  if (file === NOBODY) return majorityPolicy(log, []);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new HanseError('dataFileMissing', { file }, { cause: error });
  }
  const policy = await parseWitnessPolicy(text);
  const isOwn = policy.logs.some(
    ({ key }) => key.name === log.name && equalBytes(key.publicKey, log.publicKey),
  );
  if (!isOwn)
    throw new HanseError('witnessPolicyInvalid', {
      line: 1,
      reason: 'it is not about the log of this coordinator',
    });
  return policy;
}
