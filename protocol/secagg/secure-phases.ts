/**
 * The phases of a secure attempt, as a part of the round's reducer. SPEC.md 8.1 and 11.10.
 *
 *   advertising -> sharing -> collecting -> consenting -> unmasking
 *       U1           U2          U3
 *
 * Each phase asks those whose message of the phase before came in time. It ends when nobody is awaited any more, with what
 * suffices, or at its deadline; with too few the attempt is void. Neither the threshold nor the minimum is ever lowered.
 * Pure.
 */
import type { NodeId, Sha256, Signature } from '../../schemas/ids.ts';
import type { SecureSummary } from '../../schemas/job.ts';
import type { JobEvent } from '../../schemas/job-event.ts';
import { type RoundDescriptor, SecurePhase, type SignedDescriptor } from '../../schemas/secagg.ts';
import { canonicalJson } from '../canonical.ts';
import { HanseError } from '../problem.ts';
import type { Effect, JobState, SecureAttempt, StoredMessage } from '../round-state.ts';

/** What follows from an event: `round.ts` makes the step of it. */
export type Move =
  | { readonly type: 'refuse'; readonly problem: HanseError }
  /** The phase goes on; with the very state that was given where nothing changes. */
  | { readonly type: 'stay'; readonly state: JobState; readonly effects?: readonly Effect[] }
  | { readonly type: 'enter'; readonly state: JobState; readonly phase: JobState['phase'] }
  | { readonly type: 'abort'; readonly state: JobState; readonly reason: string };

/** A job in a secure attempt. */
export type SecureJob = JobState & { readonly secure: SecureAttempt };

type EventOf<Type extends JobEvent['type']> = Extract<JobEvent, { type: Type }>;

/** What participants send, each in a phase of its own. */
export type SecureMessage = EventOf<
  'keysAdvertised' | 'sharesAccepted' | 'updateAccepted' | 'consentGiven' | 'answerAccepted'
>;

/** The phase of each message, and its name for people. */
const HOME: Readonly<Record<SecureMessage['type'], readonly [phase: SecurePhase, what: string]>> = {
  keysAdvertised: ['advertising', 'keys'],
  sharesAccepted: ['sharing', 'shares'],
  updateAccepted: ['collecting', 'update'],
  consentGiven: ['consenting', 'consent'],
  answerAccepted: ['unmasking', 'answer'],
};

const ORDER: readonly string[] = SecurePhase.anyOf.map((phase) => phase.const);

export function isSecure(state: JobState): state is SecureJob {
  return state.secure !== null;
}

/** Whether this is a phase in which participants of a secure attempt send something. */
export function isSecurePhase(phase: JobState['phase']): phase is SecurePhase {
  return ORDER.includes(phase);
}

/** Whether the phase of a secure attempt is over: what was collected in it changes no more. */
export function isPast(state: SecureJob, phase: SecurePhase): boolean {
  return isSecurePhase(state.phase) ? ORDER.indexOf(state.phase) > ORDER.indexOf(phase) : true;
}

/** What speaks against running the attempt under this description, if anything does. */
export function descriptorProblem(
  state: JobState,
  deadline: string,
  signed: SignedDescriptor | undefined,
): HanseError | undefined {
  const isWanted = state.manifest.aggregation === 'secure';
  if ((signed !== undefined) !== isWanted)
    return new HanseError('invalidFormat', {
      where: 'secure',
      expected: isWanted ? 'the description of a secure round' : 'none, where aggregation is plain',
    });
  if (!signed) return undefined;
  const { descriptor } = signed;
  const { jobId, manifestSha256, round, attempt, model } = state;
  const own = { jobId, manifestSha256, round, attempt, model, collecting: deadline };
  const { deadlines } = descriptor;
  const told = { ...descriptor, collecting: deadlines.collecting };
  for (const field of Object.keys(own) as (keyof typeof own)[])
    if (told[field] !== own[field])
      return new HanseError('invalidFormat', { where: `secure.${field}`, expected: String(own[field]) });
  return undefined;
}

/** Whoever still owes the present phase something. */
export function secureAwaited(state: SecureJob): NodeId[] {
  if (!isSecurePhase(state.phase) || state.secure.isOverdue) return [];
  const { given } = lists(state);
  return asked(state).filter((node) => !given.has(node) && !state.declined.has(node));
}

