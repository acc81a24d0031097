/**
 * A schedule from a seed: a small federation, and some faults at moments where something is going on.
 */
import type {
  ClockFault,
  DiskFault,
  FuzzFault,
  FuzzSchedule,
  JournalFault,
  MessageFault,
  ProcessFault,
  TrainingFault,
} from '../../schemas/fuzz-schedule.ts';
import type { Aggregation } from '../../schemas/job.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import { thresholdFor } from './secure-account.ts';

export interface FuzzSize {
  readonly participants: number;
  readonly rounds: number;
  /** Of all jobs; absent: some are secure, and some plain. */
  readonly aggregation?: Aggregation;
}

/** The most faults of a round; half of the schedules have a quarter of them or fewer. */
const MOST_FAULTS = 16;
/** What a round takes, about, if little goes wrong. */
const ROUND_MS = 6000;
/** Messages of a node and operations of the disk in that time, where updates are plain and where they are masked. */
const MESSAGES = 8;
const OPERATIONS = 24;
const SECURE_MESSAGES = 16;
const SECURE_OPERATIONS = 40;
/** Of a secure job; fewer do not make one. */
const FEWEST_SECURE = 3;
const MOST_SECURE = 6;
/** Of so many seeds one has a secure job with the real primitives. */
const REAL_EVERY = 100;

/** @param seed 0..2^32 - 1 */
export function drawSchedule(seed: number, { participants, rounds, aggregation }: FuzzSize): FuzzSchedule {
  const numbers = new KeyedNumbers('schedule', seed);
  const size = numbers.between(Math.min(2, participants), participants);
  const minimum = numbers.between(1, size);
  const hasEvaluator = numbers.between(0, 1) === 1;
  const world = {
    seed,
    participants,
    hasEvaluator,
    rounds,
    cohort: { size, minimum },
    maxAttempts: numbers.between(1, 3),
    collectSeconds: numbers.between(2, 12),
    evaluateSeconds: numbers.between(1, 8),
    ...drawWays(seed),
    ...drawSecure(seed, participants, aggregation),
  };
  const count = Math.floor(numbers.unit() ** 2 * (MOST_FAULTS * rounds + 1));
  const faults: FuzzFault[] = [];
  while (faults.length < count)
    faults.push(...(numbers.unit() < 0.15 ? comeback(numbers, world) : [drawFault(numbers, world)]));
  const membership = drawMembership(world);
  const unsuited = drawUnsuited(world, membership);
  const more = [...membership, ...drawTransport(world), ...unsuited, ...drawSecureFaults(world)];
  return { ...world, faults: [...faults, ...more] };
}

/** What makes the job a secure one, if it is to be. */
function drawSecure(
  seed: number,
  most: number,
  aggregation: Aggregation | undefined,
): Pick<World, 'secure' | 'participants' | 'cohort'> | undefined {
  const numbers = new KeyedNumbers('secure', seed);
  const isReal = seed % REAL_EVERY === 0;
  // Drawn in any case: where secure jobs are asked for, a seed has the one that it would have anyway.
  const isDrawn = numbers.unit() < 0.5 || isReal;
  const isWanted = aggregation === undefined ? isDrawn : aggregation === 'secure';
  if (!isWanted || most < FEWEST_SECURE) return undefined;
  const participants = numbers.between(FEWEST_SECURE, Math.min(MOST_SECURE, most));
  const chosen = numbers.between(FEWEST_SECURE, participants);
  const threshold = thresholdFor(chosen);
  const extra = numbers.between(0, chosen - threshold);
  const size = chosen - extra;
  return {
    participants,
    cohort: { size, minimum: numbers.between(1, size) },
    secure: {
      suite: numbers.oneOf([1, 2] as const),
      extra,
      answerSeconds: numbers.oneOf([1, 3, 10, 40] as const),
      primitives: isReal ? 'real' : 'symbolic',
      replies: new KeyedNumbers('secure replies', seed).oneOf(['with the answer', 'asked for'] as const),
    },
  };
}

