/**
 * A job of a log from its first model on: its manifest, each aggregated round (`round-audit.ts`), and what its rounds have taken of
 * its privacy promise. SPEC.md 13.8.
 */
import type { AuditedJob, AuditedRound } from '../../schemas/audit-report.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { HanseError, isProblem } from '../problem.ts';
import { firstState, type ModelState } from '../secagg/model-chain.ts';
import { strategyOf } from '../strategy/strategy-of.ts';
import { floatsOf, modelBytes, parseHeader, payloadOf } from '../vector.ts';
import type { Findings } from './findings.ts';
import { jobEpsilon } from './job-epsilon.ts';
import { MANIFEST_BYTES_MAX, readManifest } from './job-manifest.ts';
import { contentOf, findContent, type LogSource } from './log-source.ts';
import type { LoggedAttempt, LoggedJob } from './logged-job.ts';
import { auditPrivacy } from './privacy-audit.ts';
import { auditRound, type RoundContext, type RoundOutcome } from './round-audit.ts';

/** Who has created it, by the log. */
export interface AuditedFederation {
  readonly federationId: string;
  /** Hex. */
  readonly coordinatorKey: string;
}

/** Told of a round once it was checked. */
export type TellRound = (round: AuditedRound, outcome: RoundOutcome | undefined) => void;

/**
 * Takes down what is wrong, with the index of the entry of the round.
 * @param source of attacker-controlled content, whose hashes are checked
 */
export async function auditJob(
  source: LogSource,
  federation: AuditedFederation,
  job: LoggedJob,
  findings: Findings,
  tell: TellRound = () => {},
): Promise<AuditedJob> {
  const { jobId, manifestSha256 } = job;
  const attempts = [...job.attempts.values()].filter(({ aggregated }) => aggregated);
  const manifest = await findings.within(() => manifestOf(source, job, federation), job.leaf);
  if (!manifest)
    return { jobId, rounds: attempts.map((attempt) => roundOf(attempt, undefined)), epsilon: null };
  let model: string = manifest.initialModel;
  let before =
    attempts.length === 0
      ? undefined
      : await findings.within(() => stateOfModel(source, manifest, model), job.leaf);
  const rounds: AuditedRound[] = [];
  for (const attempt of attempts) {
    const of = { source, ...federation, jobId, manifest, manifestSha256, model, before };
    const outcome = await findings.within(() => checkedRound(attempt, of), attempt.aggregated?.leaf);
    const round = roundOf(attempt, outcome);
    rounds.push(round);
    tell(round, outcome);
    if (!attempt.released) continue;
    model = round.model;
    before = outcome?.next ?? (await restart(source, manifest, model));
  }
  auditPrivacy(job, manifest, findings);
  const epsilon = jobEpsilon(manifest);
  if (!epsilon) return { jobId, rounds, epsilon: null };
  const { unit, delta, promised, stated } = epsilon;
  const { opened } = job.privacy;
  const spent = epsilon.after(opened);
  return { jobId, rounds, epsilon: { unit, delta, rounds: opened, spent, promised, stated } };
}

function roundOf(attempt: LoggedAttempt, outcome: RoundOutcome | undefined): AuditedRound {
  const { round, attempt: number, aggregated, released } = attempt;
  return {
    ...{ round, attempt: number, model: aggregated?.model ?? '', released: released !== undefined },
    recomputed: outcome?.recomputed ?? false,
  };
}

/** And that what is kept of its model has the hash that it is known by. */
async function checkedRound(attempt: LoggedAttempt, context: RoundContext): Promise<RoundOutcome> {
  const { source, manifest } = context;
  const model = attempt.aggregated?.model ?? '';
  const outcome = await soundly(() => auditRound(attempt, context));
  await findContent(source, 'model', model, modelBytes(manifest.parameters));
  return outcome;
}

/** Sizes that a hostile manifest names may be none that arrays have. */
async function soundly<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (isProblem(cause) || !(cause instanceof RangeError)) throw cause;
    throw new HanseError('recordInvalid', { reason: cause.message }, { cause });
  }
}

/** @throws contentMissing, hashMismatch, and what `readManifest` throws */
async function manifestOf(
  source: LogSource,
  { manifestSha256 }: LoggedJob,
  { federationId }: AuditedFederation,
): Promise<JobManifest> {
  const bytes = await contentOf(source, 'manifest', manifestSha256, MANIFEST_BYTES_MAX);
  return readManifest(bytes, federationId);
}

/** Of a job that begins with this model. @throws contentMissing, hashMismatch, updateMalformed, invalidLength */
async function stateOfModel(source: LogSource, manifest: JobManifest, sha256: string): Promise<ModelState> {
  const { parameters } = manifest;
  const bytes = await contentOf(source, 'model', sha256, modelBytes(parameters));
  const header = parseHeader(bytes, { maxLength: parameters, maxSecondBlock: 0 });
  if (header.kind !== 'parameters' || header.length !== parameters)
    throw new HanseError('invalidLength', { what: 'model', expected: parameters, got: header.length });
  return firstState(manifest, floatsOf(payloadOf(bytes)));
}

/** After a round that could not be followed: from its model, where that is all there is to know. */
async function restart(
  source: LogSource,
  manifest: JobManifest,
  sha256: string,
): Promise<ModelState | undefined> {
  if (!strategyOf(manifest.strategy).isStateless || manifest.codec.adaptive) return undefined;
  try {
    return await stateOfModel(source, manifest, sha256);
  } catch (error) {
    if (isProblem(error)) return undefined;
    throw error;
  }
}
