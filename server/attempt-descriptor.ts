/**
 * The signed descriptor of a secure attempt that begins now: what it is about, and by when each of its phases ends. SPEC.md 11.7.
 */
import { toHex } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { clipNormOf } from '../protocol/past-rounds.ts';
import type { Signer } from '../protocol/primitives.ts';
import { type RandomSource, randomBytes } from '../protocol/random.ts';
import type { JobState } from '../protocol/round-state.ts';
import { describeRound, signDescriptor } from '../protocol/secagg/descriptor.ts';
import type { SignedDescriptor } from '../schemas/secagg.ts';

export interface DescriptorSource {
  readonly clock: Clock;
  /** Of the nonce. */
  readonly random: RandomSource;
  /** The coordinator's own key. */
  readonly signer: Signer;
  readonly federationId: string;
}

/** Keys take as long as an update: a node compiles the graph before it agrees. */
export function describeAttempt(job: JobState, source: DescriptorSource): Promise<SignedDescriptor> {
  const { jobId, manifest, manifestSha256, round, attempt, model } = job;
  const clipNorm = clipNormOf(manifest, job.history, round);
  const { signer, federationId, random, clock } = source;
  const coordinatorKey = toHex(signer.publicKey);
  const names = { federationId, coordinatorKey, jobId, manifestSha256 };
  const { collectSeconds } = manifest.deadlines;
  const answerSeconds = manifest.secureAggregation?.answerSeconds ?? collectSeconds;
  const advertising = Math.max(answerSeconds, collectSeconds);
  const sharing = advertising + answerSeconds;
  const collecting = sharing + collectSeconds;
  const consenting = collecting + answerSeconds;
  const now = clock.now();
  const inSeconds = (seconds: number) => new Date(now + seconds * 1000).toISOString();
  const deadlines = {
    advertising: inSeconds(advertising),
    sharing: inSeconds(sharing),
    collecting: inSeconds(collecting),
    consenting: inSeconds(consenting),
    unmasking: inSeconds(consenting + answerSeconds),
  };
  const nonce = toHex(randomBytes(random, 32));
  return signDescriptor(
    describeRound({ ...names, manifest, round, attempt, model, clipNorm }, deadlines, nonce),
    signer,
  );
}