/** Kills between any two messages, and what befalls the messages of secure rounds and what nodes write down of them. */
function drawSecureFaults(world: World): FuzzFault[] {
  if (!world.secure) return [];
  const numbers = new KeyedNumbers('secure faults', world.seed);
  const faults: FuzzFault[] = [];
  for (let count = Math.floor(numbers.unit() ** 2 * 8); count > 0; count -= 1) {
    const of = numbers.between(0, world.participants - 1);
    const share = numbers.unit();
    if (share < 0.55) faults.push({ ...secureMessageFault(numbers), from: of });
    else if (share < 0.75) faults.push(journalFault(numbers, world, of));
    else if (share < 0.9) {
      const what = numbers.oneOf(['killed before', 'killed after'] as const);
      const at = numbers.between(2, SECURE_OPERATIONS * world.rounds);
      faults.push({ kind: 'disk', operation: 'append', at, what, downMs: someMilliseconds(numbers, 8000) });
    } else {
      const operation = numbers.oneOf(['put', 'read content'] as const);
      const at = numbers.between(0, SECURE_OPERATIONS * world.rounds);
      faults.push({ kind: 'disk', operation, at, what: 'fails', downMs: 0 });
    }
  }
  if (numbers.unit() < 0.06) faults.push(...powerCut(numbers, world));
  return faults;
}

/**
 * What hardly ever comes together by chance: all are killed while the sum is opened, some with their answer on its way and
 * some before it, and come back to another attempt over the same model.
 */
function powerCut(numbers: KeyedNumbers, { participants, secure }: World): MessageFault[] {
  const certificate = secure?.replies === 'asked for' ? 'getCertificate' : 'putConsent';
  return Array.from({ length: participants }, (_, from) => {
    const route = numbers.oneOf(['putAnswer', certificate] as const);
    const byMs = someMilliseconds(numbers, 3000);
    return { kind: 'message', from, message: 0, route, what: 'killed after', byMs };
  });
}

/** In the order in which a node uses them. */
export const SECURE_ROUTES = [
  'advertiseKeys',
  'getRoster',
  'putShares',
  'getDelivery',
  'putMaskedUpdate',
  'getSurvivors',
  'putConsent',
  'getCertificate',
  'putAnswer',
] as const;

function secureMessageFault(numbers: KeyedNumbers): Omit<MessageFault, 'from'> {
  const what = numbers.oneOf([
    'killed before',
    'killed before',
    'killed after',
    'killed after',
    'request late',
    'request late',
    'request lost',
    'answer lost',
    'answer late',
    'request twice',
    'request cut',
  ] as const);
  const route = numbers.oneOf(SECURE_ROUTES);
  const message = numbers.oneOf([0, 0, 0, 1, 2] as const);
  // So late that the phase may be over.
  const byMs = what === 'request late' ? numbers.between(500, 15_000) : someMilliseconds(numbers, 12_000);
  return { kind: 'message', route, message, what, byMs };
}

/** An attempt takes three entries: that it has begun, its answer, and that it is over. */
function journalFault(numbers: KeyedNumbers, { rounds }: World, of: number): JournalFault {
  const what = numbers.oneOf(['fails', 'fails late', 'killed before', 'killed after'] as const);
  const downMs = what.startsWith('killed') ? someMilliseconds(numbers, 8000) : 0;
  return { kind: 'journal', of, at: numbers.between(0, 3 * rounds + 2), what, downMs };
}

/** Numbers of their own: what is drawn here leaves the rest of a schedule as it is. */
function drawWays(seed: number): Pick<World, 'tasks' | 'updates'> {
  const numbers = new KeyedNumbers('ways', seed);
  return {
    tasks: numbers.oneOf(['asked for', 'streamed'] as const),
    updates: numbers.oneOf(['whole', 'in chunks'] as const),
  };
}

