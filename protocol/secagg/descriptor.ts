/**
 * M0, the description of a secure round: all that is fixed before anybody has sent anything. SPEC.md 11.7.
 *
 * It follows from the manifest, the round and the model, but for moments and a nonce. A participant makes it once more
 * from what it knows and compares: nothing of it is believed, and nothing is negotiated.
 *
 *   rid = H("rid", JCS(descriptor)),  signature = Ed25519( "HSA1 descriptor" || 00 || JCS(descriptor) )
 */
import type { JobManifest } from '../../schemas/job.ts';
import type { RoundDescriptor, SignedDescriptor, SuiteId } from '../../schemas/secagg.ts';
import { hexBytes, toHex, utf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import { cohortMost } from '../cohort.ts';
import type { Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { labelled } from './derivation.ts';
import { COMPLETE_MAX, planNeighbourhood } from './neighbourhood.ts';
import { suiteOf } from './suite.ts';

/** Of an attempt, what both sides know without each other. */
export interface RoundTerms {
  readonly federationId: string;
  /** Hex. */
  readonly coordinatorKey: string;
  readonly jobId: string;
  readonly manifest: JobManifest;
  readonly manifestSha256: string;
  readonly round: number;
  readonly attempt: number;
  readonly model: string;
  /** C of the round, where clipping is adaptive: `clipNormOf`. */
  readonly clipNorm?: number | undefined;
}

/** What the owner of a participant permits. */
export interface DescriptorLimits {
  readonly suites: readonly SuiteId[];
  /** Cohorts in which not everybody is everybody's neighbour: in simulations only. */
  readonly allowsSparse: boolean;
}

/** What decides on who is needed. */
export type SecureTerms = Pick<JobManifest, 'cohort' | 'secureAggregation'>;

/** Participants in a round, at least: the sum of two tells each of them the update of the other. */
export const SECURE_LEAST = 3;

/** Share of a large cohort that may drop out: 11.2. */
const DROPOUT_SHARE = 0.1;

/** k and t of a cohort, before anybody knows who is in the roster. Throws `manifestInvalid` where no numbers do. */
export function sharingOf(manifest: SecureTerms): Pick<RoundDescriptor, 'degree' | 'threshold'> {
  const most = cohortMost(manifest.cohort);
  if (most <= COMPLETE_MAX) return { degree: null, threshold: thresholdOf(manifest.cohort) };
  const corruptShare = secureTerms(manifest).colluders / most;
  const plan = planNeighbourhood({ participants: most, corruptShare, dropoutShare: DROPOUT_SHARE });
  if (!plan) throw invalidManifest('cohort', `no neighbourhood is safe among ${most} with so many colluders`);
  return plan;
}

/** The most colluders that the threshold of a cohort of this size stands: t > (n + cMax) / 2; a tenth of a large one. */
export function mostColluders(cohort: JobManifest['cohort']): number {
  const most = cohortMost(cohort);
  if (most > COMPLETE_MAX) return Math.floor(most / 10);
  return Math.max(0, 2 * thresholdOf(cohort) - most - 1);
}

/** t where everybody is everybody's neighbour: a round with fewer updates is never opened, whatever its job says. */
export function thresholdOf(cohort: Pick<JobManifest['cohort'], 'size' | 'extra'>): number {
  return Math.floor((2 * cohortMost(cohort)) / 3) + 1;
}

/** Updates without which a secure round is not opened. */
export function survivorsMinimum(manifest: SecureTerms): number {
  return Math.max(manifest.cohort.minimum, sharingOf(manifest).threshold);
}

/** Nodes without which no cohort is drawn. */
export function cohortLeast(manifest: JobManifest): number {
  return manifest.aggregation === 'secure' ? survivorsMinimum(manifest) : manifest.cohort.minimum;
}

/** Throws `manifestInvalid` for a job whose rounds could not be secure, or never be opened. */
export function checkSecureTerms(manifest: SecureTerms): void {
  const { cohort } = manifest;
  const { colluders } = secureTerms(manifest);
  const most = cohortMost(cohort);
  if (most < SECURE_LEAST)
    throw invalidManifest(
      'cohort',
      `among fewer than ${SECURE_LEAST} a sum tells each the update of the other`,
    );
  const { degree, threshold } = sharingOf(manifest);
  if (degree === null && 2 * threshold <= most + colluders)
    throw invalidManifest('secureAggregation.colluders', `at most ${mostColluders(cohort)} among ${most}`);
  if (cohort.size < threshold)
    throw invalidManifest(
      'cohort.extra',
      `a round of ${cohort.size} updates never has the threshold of ${threshold}`,
    );
}

/** @param deadlines ascending @param nonce 32 bytes in hex, fresh */
export function describeRound(
  terms: RoundTerms,
  deadlines: RoundDescriptor['deadlines'],
  nonce: string,
): RoundDescriptor {
  const { manifest, ...names } = terms;
  const { suite, colluders } = secureTerms(manifest);
  const minimum = survivorsMinimum(manifest);
  return {
    version: 1,
    federationId: names.federationId,
    coordinatorKey: names.coordinatorKey,
    jobId: names.jobId,
    manifestSha256: names.manifestSha256,
    round: names.round,
    attempt: names.attempt,
    model: names.model,
    suite,
    parameters: manifest.parameters,
    width: manifest.codec.width,
    ...(terms.clipNorm !== undefined && { clipNorm: terms.clipNorm }),
    rosterMinimum: minimum,
    rosterMaximum: cohortMost(manifest.cohort),
    ...sharingOf(manifest),
    survivorsMinimum: minimum,
    colluders,
    deadlines,
    nonce,
  };
}

/** 32 bytes. */
export function roundId(
  primitives: Pick<Primitives, 'sha256'>,
  descriptor: RoundDescriptor,
): Promise<Uint8Array> {
  return primitives.sha256(labelled('rid', [utf8(canonicalJson(descriptor))]));
}

export async function signDescriptor(
  descriptor: RoundDescriptor,
  coordinator: Signer,
): Promise<SignedDescriptor> {
  return { descriptor, signature: toHex(await coordinator.sign(statement(descriptor))) };
}

/**
 * The id of the round.
 * @param signed attacker-controlled, of its schema
 * @throws `descriptorInvalid`, `suiteRefused`, `thresholdTooLow`
 */
export async function checkDescriptor(
  primitives: Pick<Primitives, 'sha256' | 'verify'>,
  { descriptor, signature }: SignedDescriptor,
  terms: RoundTerms,
  limits: DescriptorLimits,
): Promise<Uint8Array> {
  const key = hexBytes(terms.coordinatorKey);
  if (!(await primitives.verify(hexBytes(signature), statement(descriptor), key)))
    throw invalid('signature', 'that of the pinned coordinator', 'another');
  suiteOf(descriptor.suite, limits.suites);
  const expected = describeRound(terms, descriptor.deadlines, descriptor.nonce);
  if (descriptor.threshold < expected.threshold)
    throw new HanseError('thresholdTooLow', {
      threshold: descriptor.threshold,
      needed: expected.threshold,
    });
  const written = (value: RoundDescriptor[keyof RoundDescriptor]) => canonicalJson(value ?? null);
  for (const field of ['clipNorm', ...Object.keys(expected)] as (keyof RoundDescriptor)[])
    if (written(descriptor[field]) !== written(expected[field]))
      throw invalid(field, written(expected[field]), written(descriptor[field]));
  if (descriptor.degree !== null && !limits.allowsSparse)
    throw invalid('degree', `a cohort of at most ${COMPLETE_MAX}`, `${descriptor.rosterMaximum}`);
  const { advertising, sharing, collecting, consenting, unmasking } = descriptor.deadlines;
  const moments = [advertising, sharing, collecting, consenting, unmasking].map((at) => Date.parse(at));
  if (moments.some((at, i) => i > 0 && at < (moments[i - 1] as number)))
    throw invalid('deadlines', 'ascending moments', 'others');
  return roundId(primitives, descriptor);
}

function secureTerms({ secureAggregation }: SecureTerms) {
  if (!secureAggregation) throw invalidManifest('secureAggregation', 'a secure job says how');
  return secureAggregation;
}

function statement(descriptor: RoundDescriptor): Uint8Array {
  return labelled('descriptor', [utf8(canonicalJson(descriptor))]);
}

function invalid(field: string, expected: string, got: string): HanseError<'descriptorInvalid'> {
  return new HanseError('descriptorInvalid', { field, expected, got });
}

function invalidManifest(where: string, reason: string): HanseError<'manifestInvalid'> {
  return new HanseError('manifestInvalid', { where, reason });
}
