/**
 * A schedule from a seed: a small federation, and some faults at moments where something is going on.
 */
import type {
  ClockFault,
  DiskFault,
  FuzzFault,
  FuzzSchedule,
  MessageFault,
  ProcessFault,
  TrainingFault,
} from '../../schemas/fuzz-schedule.ts';
import { KeyedNumbers } from './keyed-numbers.ts';

export interface FuzzSize {
  readonly participants: number;
  readonly rounds: number;
}

/** The most faults of a round; half of the schedules have a quarter of them or fewer. */
const MOST_FAULTS = 16;
/** What a round takes, about, if little goes wrong. */
const ROUND_MS = 6000;
/** Messages of a node and operations of the disk in that time. */
const MESSAGES = 8;
const OPERATIONS = 24;

/** @param seed 0..2^32 - 1 */
export function drawSchedule(seed: number, { participants, rounds }: FuzzSize): FuzzSchedule {
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
  };
  const count = Math.floor(numbers.unit() ** 2 * (MOST_FAULTS * rounds + 1));
  const faults: FuzzFault[] = [];
  while (faults.length < count)
    faults.push(...(numbers.unit() < 0.15 ? comeback(numbers, world) : [drawFault(numbers, world)]));
  return { ...world, faults };
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
    route: 'putUpdate',
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
    message: numbers.between(0, MESSAGES * world.rounds),
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
  return { kind: 'disk', operation, at: numbers.between(0, OPERATIONS * world.rounds), what, downMs };
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

function nodeOf(numbers: KeyedNumbers, { participants, hasEvaluator }: World): number {
  return numbers.between(0, participants - (hasEvaluator ? 0 : 1));
}

/** Short ones are as likely as long ones. */
function someMilliseconds(numbers: KeyedNumbers, most: number): number {
  return Math.round(most ** numbers.unit());
}
