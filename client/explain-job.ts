/**
 * What a node would find out about a job before it takes part, gathered without taking part: for the explanation of its
 * policy. SPEC.md section 6.5. Node only.
 */
import { canonicalSha256 } from '../protocol/canonical.ts';
import { checkPrivacy } from '../protocol/dp/check-privacy.ts';
import { jobPrivacy } from '../protocol/dp/job-privacy.ts';
import { whoIsThere } from '../protocol/exchange/organisation-rules.ts';
import { explainParticipation, type OwnersWord } from '../protocol/exchange/participation.ts';
import type { ParticipationContext, RuleFinding } from '../protocol/exchange/rule-finding.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { Directory } from '../schemas/directory.ts';
import { isStatistic, type JobManifest, type JobStatus } from '../schemas/job.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { operatorsOf } from './graph/forward-graph.ts';
import { ledgerFile } from './ledger-file.ts';
import { NodeLedger } from './node-ledger.ts';
import { nodeStateFile } from './node-state-file.ts';
import { compileTraining, fetchManifest, prepareManifest } from './prepared-job.ts';
import { promiseOf } from './privacy-guard.ts';
import { openLedger } from './privacy-ledger.ts';

/** Of a manifest in a file that is all; otherwise it is what the coordinator says. */
export interface AskedJob {
  readonly manifest: JobManifest;
  readonly manifestSha256: string;
  readonly status?: JobStatus;
  readonly api?: CoordinatorApi;
}

export interface Explainer {
  readonly identityFile: string;
  readonly word: OwnersWord;
  readonly isMeasurement: boolean;
  /** The pinned one. */
  readonly directory?: Directory;
  /** Of the smallest data set; asked for only where a rule is about it. */
  examples(): Promise<number | undefined>;
  /** Names of the data sets that have a budget; undefined where no configuration says. */
  readonly budgets?: readonly string[];
  readonly at: number;
}

/** As one of the owner's rules; of the ledger, whose budgets are for all jobs together. */
export type ExplainedRule = Omit<RuleFinding, 'rule' | 'isForLackOfWord'> & {
  readonly rule: RuleFinding['rule'] | 'ledger';
};

export interface ExplainedJob {
  readonly rules: readonly ExplainedRule[];
  readonly isPaused: boolean;
}

/** @throws `hashMismatch`, `manifestInvalid`, `ringOverflow`: with which the node itself would decline; what `api` throws */
export async function askForJob(jobId: string, api: CoordinatorApi): Promise<AskedJob> {
  const status = await api.call('getJob', { params: { jobId }, query: {} });
  const { manifestSha256 } = status;
  return { manifest: await fetchManifest({ jobId, manifestSha256 }, api), manifestSha256, status, api };
}

/** @throws `manifestInvalid` as above */
export async function jobOfManifest(manifest: JobManifest): Promise<AskedJob> {
  checkPrivacy(manifest);
  return { manifest, manifestSha256: await canonicalSha256(manifest) };
}

/** @throws `storageCorrupt`, `ledgerCorrupt`; what a forward graph is refused with; what `examples` throws */
export async function explainJob(job: AskedJob, node: Explainer): Promise<ExplainedJob> {
  const { identityFile, word } = node;
  const { jobs, paused: isPaused } = await nodeStateFile(identityFile).read();
  const spending = new NodeLedger(jobs);
  const jobId = job.status?.jobId ?? '';
  const perStep = spending.millisecondsPerStep(jobId);
  const examples = countsExamples(word) ? await node.examples() : undefined;
  const context: ParticipationContext = {
    at: node.at,
    isMeasurement: node.isMeasurement,
    examples: examples ?? 1,
    secondsSpent: spending.of(jobId).milliseconds / 1000,
    ...(perStep !== undefined && examples !== undefined && { millisecondsPerStep: perStep }),
    ...(await graphFacts(job, node)),
    ...peopleFacts(job, node),
  };
  const found = explainParticipation(word, job.manifest, context);
  const isSaid = job.status !== undefined && node.directory !== undefined;
  const rules = found.map((finding) => told(finding, examples, isSaid));
  return { rules: [...rules, ...(await ledgerRule(job, node))], isPaused };
}

