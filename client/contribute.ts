/**
 * A row's way from the participant's memory to the sealed update, top to bottom. SPEC.md section 5.
 * Its mirror is `server/aggregate.ts`.
 *
 *   model of the round -> local training -> difference -> clip -> integers of the ring -> noise -> sealed -> masked -> delivered
 *
 * What the rows have taught leaves this node as the return value of `seal`, under masks where aggregation is secure, and in
 * no other form. How it leaves, with keys and shares that say nothing of any row, is in `update-route.ts`.
 */
import { codecOfRound } from '../protocol/dp/adaptive-clip.ts';
import { checkedClipNorm } from '../protocol/past-rounds.ts';
import type { RandomSource } from '../protocol/random.ts';
import { l2Norm } from '../protocol/ring/clip.ts';
import { layoutOf } from '../protocol/ring/payload.ts';
import { rotationSeed } from '../protocol/ring/rotation-seed.ts';
import { type Contribution, encodeUpdate } from '../protocol/ring/update.ts';
import { encodeHeader, HEADER_BYTES } from '../protocol/vector.ts';
import type { Egress } from '../schemas/egress.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { Receipt, TrainTask } from '../schemas/task.ts';
import type { Examples } from './data/examples.ts';
import { egressOf } from './egress.ts';
import { type LocalTrainer, learn } from './engine/local-training.ts';
import { unitCount } from './engine/units.ts';
import type { SpareBuffers } from './spare-buffers.ts';
import { routeFor, type Travelling } from './update-route.ts';

/** What this node brings to a round. */
export interface Contributor extends Travelling {
  readonly examples: Examples;
  readonly trainer: LocalTrainer;
  /** Orders the examples, or draws the lot; rounds the update and draws its noise. */
  readonly random: RandomSource;
  /** Used again from round to round. */
  readonly buffers: SpareBuffers;
  /** Of the owner, who sees what is about to leave and may keep it; absent: nothing is computed for it. */
  readonly inspector?: EgressInspector;
}

/** Looks at an update before it leaves. */
export interface EgressInspector {
  /** Whether anybody wants to see it now: otherwise nothing is computed. */
  isWatching(): boolean;
  /** Rejects with the problem for which the update stays here. */
  inspect(egress: Egress, signal: AbortSignal): Promise<void>;
}

/** What the owner of the node may see of the round; it stays on this node. */
export interface LocalReport {
  /** Mean training loss of the first and last batch. */
  readonly lossFirst: number;
  readonly lossLast: number;
  /** 0 where nothing is trained: a statistic. */
  readonly steps: number;
  /** L2 norm of the update before clipping and noise; of a sum over a lot, in which each gradient is clipped, as it is. */
  readonly norm: number;
  readonly isClipped: boolean;
  readonly receipt: Receipt;
  /** Updates in the sum, where aggregation is secure and this node has helped to open it. */
  readonly survivors?: number;
}

/**
 * @throws `trainingDiverged`; `messageLate` and its kin if the round ended first; `taskAnswered`; `descriptorInvalid`,
 *   `modelChainBroken` and what else `SecureAttempt` throws; what the inspector and the transport throw
 */
export async function contribute(task: TrainTask, contributor: Contributor): Promise<LocalReport> {
  const { examples, trainer, random, buffers, signal, inspector } = contributor;
  const { parameters } = contributor.manifest;
  const route = routeFor(task, contributor);
  try {
    // 0. Where clipping is adaptive, the codec of this round follows from the clip counts of those before it.
    const manifest = await ofRound(task, contributor);
    const { codec } = manifest;

    // 1. The model that this round starts from: d float32 values with the announced hash.
    const model = await route.model();

    // 2. Local training, in ONNX Runtime, on the train step that was compiled and compared when the job was prepared.
    // Where aggregation is secure, keys and shares are exchanged with the others while it trains.
    const ready = await route.begin(codec.adaptive && codec.clipNorm);
    // But what is drawn from a budget stays drawn, whatever becomes of the round: where there is a promise, all have agreed
    // before.
    if (manifest.privacyUnit !== 'none') await ready.agreed;
    const learnt = await learn(trainer, {
      ...{ manifest, model, examples, random },
      round: task.round,
      signal: AbortSignal.any([signal, ready.failed]),
      take: (bytes) => buffers.take(bytes),
    });

    // 3. What was learnt: a difference, or a sum over a secret lot. It holds no row, but can tell something about the rows:
    // SPEC.md section 1.
    const { delta } = learnt;
    const norm = l2Norm(delta);

    // 4. Turned, where the job has it so; clipped to the norm that it states, rounded to integers of the ring, given its
    // share of the noise of the sum, packed and sealed.
    const weight =
      manifest.weighting === 'uniform' ? 1 : Math.min(unitCount(examples, manifest), codec.weightMax);
    const turn = codec.rotation && { rotationSeed: await rotationSeed(task) };
    const counters = codec.adaptive ? [norm <= codec.clipNorm ? 1 : 0] : [];
    const update = seal({ delta, weight, counters, ...turn }, manifest, random, buffers);
    const egress = inspector?.isWatching()
      ? egressOf({ task, manifest, delta, norm, weight, update })
      : undefined;
    if (egress) await inspector?.inspect(egress, signal);
    signal.throwIfAborted();

    // 5. Masked, where aggregation is secure, in the memory of the difference: from here on the bytes say nothing by
    // themselves.
    await ready.mask(update, new Int32Array(delta.buffer, 0, parameters));
    buffers.give(delta.buffer);

    // 6. Delivered. The receipt says that it is on the coordinator's disk and part of the round. Until then the bytes may
    // be sent again; if delivering ends otherwise, they may still be on their way, and are not used for anything else.
    const { receipt, survivors } = await ready.deliver(update);
    buffers.give(update.buffer);

    const { lossFirst, lossLast, steps } = learnt;
    const isClipped = norm > codec.clipNorm;
    const report = { lossFirst, lossLast, steps, norm, isClipped, receipt };
    return { ...report, ...(survivors !== undefined && { survivors }) };
  } finally {
    route.end();
  }
}

/** The manifest with the codec of the round. */
async function ofRound(
  { jobId, round }: TrainTask,
  { manifest, api, signal }: Contributor,
): Promise<JobManifest> {
  if (!manifest.codec.adaptive) return manifest;
  const { rounds } = await api.call('getJob', { params: { jobId }, query: {} }, { signal });
  return { ...manifest, codec: codecOfRound(manifest.codec, checkedClipNorm(manifest, rounds, round)) };
}

/** The update as it leaves the node: header, packed coordinates, weight. */
function seal(
  contribution: Contribution,
  { codec }: JobManifest,
  random: RandomSource,
  buffers: SpareBuffers,
): Uint8Array<ArrayBuffer> {
  const { width, secondBlock, payloadBytes } = layoutOf(codec, contribution.delta.length);
  const sealed = new Uint8Array(buffers.take(HEADER_BYTES + payloadBytes));
  sealed.set(encodeHeader({ kind: 'update', width, length: contribution.delta.length, secondBlock }));
  const words = new Uint32Array(sealed.buffer, HEADER_BYTES);
  encodeUpdate(contribution, codec, random, words);
  return sealed;
}
