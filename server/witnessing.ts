/**
 * The witnesses of an audit log, as its coordinator asks them: one checkpoint stays the candidate until enough of them have cosigned
 * that very note, for a quorum is about one note. Then it is witnessed, and a newer one becomes the candidate when somebody waits
 * for it, or the last one has grown old. C2SP tlog-witness, tlog-policy; SPEC.md 13.13.
 */
import { type Checkpoint, parseCheckpoint } from '../protocol/audit/checkpoint.ts';
import { cosignedAt } from '../protocol/audit/cosignature.ts';
import { formatNote, type NoteSignature, parseSignatures } from '../protocol/audit/signed-note.ts';
import {
  formatWitnessPolicy,
  isQuorum,
  missingOf,
  type QuorumStanding,
  quorumStanding,
  type Witness,
  type WitnessPolicy,
} from '../protocol/audit/witness-policy.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { HanseError } from '../protocol/problem.ts';
import type { AuditLog } from './audit-log.ts';
import type { WitnessedLog } from './witnessed-log.ts';

export interface WitnessingTimes {
  /** After so long without anybody who waits a log that has grown is witnessed anyway. */
  readonly witnessFreshMs: number;
  /** A witness that has not cosigned for so long what it was to cosign is silent. */
  readonly witnessSilenceMs: number;
}

export interface WitnessingOptions extends WitnessingTimes {
  readonly log: Pick<AuditLog, 'note' | 'size'>;
  readonly kept: WitnessedLog;
  readonly clock: Clock;
  /** Once, until the witness cosigns again. @param since when it was first to cosign what it has not */
  silent(witness: Witness, since: number): void;
}

interface Candidate {
  readonly checkpoint: Checkpoint;
  readonly note: string;
  /** By the name of the witness. */
  readonly signatures: Map<string, NoteSignature>;
}

interface Owing {
  since: number;
  isTold: boolean;
}

export class Witnessing {
  readonly #options: WitnessingOptions;
  #policy: WitnessPolicy;
  #candidate: Candidate | undefined;
  #note: string | undefined;
  /** Size of the last checkpoint that had a quorum. */
  #witnessed: number;
  #witnessedAt = Number.NEGATIVE_INFINITY;
  /** The size of a log that somebody waits for. */
  #wanted = 0;
  /** Of witnesses that have not cosigned all that they were to. */
  readonly #owing = new Map<string, Owing>();
  readonly #watchers = new Set<() => void>();

  /** @param policy as it is now; `adopt` another one */
  constructor(policy: WitnessPolicy, options: WitnessingOptions) {
    this.#options = options;
    this.#policy = policy;
    this.#note = options.kept.read()?.checkpoint;
    this.#witnessed = this.#note === undefined ? -1 : parseCheckpoint(this.#note).size;
  }

  get policy(): WitnessPolicy {
    return this.#policy;
  }

  /** The last note that had a quorum, with its cosignatures. */
  get note(): string | undefined {
    return this.#note;
  }