/** Nobody has been drawn for a job that recruits, and a file names nobody: nothing is refused for that yet. */
function told(
  { isForLackOfWord, ...finding }: RuleFinding,
  examples: number | undefined,
  isAuthorSaid: boolean,
): ExplainedRule {
  if (isForLackOfWord && !(finding.rule === 'organisations' && isAuthorSaid))
    return { ...finding, verdict: 'unknown', found: 'nobody has said yet' };
  if (finding.rule !== 'examplesPerRound' || examples !== undefined) return finding;
  const verdict = finding.verdict === 'doesNotApply' ? finding.verdict : 'unknown';
  return { ...finding, verdict, found: 'the examples were not counted' };
}

function countsExamples({ limits }: OwnersWord): boolean {
  return [limits.examplesPerRound, limits.secondsPerRound, limits.secondsPerJob].some(
    (limit) => limit !== undefined,
  );
}

/** The graph is fetched only where a rule is about it, and compiled only where one is about its memory. */
async function graphFacts(
  { manifest, manifestSha256, status, api }: AskedJob,
  { word: { policy, limits }, isMeasurement }: Explainer,
): Promise<Pick<ParticipationContext, 'operators' | 'stepBytes'>> {
  const compiles = limits.memoryMegabytes !== undefined && !isMeasurement;
  if (!api || !status || isStatistic(manifest) || !(policy.operators || compiles)) return {};
  const job = await prepareManifest({ jobId: status.jobId, manifestSha256 }, manifest, api);
  const operators = operatorsOf(job.forward);
  if (!compiles) return { operators };
  return { operators, stepBytes: (await compileTraining(job)).cost.peakBytes };
}

function peopleFacts(
  { status }: AskedJob,
  { word, directory, at }: Explainer,
): Partial<ParticipationContext> {
  if (!status || !directory) return {};
  const { organisations, company, author } = whoIsThere(directory, word.policy, status, at);
  const isDrawn = status.cohort.length > 0;
  return {
    ...(author && { author }),
    ...(isDrawn && organisations && { organisations }),
    ...(isDrawn && company && { company }),
  };
}

/** Whether a budget has room: by what the ledger holds now; of jobs that have ended a node frees what they did not draw. */
async function ledgerRule(
  { manifest, manifestSha256, status }: AskedJob,
  { identityFile, budgets, isMeasurement }: Explainer,
): Promise<ExplainedRule[]> {
  const rule = 'ledger' as const;
  if (!jobPrivacy(manifest) || isMeasurement)
    return [
      { rule, verdict: 'doesNotApply', permitted: 'anything', found: 'nothing is drawn from a budget' },
    ];
  const { ledger } = await openLedger(ledgerFile(identityFile), undefined);
  const names = budgets ?? ledger.balances().map(({ dataSet }) => dataSet);
  const permitted =
    names.length > 0 ? `what is left of the budget of ${names.join(' or ')}` : 'no budget is set';
  const known = new Set(ledger.balances().map(({ dataSet }) => dataSet));
  let problem: HanseError = new HanseError('budgetMissing', { dataSet: 'any' });
  for (const dataSet of names) {
    if (!known.has(dataSet)) {
      const found = `nothing was drawn for ${dataSet} yet: its budget begins with the node`;
      return [{ rule, verdict: 'unknown', permitted, found }];
    }
    const jobId = status?.jobId ?? 'job-0000000000000000';
    const author = ledger.reservationOf(jobId)?.author ?? null;
    try {
      ledger.judge({
        type: 'reserve',
        at: '',
        ...promiseOf({ jobId, manifestSha256 }, manifest, dataSet),
        author,
      });
      return [{ rule, verdict: 'permitted', permitted, found: `${dataSet} has room for all rounds` }];
    } catch (error) {
      if (!isProblem(error)) throw error;
      problem = error;
    }
  }
  return [{ rule, verdict: 'refused', permitted, found: `${problem.code}: ${problem.message}` }];
}
