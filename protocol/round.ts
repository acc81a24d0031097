/**
 * The round as a reducer: (state, event) -> [state, effects]. SPEC.md section 8.
 *
 * Synchronous and pure. The state of a job is the fold of its persisted events, so a coordinator that was killed is
 * exactly where it was after reading them again; `pending` then says which effects are still owed. Effects are
 * requests to the shell; each may be carried out twice without harm.
 *
 * ```
 * recruiting -> collecting -> aggregating -> evaluating -> releasing -> recruiting (next round) | finished
 *      ^            |              |
 *      +-- aborted: next attempt --+----> failed, when attempts are exhausted
 * ```
 *
 * Where aggregation is secure, advertising and sharing come before collecting, and consenting and unmasking after it:
 * `secagg/secure-phases.ts`.
 *
 * An event that does not fit the state is refused: the effect `refuse` is the only one, the state is unchanged, and
 * the shell must not persist the event. A repetition of something already accepted changes nothing and is no refusal.
 */
import type { NodeId } from '../schemas/ids.ts';
import type { JobManifest, RoundSummary } from '../schemas/job.ts';
import type { JobEvent } from '../schemas/job-event.ts';
import { cohortMost } from './cohort.ts';
import { endsTree } from './dp/central-noise.ts';
import { isLastingDecline } from './lasting-decline.ts';
import { HanseError } from './problem.ts';
import { type Effect, EMPTY_ATTEMPT, EMPTY_SECURE_ATTEMPT, type JobState, type Step } from './round-state.ts';
import {
  acceptMessage,
  declineSecure,
  descriptorProblem,
  isSecure,
  isSecureAwaited,
  type Move,
  openSecrets,
  passSecureDeadline,
  type SecureMessage,
  secureAwaited,
  securePending,
  secureSummary,
} from './secagg/secure-phases.ts';

/** The state after `jobCreated`, which must be the first event of every job. */
export function createJob(event: Extract<JobEvent, { type: 'jobCreated' }>, at: string): Step {
  const state: JobState = {
    jobId: event.jobId,
    manifest: event.manifest,
    manifestSha256: event.manifestSha256,
    createdBy: event.createdBy,
    createdAt: at,
    phase: 'recruiting',
    round: 1,
    attempt: 1,
    model: event.manifest.initialModel,
    strategyState: null,
    ...EMPTY_ATTEMPT,
    asked: new Set(),
    unsuited: new Map(),
    inTree: new Set(),
    treeNonces: [],
    history: [],
    failure: null,
  };
  return [state, pending(state)];
}

/**
 * @param at the time of the event, RFC 3339; recorded in summaries, never compared
 */