  /** Of the candidate. */
  get standing(): QuorumStanding {
    return quorumStanding(this.#policy, this.#seen());
  }

  /** Members of the quorum that have not cosigned the candidate: organisations as `nodeWitnessPolicy` calls them. */
  get missing(): readonly string[] {
    return missingOf(this.#policy, this.#seen());
  }

  /**
   * Counts by this policy from now on: what is there may be enough, or has to be cosigned by others.
   * @throws storageFull, storageFailed where a quorum could not be kept: it counts all the same, and its witnesses are asked again
   */
  adopt(policy: WitnessPolicy): void {
    this.#policy = policy;
    for (const name of this.#owing.keys())
      if (!policy.witnesses.some((witness) => witness.name === name)) this.#owing.delete(name);
    try {
      this.#settle();
    } catch (error) {
      this.#candidate?.signatures.clear();
      throw error;
    } finally {
      this.#renew();
      this.#owe();
      this.#tell();
    }
  }

  /** The witness that has this key. @param publicKey Ed25519, 32 bytes */
  witnessOf(publicKey: Uint8Array): Witness | undefined {
    return this.#policy.witnesses.find(({ key }) => equalBytes(key.publicKey, publicKey));
  }

  /** What this witness is to cosign now; undefined where nothing is. */
  candidateFor({ name }: Witness): string | undefined {
    this.#renew();
    this.#overlook();
    return this.#candidate?.signatures.has(name) ? undefined : this.#candidate?.note;
  }

  /**
   * Asks for a quorum on a log of at least this size.
   * @returns whether there is one already; `change` tells when that may be otherwise
   */
  want(size: number): boolean {
    if (this.has(size)) return true;
    this.#wanted = Math.max(this.#wanted, size);
    const before = this.#candidate;
    this.#renew();
    if (this.#candidate !== before) this.#tell();
    return false;
  }

  /** Whether there is a quorum on a log of at least this size, or none is needed. Asks nobody. */
  has(size: number): boolean {
    return this.#policy.quorum === 'none' || this.#witnessed >= size;
  }

  /** Asks for a quorum on everything that is logged by now. */
  ask(): void {
    this.want(this.#options.log.size);
  }

  /**
   * Resolves to true once there is a quorum on everything that is logged by now; to false after `milliseconds`, and when the signal
   * aborts.
   */
  async reach(milliseconds: number, signal: AbortSignal): Promise<boolean> {
    const { log, clock } = this.#options;
    const { size } = log;
    const end = clock.now() + milliseconds;
    while (!this.want(size)) {
      const left = end - clock.now();
      if (left <= 0 || signal.aborted) return false;
      await this.change(left, signal);
    }
    return true;
  }

  /** Resolves when there is another candidate, or one has become witnessed, after `milliseconds`, or when the signal aborts. */
  change(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        this.#watchers.delete(done);
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#watchers.add(done);
      const cancel = Number.isFinite(milliseconds)
        ? clock.schedule(clock.now() + milliseconds, done)
        : () => {};
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /**
   * Takes the cosignature of a witness of the policy. One that comes after the quorum is added to it.
   * @param line attacker-controlled
   * @throws noteMalformed; noteUnsigned for one that is not of this witness and the candidate: also when another became it meanwhile;
   *   storageFull, storageFailed
   */
  async cosign({ name, key }: Witness, line: string): Promise<void> {
    const candidate = this.#candidate;
    const [signature, ...more] = parseSignatures(line);
    const unsigned = () => new HanseError('noteUnsigned', { keys: key.name });
    if (!candidate || !signature || more.length > 0) throw unsigned();
    const { text } = candidate.checkpoint.note;
    if ((await cosignedAt({ text, signatures: [signature] }, key)) === undefined) throw unsigned();
    if (this.#candidate !== candidate) throw unsigned();
    candidate.signatures.set(name, signature);
    let isQuorum: boolean;
    try {
      isQuorum = this.#settle();
    } catch (error) {
      // As if it had not come: the witness is asked again, and may then complete the quorum, which nobody else might.
      candidate.signatures.delete(name);
      throw error;
    }
    this.#owing.delete(name);
    if (!isQuorum) return;
    this.#renew();
    this.#tell();
  }

  #seen(): Set<string> {
    return new Set(this.#candidate?.signatures.keys());
  }

  /** Keeps the candidate with what is there of cosignatures, where that is a quorum. @returns whether it is */
  #settle(): boolean {
    const { kept, clock } = this.#options;
    const candidate = this.#candidate;
    if (!candidate || this.#policy.quorum === 'none' || !isQuorum(this.#policy, this.#seen())) return false;
    const { text, signatures } = candidate.checkpoint.note;
    const cosignatures = this.#policy.witnesses.flatMap(({ name }) => candidate.signatures.get(name) ?? []);
    const checkpoint = formatNote({ text, signatures: [...signatures, ...cosignatures] });
    kept.write({ checkpoint, policy: formatWitnessPolicy(this.#policy) });
    this.#note = checkpoint;
    if (candidate.checkpoint.size > this.#witnessed) this.#witnessedAt = clock.now();
    this.#witnessed = Math.max(this.#witnessed, candidate.checkpoint.size);
    return true;
  }

  /** Another candidate, where the last one has its quorum and there is reason for one. */
  #renew(): void {
    const { log, clock, witnessFreshMs } = this.#options;
    if (this.#policy.quorum === 'none') return;
    if (this.#candidate && this.#candidate.checkpoint.size > this.#witnessed) return;
    const passed = clock.now() - this.#witnessedAt;
    // A clock that was set back puts nothing off.
    const isDue = this.#wanted > this.#witnessed || passed < 0 || passed >= witnessFreshMs;
    if (log.size <= this.#witnessed || !isDue) return;
    const { note } = log;
    this.#candidate = { checkpoint: parseCheckpoint(note), note, signatures: new Map() };
    this.#owe();
  }

  #owe(): void {
    const candidate = this.#candidate;
    if (!candidate) return;
    const since = this.#options.clock.now();
    for (const { name } of this.#policy.witnesses)
      if (!candidate.signatures.has(name) && !this.#owing.has(name))
        this.#owing.set(name, { since, isTold: false });
  }

  /** Tells of those that are silent. */
  #overlook(): void {
    const { clock, witnessSilenceMs, silent } = this.#options;
    for (const [name, owing] of this.#owing) {
      // After a clock that was set back it begins anew.
      owing.since = Math.min(owing.since, clock.now());
      if (owing.isTold || clock.now() - owing.since < witnessSilenceMs) continue;
      owing.isTold = true;
      const witness = this.#policy.witnesses.find((one) => one.name === name);
      if (witness) silent(witness, owing.since);
    }
  }

  #tell(): void {
    for (const changed of [...this.#watchers]) changed();
  }
}
