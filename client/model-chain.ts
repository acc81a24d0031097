/**
 * The models of secure jobs, each made by this node from the one before and the sum that was opened. SPEC.md 11.9. Clip norms
 * that follow from clip counts are made with them: 12.10.
 *
 * The sum takes the place of the model on the wire: it is shorter, and a model that does not follow from it is never
 * trained on. A chain begins with the initial model of the job, or with the first model that a node sees of a job which it
 * joins later; that one it has to believe, as it has the present one after it has missed more rounds than `MOST_STEPS`.
 */
import { primitives as platform } from '#primitives';
import type { Primitives } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import { firstState, followRecord, type ModelState, stateOf } from '../protocol/secagg/model-chain.ts';
import { checkRecordSignature } from '../protocol/secagg/record.ts';
import { HEADER_BYTES } from '../protocol/vector.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { RoundRecord } from '../schemas/secagg.ts';
import type { TrainTask } from '../schemas/task.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { fetchBlob, fetchModel, fetchSum } from './prepared-job.ts';

/** Rounds that a node may have missed and still makes up for. */
const MOST_STEPS = 8;

/** Models and states that are kept between rounds, of all jobs together. */
const KEPT_BYTES = 268_435_456;

interface Link extends ModelState {
  /** The round that starts from this model. */
  readonly round: number;
  readonly sha256: string;
}

/** What a chain is made from, for one task. */
interface Source {
  readonly task: TrainTask;
  readonly manifest: JobManifest;
  readonly api: CoordinatorApi;
  readonly signal: AbortSignal;
  /** The record of a round of the job, its signature checked. */
  recordOf(round: number): Promise<RoundRecord>;
}

export class ModelChain {
  /** By job; the one that was used last comes last. */
  readonly #links = new Map<string, Link>();
  readonly #primitives: Pick<Primitives, 'verify'>;

  /** @param primitives by which records are verified */
  constructor(primitives: Pick<Primitives, 'verify'> = platform) {
    this.#primitives = primitives;
  }

  /**
   * The model that this round starts from: d values with the announced hash, read-only.
   * @param coordinatorKey pinned, hex
   * @throws `modelChainBroken`, `hashMismatch`, what the transport throws
   */
  async model(
    task: TrainTask,
    manifest: JobManifest,
    coordinatorKey: string,
    api: CoordinatorApi,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const known = this.#links.get(task.jobId);
    if (known && known.round > task.round) throw broken(task.round, 'it lies behind the last one');
    const recordOf = async (round: number): Promise<RoundRecord> => {
      const params = { jobId: task.jobId, round: String(round) };
      const signed = await api.call('getRecord', { params }, { signal });
      await checkRecordSignature(this.#primitives, signed, coordinatorKey);
      const { descriptor } = signed.record.descriptor;
      if (descriptor.jobId !== task.jobId || descriptor.round !== round)
        throw broken(round, 'the record is that of another round');
      return signed.record;
    };
    const source = { task, manifest, api, signal, recordOf };
    const isNear = known && task.round - known.round <= MOST_STEPS;
    const link = await (isNear ? follow(known, source) : begin(source));
    this.#keep(task.jobId, link);
    return link.model;
  }

  #keep(jobId: string, link: Link): void {
    this.#links.delete(jobId);
    this.#links.set(jobId, link);
    let bytes = 0;
    for (const [job, { model, state }] of [...this.#links].reverse()) {
      bytes += model.byteLength + state.byteLength;
      if (bytes > KEPT_BYTES) this.#links.delete(job);
    }
  }
}

async function follow(known: Link, { task, manifest, api, signal, recordOf }: Source): Promise<Link> {
  let link = known;
  while (link.round < task.round) {
    const { round, sha256 } = link;
    const record = await recordOf(round);
    if (record.descriptor.descriptor.model !== sha256)
      throw broken(round, 'the record of the round starts from another model');
    const sum = await fetchSum(manifest, record, api, signal);
    const next = await followRecord(platform, manifest, link, record, sum);
    link = { ...next, round: round + 1, sha256: record.nextModel };
  }
  if (link.sha256 !== task.model) throw broken(task.round, 'the model of the task is another one');
  const told = task.secure?.descriptor.clipNorm;
  if (told !== link.clipNorm)
    throw broken(task.round, `its clip norm is ${told}, and ${link.clipNorm} follows from the counts`);
  return link;
}

async function begin({ task, manifest, api, signal, recordOf }: Source): Promise<Link> {
  const { jobId, round, model: sha256 } = task;
  if (round === 1 && sha256 !== manifest.initialModel)
    throw broken(round, 'it is not the initial model of the job');
  const model = await fetchModel(sha256, manifest.parameters, api, { series: jobId, signal });
  const begun = firstState(manifest, model);
  // Later ones are believed here, as the model is.
  const clipNorm = round === 1 ? begun.clipNorm : task.secure?.descriptor.clipNorm;
  const first = { ...begun, clipNorm };
  if (round === 1 || first.state.length === 0) return { ...first, round, sha256 };
  const record = await recordOf(round - 1);
  if (record.nextModel !== sha256) throw broken(round, 'the record before it leads to another model');
  const limitBytes = HEADER_BYTES + first.state.byteLength;
  if (record.strategyState === null)
    throw broken(round, 'the record before it names no state of the strategy');
  const stored = await fetchBlob('strategy state', record.strategyState, api, { limitBytes, signal });
  return { model, state: stateOf(manifest, stored), clipNorm, round, sha256 };
}

function broken(round: number, reason: string): HanseError<'modelChainBroken'> {
  return new HanseError('modelChainBroken', { round, reason });
}