/** Whether this one is among them. */
export function isSecureAwaited(state: SecureJob, node: NodeId): boolean {
  if (!isSecurePhase(state.phase) || state.secure.isOverdue) return false;
  return isAsked(state, node) && !lists(state).given.has(node) && !state.declined.has(node);
}

/** What the shell owes in a phase of a secure attempt. */
export function securePending(state: SecureJob, phase: SecurePhase): Effect[] {
  const { round, attempt, secure } = state;
  const open: Effect[] =
    phase === 'unmasking' && mayOpen(state) ? [{ type: 'openSecrets', round, attempt }] : [];
  if (secure.isOverdue) return open;
  const at = secure.signed.descriptor.deadlines[phase];
  return [
    { type: 'setDeadline', round, attempt, phase, at },
    { type: 'announce', nodes: secureAwaited(state) },
    ...open,
  ];
}

/**
 * A message of a node of the cohort.
 * @param event whose content has been verified
 */
export function acceptMessage(state: SecureJob, event: SecureMessage): Move {
  const { node } = event;
  const [home, what] = HOME[event.type];
  const known = isKnown(state, event);
  if (known !== undefined) return known ? { type: 'stay', state } : conflict(what);
  if (!isPast(state, home) && state.phase !== home)
    return refuse(new HanseError('messageOutOfOrder', { phase: state.phase, got: what }));
  if (state.declined.has(node)) return conflict(`${what} after declining`);
  // Enough others were faster: what this one says is true all the same, and it may go on.
  if (home === 'consenting' && state.phase !== home && state.accepted.has(node))
    return { type: 'stay', state };
  if (state.phase !== home || state.secure.isOverdue) return late(home);
  if (!isAsked(state, node)) return late(ORDER[ORDER.indexOf(home) - 1] ?? home);
  const problem = contentProblem(state, event);
  return problem ? refuse(problem) : settle(record(state, event));
}

/** The node does no more. What it has delivered stays in the sum; keys and shares of which nobody has been told do not. */
export function declineSecure(state: SecureJob, event: EventOf<'taskDeclined'>): Move {
  const { node, code } = event;
  const { secure, phase } = state;
  if (state.declined.has(node)) return { type: 'stay', state };
  if (!isSecurePhase(phase)) return late('unmasking');
  const [, what] = Object.values(HOME).find(([home]) => home === phase) ?? [];
  const isDone = phase !== 'advertising' && phase !== 'sharing' && lists(state).given.has(node);
  if (isDone && phase === 'unmasking') return conflict(`declining after an ${what}`);
  if (!isAsked(state, node)) return late(ORDER[ORDER.indexOf(phase) - 1] ?? phase);
  const declined = new Map(state.declined).set(node, code);
  const left = {
    ...(phase === 'advertising' && { advertisements: lacking(secure.advertisements, node) }),
    ...(phase === 'sharing' && { shares: lacking(secure.shares, node) }),
  };
  return settle({ ...state, declined, secure: { ...secure, ...left } });
}

/** @param phase the present one */
export function passSecureDeadline(state: SecureJob, phase: SecurePhase): Move {
  if (phase !== 'unmasking') return close(state, phase);
  const { secure, round, attempt } = state;
  if (secure.isOverdue)
    return refuse(new HanseError('messageOutOfOrder', { phase, got: 'its deadline again' }));
  if (secure.answers.size < thresholdOf(state)) return { type: 'abort', state, reason: 'unmaskingFailed' };
  const overdue = { ...state, secure: { ...secure, isOverdue: true } };
  return { type: 'stay', state: overdue, effects: [{ type: 'openSecrets', round, attempt }] };
}

export function openSecrets(state: SecureJob, { answers, faulty }: EventOf<'secretsOpened'>): Move {
  const { phase, secure } = state;
  if (phase !== 'unmasking')
    return refuse(new HanseError('messageOutOfOrder', { phase, got: 'secretsOpened' }));
  const isGiven = (node: NodeId) => secure.answers.has(node);
  if (!answers.every(isGiven) || new Set(answers).size < thresholdOf(state) || !faulty.every(isGiven))
    return refuse(
      new HanseError('invalidFormat', { where: 'answers', expected: 'at least t of those that have come' }),
    );
  return {
    type: 'enter',
    phase: 'aggregating',
    state: { ...state, secure: { ...secure, opened: { answers, faulty } } },
  };
}

