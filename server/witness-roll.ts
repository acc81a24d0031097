/**
 * Who witnesses the log of this coordinator: by a policy that its operator has pinned, else the nodes of participants that say that
 * they do, by organisation. SPEC.md 13.11.
 */
import { parseCheckpoint } from '../protocol/audit/checkpoint.ts';
import { countedWitnesses, nodeWitnessPolicy } from '../protocol/audit/node-witness.ts';
import { formatWitnessPolicy, majorityPolicy, type WitnessPolicy } from '../protocol/audit/witness-policy.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { isValidNode } from '../protocol/known-organisations.ts';
import { HanseError } from '../protocol/problem.ts';
import type { Federation } from './federation.ts';
import type { KnownMember } from './federation-state.ts';
import type { ServedLog } from './served-log.ts';
import { WITNESSED_FILE, type WitnessedLog } from './witnessed-log.ts';
import { Witnessing, type WitnessingTimes } from './witnessing.ts';

export interface WitnessingDependencies {
  /** Over the store; absent: there is none, and its routes are not there. */
  readonly log?: ServedLog;
  /** Where it is kept what witnesses have cosigned; absent: there are none, and nothing waits for them. */
  readonly witnessed?: WitnessedLog;
  /** Absent: nodes that say that they are witnesses are. */
  readonly witnessPolicy?: WitnessPolicy | undefined;
  readonly clock: Clock;
  /** Something went wrong that nobody asked for. */
  readonly report: (error: unknown, doing: string) => void;
}

/**
 * @returns undefined where there is no log, or nothing to keep cosignatures in
 * @throws storageCorrupt where the log does not go on from what its witnesses have cosigned: it was put back, or changed
 */
export async function openWitnessing(
  federation: Federation,
  { log, witnessed: kept, witnessPolicy: pinned, clock, report }: WitnessingDependencies,
  { witnessFreshMs, witnessSilenceMs }: WitnessingTimes,
): Promise<Witnessing | undefined> {
  if (!log || !kept) return undefined;
  await requireGoingOn(log, kept);
  const witnessing = new Witnessing(pinned ?? majorityPolicy(log.key, []), {
    ...{ log, kept, clock, witnessFreshMs, witnessSilenceMs },
    silent: ({ name }, since) => {
      const silent = new HanseError('witnessSilent', { witness: name, since: new Date(since).toISOString() });
      report(silent, 'the witnesses of the log');
    },
  });
  if (pinned) return witnessing;
  const roll = new WitnessRoll(federation, log, witnessing, () => new Date(clock.now()).toISOString());
  await roll.follow();
  federation.watch(() => {
    roll.follow().catch((error: unknown) => report(error, 'the witnesses of the log'));
  });
  return witnessing;
}

class WitnessRoll {
  readonly #federation: Federation;
  readonly #log: ServedLog;
  readonly #witnessing: Witnessing;
  readonly #now: () => string;
  #turn: Promise<void> = Promise.resolve();

  constructor(federation: Federation, log: ServedLog, witnessing: Witnessing, now: () => string) {
    this.#federation = federation;
    this.#log = log;
    this.#witnessing = witnessing;
    this.#now = now;
  }

  /** Counts on those who are there now. */
  follow(): Promise<void> {
    const turn = this.#turn.then(async () => {
      const at = this.#now();
      const nodes = countedWitnesses(
        [...this.#federation.members()].filter((member) => isWitness(member, at)),
      );
      const policy = await nodeWitnessPolicy(this.#log.key, nodes);
      if (formatWitnessPolicy(policy) !== formatWitnessPolicy(this.#witnessing.policy))
        this.#witnessing.adopt(policy);
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

/** Tabs come and go, and evaluators have no say in what is released. */
function isWitness({ role, capabilities, entry }: KnownMember, at: string): boolean {
  return role === 'participant' && capabilities?.witness === true && isValidNode(entry, at);
}

async function requireGoingOn(log: ServedLog, kept: WitnessedLog): Promise<void> {
  const note = kept.read()?.checkpoint;
  if (note === undefined) return;
  const { size, root } = parseCheckpoint(note);
  if (size <= log.size && equalBytes(await log.rootAt(size), root)) return;
  const reason = `witnesses have cosigned ${size} entries of another history: the log was put back, or changed`;
  throw new HanseError('storageCorrupt', { path: WITNESSED_FILE, reason });
}