/** Nodes that are revoked or change their key, each more often than not with something that befalls that message. */
function drawMembership(world: World): FuzzFault[] {
  const numbers = new KeyedNumbers('membership', world.seed);
  const faults: FuzzFault[] = [];
  if (numbers.unit() < 0.6) return faults;
  // Who is left must be enough for a cohort.
  let spare = world.participants - leastOf(world);
  const affected = new Set<number>();
  for (let count = numbers.between(1, 3); count > 0; count -= 1) {
    const of = nodeOf(numbers, world);
    if (affected.has(of)) continue;
    affected.add(of);
    const isParticipant = of < world.participants;
    const isRevoked = numbers.between(0, 1) === 0 && (!isParticipant || spare > 0);
    if (isRevoked && isParticipant) spare -= 1;
    faults.push({
      kind: 'membership',
      of,
      what: isRevoked ? 'revoked' : 'key changed',
      // While the first cohort is recruited, or at any time.
      atMs: numbers.between(0, numbers.oneOf([300, ROUND_MS * world.rounds])),
      overlapSeconds: isRevoked ? 0 : numbers.oneOf([0, 5, 60] as const),
    });
    if (numbers.unit() < 0.6) {
      const from = isRevoked ? 'operator' : of;
      const route = isRevoked ? 'revokeMember' : 'succeedKey';
      faults.push({ ...transportFault(numbers), from, message: numbers.between(0, 1), route });
    }
  }
  return faults;
}

/** Nodes whose data do not fit. So many are left that the job need not wait for ever. */
function drawUnsuited(world: World, membership: readonly FuzzFault[]): FuzzFault[] {
  const numbers = new KeyedNumbers('unsuited', world.seed);
  if (numbers.unit() < 0.6) return [];
  const isTaken = (node: number) =>
    membership.some((fault) => fault.kind === 'membership' && fault.of === node);
  const taken = membership.filter((fault) => fault.kind === 'membership' && fault.of < world.participants);
  let spare = world.participants - leastOf(world) - taken.length;
  const faults = new Map<number, FuzzFault>();
  for (let count = numbers.between(1, 4); count > 0; count -= 1) {
    const of = nodeOf(numbers, world);
    const isParticipant = of < world.participants;
    if (isTaken(of) || faults.has(of) || (isParticipant && spare < 1)) continue;
    if (isParticipant) spare -= 1;
    faults.set(of, { kind: 'training', of, round: numbers.between(1, world.rounds), life: 1, lasts: true });
  }
  return [...faults.values()];
}

/** What befalls updates or their chunks, and streams of tasks where there are any. */
function drawTransport(world: World): FuzzFault[] {
  const numbers = new KeyedNumbers('transport', world.seed);
  const faults: FuzzFault[] = [];
  const add = (route: NonNullable<MessageFault['route']>, most: number, what?: MessageFault['what']) => {
    const from = numbers.between(0, world.participants - 1);
    const fault = transportFault(numbers);
    faults.push({ ...fault, from, message: numbers.between(0, most), route, what: what ?? fault.what });
  };
  const route = world.secure ? 'putMaskedUpdate' : 'putUpdate';
  if (world.updates === 'whole')
    for (let count = numbers.between(0, 2); count > 0; count -= 1) add(route, world.rounds);
  else
    for (let count = numbers.between(0, 2); count > 0; count -= 1)
      add(numbers.oneOf(['openUpload', 'putChunk', 'putChunk', 'completeUpload'] as const), 3 * world.rounds);
  if (world.updates === 'in chunks' && numbers.between(0, 1) === 0) {
    const what = numbers.oneOf(['fails', 'fails late', 'killed before', 'killed after'] as const);
    const downMs = what.startsWith('killed') ? someMilliseconds(numbers, 15_000) : 0;
    const at = numbers.between(0, OPERATIONS * world.rounds);
    faults.push({ kind: 'disk', operation: 'add chunk', at, what, downMs });
  }
  if (world.tasks === 'streamed')
    for (let count = numbers.between(0, 2); count > 0; count -= 1)
      add('taskStream', 2, numbers.between(0, 1) === 0 ? 'stream broken' : undefined);
  return faults;
}

function transportFault(numbers: KeyedNumbers): Omit<MessageFault, 'from' | 'message'> {
  const what = numbers.oneOf([
    'request twice',
    'request twice',
    'request late',
    'answer lost',
    'request lost',
    'request cut',
  ] as const);
  return { kind: 'message', what, byMs: someMilliseconds(numbers, 8000) };
}

type World = Omit<FuzzSchedule, 'faults'>;

function drawFault(numbers: KeyedNumbers, world: World): FuzzFault {
  const share = numbers.unit();
  if (share < 0.4) return messageFault(numbers, world);
  if (share < 0.65) return diskFault(numbers, world);
  if (share < 0.85) return processFault(numbers, world);
  return share < 0.93 ? clockFault(numbers, world) : trainingFault(numbers, world);
}

