/**
 * M10, put together from what the coordinator knows of a secure round, and signed. SPEC.md 11.8.
 */
import { toHex } from '../protocol/bytes.ts';
import type { Signer } from '../protocol/primitives.ts';
import { encodeSet } from '../protocol/secagg/members.ts';
import { signRecord } from '../protocol/secagg/record.ts';
import type { SecureJob } from '../protocol/secagg/secure-phases.ts';
import type { Sha256 } from '../schemas/ids.ts';
import type { Certificate, SignedRecord } from '../schemas/secagg.ts';
import type { SecureAttemptView } from './secure-attempt-view.ts';

/** What came of the round. */
export interface RoundResult {
  readonly revealed: readonly Uint8Array[];
  /** Of the opened sum, as it is stored. */
  readonly sum: Sha256;
  readonly nextModel: Sha256;
  readonly strategyState: Sha256 | null;
}

/** M8: consents in the order in which they came; where everybody is everybody's neighbour, as many as suffice. */
export function certificateOf({ secure }: SecureJob): Certificate {
  const { degree, threshold } = secure.signed.descriptor;
  const consents = [...secure.consents].map(([nodeId, signature]) => ({ nodeId, signature }));
  return { consents: degree === null ? consents.slice(0, threshold) : consents };
}

/** @param job in the phase `aggregating`, its secrets opened */
export async function recordOf(
  job: SecureJob,
  view: SecureAttemptView,
  { revealed, sum, nextModel, strategyState }: RoundResult,
  signer: Signer,
): Promise<SignedRecord> {
  const { signed } = job.secure;
  const { roster } = await view.signedRoster(job);
  const { bundles, bits } = await view.delivered(job); // in the order of the roster
  const survivors = await view.survivors(job);
  const updates = survivors.members.map((index) => {
    const { nodeId = '' } = roster.members[index] ?? {};
    const { sha256, signature } = job.accepted.get(nodeId) ?? {};
    if (sha256 === undefined || signature === undefined) throw new Error(`no signed update of ${nodeId}`);
    return { sha256, signature };
  });
  const count = roster.members.length;
  const chosen = [...bundles.values()].map((bundle) => toHex(encodeSet(bundle.chosen, count)));
  const record = {
    version: 1,
    descriptor: signed,
    roster,
    delivered: toHex(bits),
    survivors: toHex(survivors.bits),
    updates,
    root: toHex(survivors.root),
    certificate: certificateOf(job),
    ...(signed.descriptor.degree !== null && { chosen }),
    // With the masked updates they would open the sum without its noise.
    revealed: job.manifest.privacy?.centralNoise ? [] : revealed.map(toHex),
    sum,
    nextModel,
    strategyState,
  } as const;
  return signRecord(record, signer);
}
