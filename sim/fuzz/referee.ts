/**
 * The invariants of a run, looked at after every step: what is on the disk, what was acknowledged, and what members
 * were shown must be one story. SPEC.md 8.1 to 8.5.
 *
 * - Records have no gaps and follow the rules of the round; each update counts once, in one attempt.
 * - What was answered stands in the records at that moment, and its content is on the disk.
 * - A model is what its updates make it, computed again from their bytes.
 * - What a member is shown of a job never goes back, and is never ahead of the records.
 * - Whoever is revoked is chosen no more, delivers no more, and no round waits for it; of two keys of a node, one counts.
 * - Nothing fails but what the schedule lets fail, and nobody's work ends but by a kill.
 * - What leaves the nodes of a secure job keeps to `secure-witness.ts`, and the sum that is opened is that of the updates
 *   which the survivors have made.
 * - A job ends, and where it fails it says why.
 * - At the end every acknowledged update is in one released sum, or in an attempt that was aborted for a named reason.
 */
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { isProblem } from '../../protocol/problem.ts';
import { encodeHeader } from '../../protocol/vector.ts';
import type { JobManifest, JobStatus } from '../../schemas/job.ts';
import type { Receipt } from '../../schemas/task.ts';
import type { Coordinator } from '../../server/coordinator.ts';
import type { StoredEvent } from '../../server/store/store.ts';
import type { FaultyDisk } from './faulty-disk.ts';
import { type Attempt, JobLedger } from './job-ledger.ts';
import { integersOf, recompute, recomputeSum } from './recompute.ts';
import { isSecureRecord, type SecureRecord } from './secure-account.ts';
import { SecureWitness } from './secure-witness.ts';
import { Violation } from './violation.ts';

/** An update that the coordinator has answered with a receipt. */
interface Acknowledged {
  readonly jobId: string;
  /** `<round>/<attempt>`. */
  readonly place: string;
  readonly nodeId: string;
  readonly sha256: string;
}

const PHASES: readonly JobStatus['phase'][] = [
  'recruiting',
  'advertising',
  'sharing',
  'collecting',
  'consenting',
  'unmasking',
  'aggregating',
  'evaluating',
  'releasing',
  'finished',
  'failed',
  'cancelled',
];

/** What was under way to the disk when the operator was told. */
const UNDER_WAY_MS = 20;
/** By then a round has taken note; trying again after a failure of the disk takes a second. */
const PROMPT_MS = 3000;

/** Failures of the disk, which the schedule asks for. */
const EXPECTED: ReadonlySet<string> = new Set(['storageFull', 'storageFailed']);

export class Referee {
  readonly ledgers = new Map<string, JobLedger>();
  readonly witness: SecureWitness;
  readonly #disk: FaultyDisk;
  readonly #manifest: JobManifest;
  readonly #isClockSteady: boolean;
  readonly #acknowledged: Acknowledged[] = [];
  /** Looked at with the next step: they were answered in the middle of this one. */
  #fresh: Acknowledged[] = [];
  #heard: { readonly jobId: string; readonly said: string }[] = [];
  readonly #shown = new Map<string, JobStatus>();
  /** When the operator was told that a node is revoked, all of its keys included. */
  readonly #revokedAt = new Map<string, number>();
  /** The key before this one, of nodes that have changed theirs. */
  readonly #before = new Map<string, string>();
  #read = 0;
  #found: Violation | undefined;

  /** @param manifest of the only job, as its author made it */
  constructor(disk: FaultyDisk, manifest: JobManifest, isClockSteady: boolean) {
    this.#disk = disk;
    this.#manifest = manifest;
    this.#isClockSteady = isClockSteady;
    this.witness = new SecureWitness(manifest, {
      ledgerOf: (jobId) => this.ledgers.get(jobId),
      note: (rule, message) => this.note(rule, message),
    });
  }

  /** What somebody else has noticed; the first one counts. */
  note(rule: string, message: string): void {
    this.#found ??= new Violation(rule, message);
  }

  /** An update was answered with a receipt: it must be in the records by now. */
  acknowledged(
    nodeId: string,
    params: { readonly jobId: string; readonly round: string; readonly attempt: string },
    { sha256 }: Receipt,
  ): void {
    const { jobId, round, attempt } = params;
    this.#fresh.push({ jobId, place: `${round}/${attempt}`, nodeId, sha256 });
  }

  /** A message of a secure attempt was answered: as above. A consent may come when enough others are there: it is none. */
  heard(
    nodeId: string,
    { jobId, round, attempt }: { readonly jobId: string; readonly round: string; readonly attempt: string },
    record: Exclude<SecureRecord, 'consentGiven' | 'updateAccepted'>,
  ): void {
    this.#heard.push({ jobId, said: `${record} ${round}/${attempt}/${nodeId}` });
  }