/** @param released what was stored, where the round was */
export function secureSummary(
  { secure, accepted }: SecureJob,
  released: { readonly record: Sha256; readonly sum: Sha256 } | undefined,
): SecureSummary {
  const { suite, threshold } = secure.signed.descriptor;
  return {
    suite,
    threshold,
    roster: secure.advertisements.size,
    delivered: secure.shares.size,
    survivors: accepted.size,
    consents: secure.consents.size,
    answers: secure.answers.size,
    shareBytes: bytesOf(secure.shares),
    answerBytes: bytesOf(secure.answers),
    phases: [...secure.phases],
    faulty: [...(secure.opened?.faulty ?? [])],
    record: released?.record ?? null,
    sum: released?.sum ?? null,
  };
}

/** Of whom the present phase wants a message: those whose message of the phase before came in time. */
function asked(state: SecureJob): NodeId[] {
  const { before } = lists(state);
  return before ? [...before.keys()] : [...state.cohort];
}

function isAsked(state: SecureJob, node: NodeId): boolean {
  const { before } = lists(state);
  return before ? before.has(node) : state.cohort.includes(node);
}

interface Lists {
  /** Undefined: the cohort. */
  readonly before: ReadonlyMap<NodeId, unknown> | undefined;
  readonly given: ReadonlyMap<NodeId, unknown>;
}

const NOBODY: ReadonlyMap<NodeId, unknown> = new Map();

function lists({ phase, accepted, secure }: SecureJob): Lists {
  const { advertisements, shares, consents, answers } = secure;
  if (!isSecurePhase(phase)) return { before: NOBODY, given: NOBODY };
  switch (phase) {
    case 'advertising':
      return { before: undefined, given: advertisements };
    case 'sharing':
      return { before: advertisements, given: shares };
    case 'collecting':
      return { before: shares, given: accepted };
    case 'consenting':
      return { before: accepted, given: consents };
    case 'unmasking':
      return { before: accepted, given: answers };
    default:
      phase satisfies never;
      throw new Error('unreachable');
  }
}