/**
 * What hardly ever comes together by chance: an update that is on its way for long, while the node that sent it is
 * killed, comes back, and has something else to say in the same attempt.
 */
function comeback(numbers: KeyedNumbers, world: World): FuzzFault[] {
  const of = numbers.between(0, world.participants - 1);
  const round = numbers.between(1, world.rounds);
  const byMs = numbers.between(1000, 10_000);
  const atMs = (round - 1) * ROUND_MS + numbers.between(500, 4000);
  const late: MessageFault = {
    kind: 'message',
    from: of,
    message: round - 1,
    route: world.secure ? 'putMaskedUpdate' : 'putUpdate',
    what: 'request late',
    byMs,
  };
  const killed: ProcessFault = {
    kind: 'process',
    of,
    what: 'killed',
    atMs,
    forMs: someMilliseconds(numbers, 3000),
  };
  const declines: TrainingFault = { kind: 'training', of, round, life: 2 };
  return numbers.between(0, 1) === 0 ? [late, killed] : [late, killed, declines];
}

function messageFault(numbers: KeyedNumbers, world: World): MessageFault {
  const what = numbers.oneOf([
    'request lost',
    'answer lost',
    'request cut',
    'request late',
    'answer late',
    'request twice',
  ] as const);
  const isTimed = what === 'request late' || what === 'answer late' || what === 'request twice';
  return {
    kind: 'message',
    from: numbers.between(0, 9) === 0 ? 'operator' : nodeOf(numbers, world),
    message: numbers.between(0, (world.secure ? SECURE_MESSAGES : MESSAGES) * world.rounds),
    what,
    byMs: isTimed ? someMilliseconds(numbers, 12_000) : 0,
  };
}

function diskFault(numbers: KeyedNumbers, world: World): DiskFault {
  const operation = numbers.oneOf([
    'append',
    'append',
    'append',
    'put',
    'put',
    'read events',
    'read content',
  ] as const);
  const isWrite = operation === 'append' || operation === 'put';
  const what = numbers.oneOf(
    isWrite
      ? (['fails', 'fails late', 'killed before', 'killed after'] as const)
      : (['fails', 'killed before'] as const),
  );
  const downMs = what.startsWith('killed') ? someMilliseconds(numbers, 15_000) : 0;
  const most = (world.secure ? SECURE_OPERATIONS : OPERATIONS) * world.rounds;
  return { kind: 'disk', operation, at: numbers.between(0, most), what, downMs };
}

function processFault(numbers: KeyedNumbers, world: World): ProcessFault {
  return {
    kind: 'process',
    of: numbers.between(0, 2) === 0 ? 'coordinator' : nodeOf(numbers, world),
    what: numbers.oneOf(['killed', 'frozen'] as const),
    atMs: numbers.between(0, ROUND_MS * world.rounds),
    forMs: someMilliseconds(numbers, 20_000),
  };
}

function clockFault(numbers: KeyedNumbers, world: World): ClockFault {
  const size = numbers.oneOf([1000, 30_000, 300_000] as const);
  return {
    kind: 'clock',
    of: numbers.between(0, 1) === 0 ? 'coordinator' : nodeOf(numbers, world),
    atMs: numbers.between(0, ROUND_MS * world.rounds),
    byMs: numbers.between(-size, size),
  };
}

function trainingFault(numbers: KeyedNumbers, world: World): TrainingFault {
  return {
    kind: 'training',
    of: numbers.between(0, world.participants - 1),
    round: numbers.between(1, world.rounds),
    life: numbers.between(1, 2),
  };
}

/** Participants without whom there is no cohort. */
function leastOf({ cohort: { size, minimum }, secure }: World): number {
  return Math.max(minimum, secure ? thresholdFor(size + secure.extra) : 0);
}

function nodeOf(numbers: KeyedNumbers, { participants, hasEvaluator }: World): number {
  return numbers.between(0, participants - (hasEvaluator ? 0 : 1));
}

/** Short ones are as likely as long ones. */
function someMilliseconds(numbers: KeyedNumbers, most: number): number {
  return Math.round(most ** numbers.unit());
}