  /** The operator was told that the node is revoked. @param now the time of the world */
  revoked(nodeId: string, now: number): void {
    if (this.#revokedAt.has(nodeId)) return;
    this.#revokedAt.set(nodeId, now);
    for (const [next, before] of this.#before) {
      if (before === nodeId) this.revoked(next, now);
      if (next === nodeId) this.revoked(before, now);
    }
  }

  /** A member was shown this of a job, after all that it was shown before. */
  shown(member: string, status: JobStatus): void {
    const key = `${member} ${status.jobId}`;
    const before = this.#shown.get(key);
    this.#shown.set(key, status);
    if (status.sequence > (this.ledgers.get(status.jobId)?.sequence ?? 0) + this.#unread(status.jobId))
      this.note('nothing is shown before it is durable', `event ${status.sequence} of ${status.jobId}`);
    if (!before) return;
    const order = (job: JobStatus) => [job.round, job.attempt, PHASES.indexOf(job.phase)];
    if (isBefore(order(status), order(before)) || status.sequence < before.sequence)
      this.note('states move forward', `${member} was shown ${describe(before)}, then ${describe(status)}`);
  }

  /** The coordinator reports what nobody asked for. */
  reported(error: unknown, doing: string): void {
    if (!isProblem(error) || !EXPECTED.has(error.code))
      this.note('nothing fails by itself', `${doing}: ${error}`);
  }

  /**
   * Looks at all that has come since the last step.
   * @param now the time of the world
   * @param awakeMs for how long the coordinator has been there without a break
   * @throws Violation
   */
  async look(now: number, coordinator: Coordinator | undefined, awakeMs: number): Promise<void> {
    const { journal } = this.#disk;
    for (; this.#read < journal.length; this.#read += 1) {
      const record = journal[this.#read];
      if (record?.type === 'keySucceeded') {
        const { nodeId, succession } = record.data as { nodeId: string; succession: { from: string } };
        this.#before.set(nodeId, succession.from);
      }
      if (!record?.stream.startsWith('job/')) continue;
      const jobId = record.stream.slice('job/'.length);
      const ledger = this.ledgers.get(jobId) ?? new JobLedger(this.#manifest, this.#isClockSteady);
      this.ledgers.set(jobId, ledger);
      this.#checkMembership(ledger, record, now, awakeMs);
      const summed = ledger.enter(record, now);
      if (summed) await this.#checkModel(ledger, summed, record.data as Summed);
    }
    for (const { jobId, said } of this.#heard.splice(0))
      if (!this.ledgers.get(jobId)?.said.has(said))
        throw new Violation('acknowledged is durable', `no ${said} in ${jobId}`);
    for (const receipt of this.#fresh.splice(0)) {
      this.#acknowledged.push(receipt);
      await this.#checkReceipt(receipt);
    }
    for (const runner of coordinator?.jobs() ?? [])
      if (runner.sequence > (this.ledgers.get(runner.jobId)?.sequence ?? 0))
        this.note('nothing is known before it is durable', `event ${runner.sequence} of ${runner.jobId}`);
    if (this.#found) throw this.#found;
  }

  /** Whether there is a job, and none that goes on. */
  get allEnded(): boolean {
    const ledgers = [...this.ledgers.values()];
    return ledgers.length > 0 && ledgers.every(({ outcome }) => outcome !== undefined);
  }

  /** What the job is doing, as its records say. */
  get phase(): string {
    const [ledger] = this.ledgers.values();
    if (!ledger) return 'before the job';
    if (ledger.outcome) return 'after the end';
    if (!ledger.current) return 'recruiting';
    if (!ledger.current.isClosed) return ledger.current.secure?.phase ?? 'collecting';
    if (!ledger.current.candidate) return 'aggregating';
    return ledger.current.isEvaluated ? 'releasing' : 'evaluating';
  }

  /** Updates that were acknowledged so far. */
  get receipts(): number {
    return this.#acknowledged.length;
  }

  /** When all jobs have ended. Throws Violation. */
  conclude(): void {
    for (const { jobId, place, nodeId } of this.#acknowledged)
      if (!this.ledgers.get(jobId)?.endings.has(place))
        throw new Violation('acknowledged is released or aborted', `${nodeId} in ${place} of ${jobId}`);
    for (const [key, { phase, jobId, model, reason }] of this.#shown) {
      if (phase === 'failed' && reason === null) throw new Violation('a failure has a name', `${key}: none`);
      const ledger = this.ledgers.get(jobId);
      if (phase !== 'finished' || (ledger?.outcome === phase && ledger.model === model)) continue;
      throw new Violation('what is shown is what was released', `${key}: ${model}, not ${ledger?.model}`);
    }
  }

  #checkMembership(ledger: JobLedger, { type, data }: StoredEvent, now: number, awakeMs: number): void {
    const isOut = (node: string, sinceMs: number) => now - (this.#revokedAt.get(node) ?? now) > sinceMs;
    if (type === 'cohortSelected') {
      const { cohort } = data as { cohort: readonly string[] };
      const out = cohort.find((node) => isOut(node, UNDER_WAY_MS));
      if (out !== undefined) throw new Violation('who is revoked is out', `${out} was chosen`);
      const twice = cohort.find((node) => cohort.includes(this.#before.get(node) ?? ''));
      if (twice !== undefined) throw new Violation('one voice of each node', `${twice} beside its old key`);
    }
    if (isSecureRecord(type) || type === 'evaluated') {
      const { node } = data as { node: string };
      if (isOut(node, UNDER_WAY_MS)) throw new Violation('who is revoked is out', `${type} of ${node}`);
    }
    if (type === 'deadlinePassed' && ledger.current) {
      // A coordinator that was away finds deadlines passed.
      const waited = Math.min(awakeMs, now - ledger.current.enteredAt);
      const out = ledger.awaited.find((node) => isOut(node, PROMPT_MS));
      if (out !== undefined && waited > PROMPT_MS)
        throw new Violation('nobody waits for who is revoked', `${out} until the deadline`);
    }
  }

  /** Records of this job that this has not looked at yet. */
  #unread(jobId: string): number {
    const unread = this.#disk.journal.slice(this.#read);
    return unread.filter(({ stream }) => stream === `job/${jobId}`).length;
  }

  async #checkReceipt({ jobId, place, nodeId, sha256 }: Acknowledged): Promise<void> {
    const counted = this.ledgers.get(jobId)?.counted.get(`${place}/${nodeId}`);
    if (counted !== sha256)
      throw new Violation(
        'acknowledged is durable',
        `${nodeId} in ${place}: ${counted ?? 'nothing'} recorded`,
      );
    if (!(await this.#disk.blobs.has(sha256)))
      throw new Violation('acknowledged is durable', `the content of ${nodeId} in ${place} is missing`);
  }

  async #checkModel(
    { manifest, model }: JobLedger,
    { updates, secure }: Attempt,
    aggregated: Summed,
  ): Promise<void> {
    const { blobs } = this.#disk;
    const contents: Uint8Array[] = [];
    for (const [node, sha256] of updates) {
      if (!(await blobs.has(sha256)))
        throw new Violation('acknowledged is durable', `the content of ${node} is missing`);
      const content = await blobs.read(sha256);
      contents.push(secure ? this.witness.madeOf(node, sha256, content) : content);
    }
    if (secure) await this.#checkSum(manifest, contents, aggregated.sum ?? '');
    const { payload, weight } = recompute(await blobs.read(model), contents, manifest);
    const { parameters: length } = manifest;
    const sha256 = await primitives.sha256(payload);
    const header = encodeHeader({ kind: 'parameters', width: 32, length, secondBlock: 0, sha256 });
    const expected = toHex(await primitives.sha256(Buffer.concat([header, payload])));
    if (aggregated.weight !== weight || aggregated.model !== expected)
      throw new Violation(
        'a model is what its updates make it',
        `weight ${aggregated.weight}, not ${weight}; ${aggregated.model}, not ${expected}`,
      );
  }

  /** @param made by the survivors, unmasked */
  async #checkSum(manifest: JobManifest, made: readonly Uint8Array[], sum: string): Promise<void> {
    const opened = integersOf(await this.#disk.blobs.read(sum), manifest.parameters, manifest.codec.width);
    const expected = recomputeSum(made, manifest);
    if (opened.join() !== expected.join())
      throw new Violation('the opened sum is that of the survivors', `${opened}, not ${expected}`);
  }
}

/** What the record of an aggregation says. */
interface Summed {
  readonly model: string;
  readonly weight: number;
  readonly sum?: string;
}

function isBefore(one: readonly number[], other: readonly number[]): boolean {
  const i = one.findIndex((number, index) => number !== other[index]);
  return i >= 0 && (one[i] as number) < (other[i] as number);
}

function describe({ round, attempt, phase, sequence }: JobStatus): string {
  return `${phase} ${round}/${attempt} after ${sequence} events`;
}
