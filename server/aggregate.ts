/**
 * From sealed updates to the next model: the coordinator's half of a round, top to bottom. SPEC.md sections 5 and 7.
 * Its mirror is `client/contribute.ts`.
 *
 *   stored updates -> exact sum in the ring -> mean -> strategy -> stored model, not yet released
 *
 * Everything here follows from the stored bytes: whoever holds them arrives at the same model, to the bit.
 */
import { HanseError } from '../protocol/problem.ts';
import { l2Norm } from '../protocol/ring/clip.ts';
import type { JobState } from '../protocol/round.ts';
import type { StrategyState } from '../protocol/strategy/strategy.ts';
import { strategyOf } from '../protocol/strategy/strategy-of.ts';
import { encodeParameters, floatsOf, payloadOf } from '../protocol/vector.ts';
import type { Sha256 } from '../schemas/ids.ts';
import type { BlobStore } from './store/blob-store.ts';
import type { UpdateSum } from './update-sum.ts';

export interface AggregatedModel {
  readonly model: Sha256;
  readonly strategyState: Sha256 | null;
  readonly updates: number;
  readonly weight: number;
  /** L2 norm of the mean update, before the strategy. */
  readonly updateNorm: number;
}

/**
 * @param job in the phase `aggregating`
 * @throws `aggregateInvalid`, `ringOverflow`: the attempt is void; or what the blob store throws: try again
 */
export async function aggregate(job: JobState, sum: UpdateSum, blobs: BlobStore): Promise<AggregatedModel> {
  // 1. The accepted updates, added as integers: exact, and the same in any order.
  const opened = (await sum.over(job.accepted)).open();

  // 2. The model that the cohort started from, and what the strategy remembers of earlier rounds.
  const strategy = strategyOf(job.manifest.strategy);
  const model = floatsOf(payloadOf(await blobs.read(job.model)));
  const memory: StrategyState =
    job.strategyState === null
      ? strategy.init(model.length)
      : strategy.decode(payloadOf(await blobs.read(job.strategyState)), model.length);

  // 3. The next model.
  const next = strategy.apply(memory, model, opened.mean);
  const updateNorm = l2Norm(opened.mean);
  if (!Number.isFinite(updateNorm))
    throw new HanseError('aggregateInvalid', { reason: 'the norm of the mean update is beyond float64' });

  // 4. Both on disk before anybody hears of them. They become the model of the job when the round is released.
  const stored = await store(blobs, next.model);
  const memoryStored = strategy.isStateless ? null : await store(blobs, strategy.encode(next.state));
  return {
    model: stored,
    strategyState: memoryStored,
    updates: opened.count,
    weight: opened.totalWeight,
    updateNorm,
  };
}

async function store(blobs: BlobStore, values: Float32Array): Promise<Sha256> {
  const vector = await encodeParameters(values);
  const { sha256 } = await blobs.put(vector, { limitBytes: vector.length });
  return sha256;
}