export function step(state: JobState, event: JobEvent, at: string): Step {
  if (hasEnded(state))
    return refuse(state, new HanseError('jobEnded', { jobId: state.jobId, phase: state.phase }));
  if (event.type === 'jobCreated') return outOfOrder(state, event.type);
  if (event.type === 'jobCancelled') return [{ ...state, ...EMPTY_ATTEMPT, phase: 'cancelled' }, []];
  if (event.type === 'nodeReported') return reportNode(state, event.node);
  if (!isPresent(state, event)) return refuse(state, strayed(state, event));
  switch (event.type) {
    case 'cohortSelected':
      return selectCohort(state, event, at);
    case 'keysAdvertised':
    case 'sharesAccepted':
    case 'consentGiven':
    case 'answerAccepted':
      return acceptSecure(state, event, at);
    case 'secretsOpened':
      return isSecure(state) ? moved(state, openSecrets(state, event), at) : outOfOrder(state, event.type);
    case 'updateAccepted':
      return state.manifest.aggregation === 'secure'
        ? acceptSecure(state, event, at)
        : acceptUpdate(state, event, at);
    case 'taskDeclined':
      return declineTask(state, event, at);
    case 'deadlinePassed':
      return passDeadline(state, event, at);
    case 'aggregated':
      return aggregated(state, event, at);
    case 'aggregationFailed':
      if (state.phase !== 'aggregating' && state.phase !== 'unmasking') return outOfOrder(state, event.type);
      return abort(state, event.code, at);
    case 'evaluated':
      return evaluated(state, event, at);
    case 'evaluationDeclined':
      return declineEvaluation(state, event);
    case 'evaluationGivenUp':
      if (state.phase !== 'evaluating') return outOfOrder(state, event.type);
      return enter(state, 'releasing', at);
    case 'releaseWithheld':
      if (state.phase !== 'releasing') return outOfOrder(state, event.type);
      return [state.isWithheld ? state : { ...state, isWithheld: true }, []];
    case 'released':
      return released(state, event, at);
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

/** What the shell owes in this state: the effects of entering it. Used after a restart. */
export function pending(state: JobState): Effect[] {
  const { phase, round, attempt } = state;
  switch (phase) {
    case 'recruiting':
      return [{ type: 'selectCohort', round, attempt }];
    case 'advertising':
    case 'sharing':
    case 'consenting':
    case 'unmasking':
      return isSecure(state) ? securePending(state, phase) : [];
    case 'collecting': {
      if (isSecure(state)) return securePending(state, phase);
      const nodes = awaited(state);
      return [
        { type: 'setDeadline', round, attempt, phase, at: state.deadline ?? '' },
        { type: 'announce', nodes },
      ];
    }
    case 'aggregating':
      return [{ type: 'aggregate', round, attempt }];
    case 'evaluating':
      return [
        { type: 'setDeadline', round, attempt, phase, at: state.candidate?.evaluateBy ?? '' },
        { type: 'announce', nodes: 'evaluators' },
        ...(state.unmeasured.size > 0 ? [{ type: 'seekEvaluator', round, attempt } as const] : []),
      ];
    case 'releasing':
      return [{ type: 'release', round, attempt, model: state.candidate?.model ?? state.model }];
    case 'finished':
    case 'failed':
    case 'cancelled':
      return [];
    default:
      phase satisfies never;
      throw new Error('unreachable');
  }
}

export function hasEnded({ phase }: Pick<JobState, 'phase'>): boolean {
  return phase === 'finished' || phase === 'failed' || phase === 'cancelled';
}

/** Nodes that still owe the present phase something: they have neither delivered it nor declined. */
export function awaited(state: JobState): NodeId[] {
  if (isSecure(state)) return secureAwaited(state);
  if (state.phase !== 'collecting') return [];
  return state.cohort.filter((node) => !state.accepted.has(node) && !state.declined.has(node));
}

/** Whether this node is among them. */
export function isAwaited(state: JobState, node: NodeId): boolean {
  if (isSecure(state)) return isSecureAwaited(state, node);
  if (state.phase !== 'collecting' || state.accepted.has(node) || state.declined.has(node)) return false;
  return state.cohort.includes(node);
}

/** Whether the node could be of use to the next attempt, as far as it has said. */
export function mayBeDrawn(state: JobState, node: NodeId): boolean {
  return !state.unsuited.has(node) && !state.inTree.has(node);
}

/** Whether this evaluator could still measure the candidate, as far as it has said. */
export function mayMeasure(state: JobState, node: NodeId): boolean {
  return mayBeDrawn(state, node) && !state.unmeasured.has(node);
}

/** Whether this round is one of those that an evaluator measures. */
export function isEvaluated(manifest: JobManifest, round: number): boolean {
  if (manifest.evaluateEvery === 0) return false;
  return round % manifest.evaluateEvery === 0 || round === manifest.rounds;
}

function selectCohort(
  state: JobState,
  event: Extract<JobEvent, { type: 'cohortSelected' }>,
  at: string,
): Step {
  if (state.phase !== 'recruiting') return outOfOrder(state, event.type);
  const { minimum } = state.manifest.cohort;
  const most = cohortMost(state.manifest.cohort);
  const distinct = new Set(event.cohort).size;
  if (distinct > most || distinct !== event.cohort.length)
    return refuse(
      state,
      new HanseError('invalidFormat', { where: 'cohort', expected: `at most ${most} distinct nodes` }),
    );
  if (event.cohort.some((node) => !mayBeDrawn(state, node)))
    return refuse(
      state,
      new HanseError('invalidFormat', { where: 'cohort', expected: 'nodes that can take part in the job' }),
    );
  const problem = descriptorProblem(state, event.deadline, event.secure);
  if (problem) return refuse(state, problem);
  const needed = Math.max(minimum, event.secure?.descriptor.rosterMinimum ?? 0);
  if (distinct < needed) return refuse(state, new HanseError('cohortTooSmall', { needed, got: distinct }));
  const asked = withAll(state.asked, event.cohort);
  const open = { ...state, cohort: event.cohort, asked, deadline: event.deadline, openedAt: at };
  if (!event.secure) return enter(open, 'collecting', at);
  return enter({ ...open, secure: { ...EMPTY_SECURE_ATTEMPT, signed: event.secure } }, 'advertising', at);
}

/** The same set where it has them all. */
function withAll(nodes: ReadonlySet<NodeId>, more: readonly NodeId[]): ReadonlySet<NodeId> {
  return more.every((node) => nodes.has(node)) ? nodes : new Set([...nodes, ...more]);
}

/** A message of a secure attempt; in a job whose aggregation is plain there is none. */
function acceptSecure(state: JobState, event: SecureMessage, at: string): Step {
  const problem = refuseMessage(state, event.node);
  if (problem) return refuse(state, problem);
  return isSecure(state) ? moved(state, acceptMessage(state, event), at) : outOfOrder(state, event.type);
}

/** The step that a move of a secure attempt is. */
function moved(state: JobState, move: Move, at: string): Step {
  switch (move.type) {
    case 'refuse':
      return refuse(state, move.problem);
    case 'stay':
      return [move.state, move.effects ?? []];
    case 'enter':
      return enter(move.state, move.phase, at);
    case 'abort':
      return abort(move.state, move.reason, at);
    default:
      move satisfies never;
      throw new Error('unreachable');
  }
}

function acceptUpdate(
  state: JobState,
  event: Extract<JobEvent, { type: 'updateAccepted' }>,
  at: string,
): Step {
  const problem = refuseMessage(state, event.node);
  if (problem) return refuse(state, problem);
  if (event.signature !== undefined)
    return refuse(
      state,
      new HanseError('updateMalformed', { field: 'aggregation', expected: 'plain', got: 'secure' }),
    );
  const earlier = state.accepted.get(event.node);
  if (earlier) {
    if (earlier.sha256 === event.sha256) return [state, []];
    return refuse(state, new HanseError('messageConflict', { what: 'update' }));
  }
  if (state.phase !== 'collecting')
    return refuse(state, new HanseError('messageLate', { phase: 'collecting' }));
  if (state.declined.has(event.node))
    return refuse(state, new HanseError('messageConflict', { what: 'update after declining' }));
  const accepted = new Map(state.accepted).set(event.node, { sha256: event.sha256, bytes: event.bytes });
  return closeIfComplete({ ...state, accepted }, at);
}

function declineTask(state: JobState, event: Extract<JobEvent, { type: 'taskDeclined' }>, at: string): Step {
  const problem = refuseMessage(state, event.node);
  if (problem) return refuse(state, problem);
  if (isSecure(state)) {
    const move = declineSecure(state, event);
    if (move.type === 'refuse' || move.state === state) return moved(state, move, at);
    return moved(state, { ...move, state: { ...move.state, unsuited: unsuitedAfter(state, event) } }, at);
  }
  if (state.accepted.has(event.node))
    return refuse(state, new HanseError('messageConflict', { what: 'declining after an update' }));
  if (state.declined.has(event.node)) return [state, []];
  if (state.phase !== 'collecting')
    return refuse(state, new HanseError('messageLate', { phase: 'collecting' }));
  const declined = new Map(state.declined).set(event.node, event.code);
  return closeIfComplete({ ...state, declined, unsuited: unsuitedAfter(state, event) }, at);
}

function unsuitedAfter(state: JobState, { node, code }: { node: NodeId; code: string }) {
  return isLastingDecline(code) ? new Map(state.unsuited).set(node, code) : state.unsuited;
}

/** The node has begun anew, perhaps with other data or another policy. What it did in this attempt stays. */
function reportNode(state: JobState, node: NodeId): Step {
  if (!state.unsuited.has(node)) return [state, []];
  const unsuited = new Map(state.unsuited);
  unsuited.delete(node);
  const next = { ...state, unsuited };
  return state.phase === 'recruiting' ? [next, pending(next)] : [next, []];
}

interface AttemptNumber {
  readonly round: number;
  readonly attempt: number;
}

/** What speaks against telling this node anything about this attempt. */
export function attemptProblem(state: JobState, number: AttemptNumber, node: NodeId): HanseError | undefined {
  if (hasEnded(state)) return new HanseError('jobEnded', { jobId: state.jobId, phase: state.phase });
  if (!isPresent(state, number)) return strayed(state, number);
  return refuseMessage(state, node);
}

function isPresent(state: JobState, { round, attempt }: AttemptNumber): boolean {
  return round === state.round && attempt === state.attempt;
}

/** What speaks against any message of this node in this attempt. */
function refuseMessage(state: JobState, node: NodeId): HanseError | undefined {
  if (state.phase === 'recruiting')
    return new HanseError('messageOutOfOrder', {
      phase: state.phase,
      got: 'a message of an attempt',
    });
  if (!state.cohort.includes(node)) return new HanseError('notInCohort', { round: state.round });
  return undefined;
}

/**
 * Aggregates as soon as nobody is awaited or the round has as many updates as it takes, or gives up as soon as the
 * minimum is out of reach. More than `size` are never accepted: the ring has room for no more.
 */
function closeIfComplete(state: JobState, at: string): Step {
  const possible = state.cohort.length - state.declined.size;
  if (possible < state.manifest.cohort.minimum) return abort(state, 'cohortTooSmall', at);
  if (awaited(state).length > 0 && state.accepted.size < state.manifest.cohort.size) return [state, []];
  return enter(state, 'aggregating', at);
}

function passDeadline(
  state: JobState,
  event: Extract<JobEvent, { type: 'deadlinePassed' }>,
  at: string,
): Step {
  if (state.phase !== event.phase) return outOfOrder(state, `the deadline of ${event.phase}`);
  if (event.phase === 'evaluating') return enter(state, 'releasing', at);
  if (isSecure(state)) return moved(state, passSecureDeadline(state, event.phase), at);
  if (state.accepted.size < state.manifest.cohort.minimum) return abort(state, 'cohortTooSmall', at);
  return enter(state, 'aggregating', at);
}

function aggregated(state: JobState, event: Extract<JobEvent, { type: 'aggregated' }>, at: string): Step {
  if (state.phase !== 'aggregating') return outOfOrder(state, event.type);
  const { model, strategyState, weight, updateNorm, clipping, treeNonce, evaluateBy, record, sum } = event;
  const secure = record !== undefined && sum !== undefined ? { record, sum } : undefined;
  if ((secure !== undefined) !== isSecure(state) || (record === undefined) !== (sum === undefined))
    return refuse(
      state,
      new HanseError('invalidFormat', {
        where: 'record',
        expected: 'record and sum of a secure round alone',
      }),
    );
  const candidate = {
    ...{ model, strategyState, weight, updateNorm, evaluateBy },
    ...(clipping && { clipping }),
    ...(treeNonce !== undefined && { treeNonce }),
    ...(secure && { secure }),
  };
  return enter({ ...state, candidate }, evaluateBy === null ? 'releasing' : 'evaluating', at);
}

function evaluated(state: JobState, event: Extract<JobEvent, { type: 'evaluated' }>, at: string): Step {
  if (state.phase === 'releasing')
    return refuse(state, new HanseError('messageLate', { phase: 'evaluating' }));
  if (state.phase !== 'evaluating') return outOfOrder(state, event.type);
  return enter({ ...state, metrics: event.metrics }, 'releasing', at);
}

/** The others may still answer; whether there are others only the shell knows. */
function declineEvaluation(state: JobState, event: Extract<JobEvent, { type: 'evaluationDeclined' }>): Step {
  if (state.phase === 'releasing')
    return refuse(state, new HanseError('messageLate', { phase: 'evaluating' }));
  if (state.phase !== 'evaluating') return outOfOrder(state, event.type);
  if (state.unmeasured.has(event.node)) return [state, []];
  const unmeasured = new Map(state.unmeasured).set(event.node, event.code);
  const { round, attempt } = state;
  return [
    { ...state, unmeasured, unsuited: unsuitedAfter(state, event) },
    [{ type: 'seekEvaluator', round, attempt }],
  ];
}

function released(state: JobState, event: Extract<JobEvent, { type: 'released' }>, at: string): Step {
  if (state.phase !== 'releasing' || !state.candidate || event.model !== state.candidate.model)
    return outOfOrder(state, event.type);
  const isLast = state.round === state.manifest.rounds;
  const next: JobState = {
    ...state,
    ...EMPTY_ATTEMPT,
    model: state.candidate.model,
    strategyState: state.candidate.strategyState,
    ...treeAfter(state),
    history: [...state.history, summary(state, 'released', null, at)],
    phase: isLast ? 'finished' : 'recruiting',
    round: isLast ? state.round : state.round + 1,
    attempt: isLast ? state.attempt : 1,
  };
  return [next, pending(next)];
}

/** After the round is released. */
function treeAfter(state: JobState): Pick<JobState, 'inTree' | 'treeNonces'> {
  const { manifest, round, accepted, candidate, inTree, treeNonces } = state;
  const noise = manifest.privacy?.centralNoise;
  if (noise?.type !== 'gaussianTree') return { inTree, treeNonces };
  if (endsTree(noise, round)) return { inTree: new Set(), treeNonces: [] };
  return {
    inTree: new Set([...inTree, ...accepted.keys()]),
    treeNonces: [...treeNonces, candidate?.treeNonce ?? ''],
  };
}

/** Ends the attempt without a result; the model is unchanged. */
function abort(state: JobState, reason: string, at: string): Step {
  const exhausted = state.attempt >= state.manifest.maxAttempts;
  const next: JobState = {
    ...state,
    ...EMPTY_ATTEMPT,
    history: [...state.history, summary(state, 'aborted', reason, at)],
    phase: exhausted ? 'failed' : 'recruiting',
    attempt: exhausted ? state.attempt : state.attempt + 1,
    failure: exhausted ? 'attemptsExhausted' : null,
  };
  return [next, pending(next)];
}

function summary(
  state: JobState,
  outcome: RoundSummary['outcome'],
  reason: string | null,
  at: string,
): RoundSummary {
  let bytesUp = 0;
  for (const update of state.accepted.values()) bytesUp += update.bytes;
  const isReleased = outcome === 'released';
  return {
    round: state.round,
    attempt: state.attempt,
    outcome,
    reason,
    cohort: state.cohort.length,
    updates: state.accepted.size,
    declined: countsOf(state.declined),
    ...(state.unmeasured.size > 0 && { unmeasured: countsOf(state.unmeasured) }),
    weight: isReleased ? (state.candidate?.weight ?? 0) : 0,
    updateNorm: isReleased ? (state.candidate?.updateNorm ?? null) : null,
    ...(isReleased && state.candidate?.clipping && { clipping: state.candidate.clipping }),
    bytesUp,
    metrics: state.metrics,
    ...(isSecure(state) && { secure: secureSummary(state, state.candidate?.secure) }),
    model: isReleased ? (state.candidate?.model ?? null) : null,
    openedAt: state.openedAt ?? at,
    endedAt: at,
  };
}

/** How many nodes gave each code. */
export function countsOf(codes: ReadonlyMap<NodeId, string>): Record<string, number> {
  // Counted in a Map: the codes are text of participants, and one may be the name of a property of every object.
  const counts = new Map<string, number>();
  for (const code of codes.values()) counts.set(code, (counts.get(code) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** @param phase another than the present one, of the same attempt */
function enter(state: JobState, phase: JobState['phase'], at: string): Step {
  const secure = state.secure && { ...state.secure, phases: [...state.secure.phases, { phase, at }] };
  const next = { ...state, phase, secure };
  return [next, pending(next)];
}

function refuse(state: JobState, problem: HanseError): Step {
  return [state, [{ type: 'refuse', problem }]];
}

function outOfOrder(state: JobState, got: string): Step {
  return refuse(state, new HanseError('messageOutOfOrder', { phase: state.phase, got }));
}

/** A message for another attempt: too late if that attempt has been, unknown if it has not. */
function strayed(state: JobState, event: AttemptNumber): HanseError {
  const isPast = event.round < state.round || (event.round === state.round && event.attempt < state.attempt);
  if (isPast)
    return new HanseError('messageLate', { phase: `round ${event.round}, attempt ${event.attempt}` });
  return new HanseError('roundUnknown', { jobId: state.jobId, round: event.round, attempt: event.attempt });
}
