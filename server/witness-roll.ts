/**
 * Who witnesses the log of this coordinator: by a policy that its operator has pinned, else the nodes of participants that say that
 * they do, by organisation. SPEC.md 13.13.
 */
import { primitives } from '#primitives';
import { parseCheckpoint } from '../protocol/audit/checkpoint.ts';
import { countedWitnesses, nodeWitnessPolicy } from '../protocol/audit/node-witness.ts';
import {
  formatWitnessPolicy,
  majorityPolicy,
  quorumStanding,
  type WitnessPolicy,
} from '../protocol/audit/witness-policy.ts';
import { equalBytes, toHex, utf8 } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { isValidNode } from '../protocol/known-organisations.ts';
import { HanseError } from '../protocol/problem.ts';
import { type AuditNote, type AuditNotes, NO_NOTES } from './audit-notes.ts';
import type { Federation } from './federation.ts';
import type { KnownMember } from './federation-state.ts';
import { successorsOf } from './membership.ts';
import type { Report } from './seldom-report.ts';
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
  /** Of the log; absent: nothing is noted. */
  readonly notes?: AuditNotes;
  /** Something went wrong that nobody asked for. */
  readonly report: Report;
}

const NOTHING_KEPT: WitnessedLog = { read: () => undefined, write() {} };

/**
 * @returns undefined where there is no log, or nothing to keep cosignatures in
 * @throws storageCorrupt where the log does not go on from what its witnesses have cosigned: it was put back, or changed
 */
export async function openWitnessing(
  federation: Federation,
  { log, witnessed: kept, witnessPolicy: pinned, notes = NO_NOTES, clock, report }: WitnessingDependencies,
  { witnessFreshMs, witnessSilenceMs }: WitnessingTimes,
): Promise<Witnessing | undefined> {
  if (!log || !kept) return undefined;
  await requireGoingOn(log, kept);
  const note = (noted: AuditNote) => {
    notes.record(noted).catch((error: unknown) => report(error, 'a note on the witnesses of the log'));
  };
  const adopted = async (policy: WitnessPolicy) => {
    const sha256 = toHex(await primitives.sha256(utf8(formatWitnessPolicy(policy))));
    const { needed } = quorumStanding(policy, new Set());
    const data = { policy: sha256, witnesses: policy.witnesses.length, needed };
    note({ type: 'witness.policyAdopted', data });
  };
  const witnessing = new Witnessing(pinned ?? majorityPolicy(log.key, []), {
    ...{ log, clock, witnessFreshMs, witnessSilenceMs },
    // For good without witnesses, the log is served as it grows, and not as they have left it.
    kept: pinned?.quorum === 'none' ? NOTHING_KEPT : kept,
    silent: ({ name, key }, since) => {
      if (isReplaced(federation, key.publicKey)) return;
      const silent = new HanseError('witnessSilent', { witness: name, since: new Date(since).toISOString() });
      report(silent, 'the witnesses of the log');
      note({ type: 'witness.silent', data: silent.detail });
    },
  });
  if (pinned) {
    await adopted(pinned);
    return witnessing;
  }
  const roll = new WitnessRoll(federation, log, () => new Date(clock.now()).toISOString());
  const follow = () =>
    roll.follow(async (policy) => {
      if (formatWitnessPolicy(policy) === formatWitnessPolicy(witnessing.policy)) return;
      try {
        witnessing.adopt(policy);
      } finally {
        await adopted(policy);
      }
    });
  await follow();
  federation.watch(() => {
    follow().catch((error: unknown) => report(error, 'the witnesses of the log'));
  });
  return witnessing;
}

class WitnessRoll {
  readonly #federation: Federation;
  readonly #log: ServedLog;
  readonly #now: () => string;
  /** One after the other: the last policy is that of the last change. */
  #turn: Promise<void> = Promise.resolve();

  constructor(federation: Federation, log: ServedLog, now: () => string) {
    this.#federation = federation;
    this.#log = log;
    this.#now = now;
  }

  /** Counts on those who are there now. */
  follow(adopt: (policy: WitnessPolicy) => Promise<void>): Promise<void> {
    const turn = this.#turn.then(async () => {
      const at = this.#now();
      const members = [...this.#federation.members()].filter((member) => isWitness(member, at));
      await adopt(
        await nodeWitnessPolicy(
          this.#log.key,
          countedWitnesses(members, ({ nodeId }) => this.#federation.firstKeyOf(nodeId)),
        ),
      );
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

/** Tabs come and go, and evaluators have no say in what is released. */
function isWitness({ role, capabilities, entry }: KnownMember, at: string): boolean {
  return role === 'participant' && capabilities?.witness === true && isValidNode(entry, at);
}

/** A node that goes on with its next key says nothing with this one, and nothing is wrong with that. */
function isReplaced(federation: Federation, publicKey: Uint8Array): boolean {
  const members = [...federation.members()];
  const own = members.find((member) => equalBytes(member.publicKey, publicKey));
  return own !== undefined && successorsOf(members).has(own.nodeId);
}

async function requireGoingOn(log: ServedLog, kept: WitnessedLog): Promise<void> {
  const note = kept.read()?.checkpoint;
  if (note === undefined) return;
  const { size, root } = parseCheckpoint(note);
  if (size <= log.size && equalBytes(await log.rootAt(size), root)) return;
  const reason = `witnesses have cosigned ${size} entries of another history: the log was put back, or changed`;
  throw new HanseError('storageCorrupt', { path: WITNESSED_FILE, reason });
}
