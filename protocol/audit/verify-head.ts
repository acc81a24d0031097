/**
 * Whether a checkpoint is one that a log has signed and enough witnesses have seen. C2SP tlog-checkpoint, tlog-cosignature,
 * tlog-policy. As `readWitnessed`, but it tells all that is wrong, and how many have seen it.
 */
import { equalBytes } from '../bytes.ts';
import { HanseError } from '../problem.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { cosignedAt } from './cosignature.ts';
import type { Findings } from './findings.ts';
import { signaturesOf } from './signed-note.ts';
import type { VerifierKey } from './verifier-key.ts';
import { isQuorum, leastQuorum, type WitnessPolicy } from './witness-policy.ts';

/** What a verifier holds against a log. */
export interface Trust {
  /** Of the log. */
  readonly key: VerifierKey;
  readonly policy: WitnessPolicy;
}

export interface VerifiedHead {
  readonly checkpoint: Checkpoint;
  readonly witnesses: { readonly cosigned: number; readonly needed: number; readonly total: number };
  /** Of the witnesses that have cosigned, as the policy has them. */
  readonly cosigners: ReadonlySet<string>;
}

/** That nobody has to have seen a checkpoint. */
export const NO_WITNESSES: WitnessPolicy = { logs: [], witnesses: [], groups: [], quorum: 'none' };

/**
 * Takes down `noteUnsigned` for a wrong line of a witness, `quorumMissing`, and `originUnknown` where the policy is of other logs.
 * @param note attacker-controlled
 * @throws noteMalformed, checkpointMalformed, originUnknown, noteUnsigned: it is then not one of the log
 */
export async function verifyHead(
  note: string,
  { key, policy }: Trust,
  findings: Findings,
): Promise<VerifiedHead> {
  const checkpoint = await readCheckpoint(note, key);
  const { origin, size } = checkpoint;
  const isOfPolicy = ({ key: other }: WitnessPolicy['logs'][number]) =>
    other.name === key.name && equalBytes(other.publicKey, key.publicKey);
  if (policy.logs.length > 0 && !policy.logs.some(isOfPolicy))
    findings.add(new HanseError('originUnknown', { expected: 'a log of the policy', got: origin }));
  const cosigned = new Set<string>();
  for (const { name, key: witness } of policy.witnesses) {
    if (signaturesOf(checkpoint.note, witness).length === 0) continue;
    if ((await cosignedAt(checkpoint.note, witness)) !== undefined) cosigned.add(name);
    else findings.add(new HanseError('noteUnsigned', { keys: witness.name }));
  }
  const total = policy.witnesses.length;
  if (!isQuorum(policy, cosigned))
    findings.add(new HanseError('quorumMissing', { size, cosigned: cosigned.size, witnesses: total }));
  const witnesses = { cosigned: cosigned.size, needed: leastQuorum(policy), total };
  return { checkpoint, witnesses, cosigners: cosigned };
}