/** Whether the very same message has been accepted; false for another in its place, undefined if there was none. */
function isKnown({ secure, accepted }: SecureJob, event: SecureMessage): boolean | undefined {
  const { node } = event;
  switch (event.type) {
    case 'keysAdvertised':
      return sameAs(
        secure.advertisements.get(node),
        (known) => canonicalJson(known) === canonicalJson(event.advertisement),
      );
    case 'sharesAccepted':
      return sameAs(secure.shares.get(node), ({ sha256 }) => sha256 === event.sha256);
    case 'updateAccepted':
      return sameAs(accepted.get(node), ({ sha256 }) => sha256 === event.sha256);
    case 'consentGiven':
      return sameAs(secure.consents.get(node), (signature) => signature === event.signature);
    case 'answerAccepted':
      return sameAs(secure.answers.get(node), ({ sha256 }) => sha256 === event.sha256);
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

function sameAs<Known>(known: Known | undefined, isSame: (known: Known) => boolean): boolean | undefined {
  return known === undefined ? undefined : isSame(known);
}

/** What speaks against this message, as far as the state tells. */
function contentProblem({ secure }: SecureJob, event: SecureMessage): HanseError | undefined {
  if (event.type === 'updateAccepted' && event.signature === undefined)
    return new HanseError('updateUnsigned', { reason: 'the job sums masked updates alone' });
  if (event.type !== 'keysAdvertised') return undefined;
  const { nodeId, channelKey, maskKey } = event.advertisement;
  if (nodeId !== event.node)
    return new HanseError('advertisementInvalid', { reason: 'it names another node' });
  // Everybody would refuse a roster with one key twice: whoever comes second is kept out.
  for (const other of secure.advertisements.values())
    if ([other.channelKey, other.maskKey].some((key) => key === channelKey || key === maskKey))
      return new HanseError('advertisementInvalid', { reason: 'another participant has sent the same key' });
  return undefined;
}

function record(state: SecureJob, event: SecureMessage): SecureJob {
  const { secure } = state;
  const { node } = event;
  switch (event.type) {
    case 'keysAdvertised':
      return withSecure(state, { advertisements: added(secure.advertisements, node, event.advertisement) });
    case 'sharesAccepted':
      return withSecure(state, { shares: added(secure.shares, node, storedBy(event)) });
    case 'updateAccepted': {
      const signature: Signature | undefined = event.signature;
      const update = { ...storedBy(event), ...(signature !== undefined && { signature }) };
      return { ...state, accepted: added(state.accepted, node, update) };
    }
    case 'consentGiven':
      return withSecure(state, { consents: added(secure.consents, node, event.signature) });
    case 'answerAccepted':
      return withSecure(state, { answers: added(secure.answers, node, storedBy(event)) });
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

/** Gives up as soon as too few are possible, and goes on as soon as nothing is waited for. */
function settle(state: SecureJob): Move {
  const { phase, manifest, accepted, secure, round, attempt } = state;
  if (!isSecurePhase(phase)) return { type: 'stay', state };
  const { given } = lists(state);
  const possible = asked(state).filter((node) => given.has(node) || !state.declined.has(node)).length;
  if (possible < neededIn(phase, secure.signed.descriptor)) return giveUp(state, phase);
  if (phase === 'collecting' && able(state, secure.shares) < thresholdOf(state)) return giveUp(state, phase);
  if (phase === 'consenting' && able(state, accepted) < thresholdOf(state)) return giveUp(state, phase);
  if (phase === 'unmasking')
    return {
      type: 'stay',
      state,
      ...(mayOpen(state) && { effects: [{ type: 'openSecrets', round, attempt }] }),
    };
  const suffices =
    (phase === 'collecting' && accepted.size >= manifest.cohort.size) ||
    (phase === 'consenting' && isComplete(state) && secure.consents.size >= thresholdOf(state));
  return suffices || secureAwaited(state).length === 0 ? close(state, phase) : { type: 'stay', state };
}

/** With what has come. */
function close(state: SecureJob, phase: Exclude<SecurePhase, 'unmasking'>): Move {
  const { given } = lists(state);
  if (given.size < neededIn(phase, state.secure.signed.descriptor)) return giveUp(state, phase);
  if (phase === 'collecting' && able(state, state.accepted) < thresholdOf(state)) return giveUp(state, phase);
  return { type: 'enter', state, phase: ORDER[ORDER.indexOf(phase) + 1] as SecurePhase };
}

function giveUp(state: SecureJob, phase: SecurePhase): Move {
  return { type: 'abort', state, reason: phase === 'unmasking' ? 'unmaskingFailed' : 'cohortTooSmall' };
}

/** Without so many messages the phase comes to nothing. */
function neededIn(phase: SecurePhase, descriptor: RoundDescriptor): number {
  switch (phase) {
    case 'advertising':
      return descriptor.rosterMinimum;
    case 'sharing':
    case 'collecting':
      return descriptor.survivorsMinimum;
    case 'consenting':
    case 'unmasking':
      return descriptor.threshold;
    default:
      phase satisfies never;
      throw new Error('unreachable');
  }
}

/** Those who could still help to open the sum. */
function able({ declined }: SecureJob, nodes: ReadonlyMap<NodeId, unknown>): number {
  return [...nodes.keys()].filter((node) => !declined.has(node)).length;
}

/** Where each has a few neighbours only, t answers in all say nothing about those of one neighbourhood. */
function mayOpen(state: SecureJob): boolean {
  const { answers, opened } = state.secure;
  if (opened || answers.size < thresholdOf(state)) return false;
  return isComplete(state) || secureAwaited(state).length === 0;
}

function isComplete({ secure }: SecureJob): boolean {
  return secure.signed.descriptor.degree === null;
}

function thresholdOf({ secure }: SecureJob): number {
  return secure.signed.descriptor.threshold;
}

function withSecure(state: SecureJob, change: Partial<SecureAttempt>): SecureJob {
  return { ...state, secure: { ...state.secure, ...change } };
}

function added<Value>(
  map: ReadonlyMap<NodeId, Value>,
  node: NodeId,
  value: Value,
): ReadonlyMap<NodeId, Value> {
  return new Map(map).set(node, value);
}

function lacking<Value>(map: ReadonlyMap<NodeId, Value>, node: NodeId): ReadonlyMap<NodeId, Value> {
  const left = new Map(map);
  left.delete(node);
  return left;
}

function storedBy({ sha256, bytes }: StoredMessage): StoredMessage {
  return { sha256, bytes };
}

function bytesOf(messages: ReadonlyMap<NodeId, StoredMessage>): number {
  return [...messages.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

function refuse(problem: HanseError): Move {
  return { type: 'refuse', problem };
}

function conflict(what: string): Move {
  return refuse(new HanseError('messageConflict', { what }));
}

function late(phase: string): Move {
  return refuse(new HanseError('messageLate', { phase }));
}
