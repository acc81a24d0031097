/**
 * The federation that every run of the fuzzer begins with: founded and enrolled once, then copied. Keys, forward graph
 * and train step are the same in all runs; what varies is the schedule.
 */
import { primitives } from '#primitives';
import { type AuthoredJob, authorJob, secureAggregationFor } from '../../client/author-job.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { linear } from '../../client/graph/models/linear.ts';
import { type PreparedJob, prepareJob } from '../../client/prepared-job.ts';
import { admit, type PinnedFederation } from '../../protocol/admission.ts';
import { toHex } from '../../protocol/bytes.ts';
import { canonicalSha256 } from '../../protocol/canonical.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { succeed } from '../../protocol/key-succession.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { planCodec } from '../../protocol/ring/width.ts';
import { Secret } from '../../protocol/secret.ts';
import { SOFTWARE } from '../../protocol/versions.ts';
import type { FuzzSchedule } from '../../schemas/fuzz-schedule.ts';
import type { JobStatus, TrainingManifest } from '../../schemas/job.ts';
import type { SuccessionRequest } from '../../schemas/member.ts';
import type { SecureAggregation } from '../../schemas/secagg.ts';
import { Coordinator } from '../../server/coordinator.ts';
import { createHandlers } from '../../server/handlers.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import type { Store, StoredEvent } from '../../server/store/store.ts';
import { inProcessCoordinator } from '../in-process-coordinator.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { KeyedNumbers } from './keyed-numbers.ts';

/** Where the time of every run begins; any moment would do. */
export const START_MS = Date.UTC(2026, 0, 1);

/** A coordinator has one; no job of the fuzzer has noise that follows from it. */
export const NO_NOISE_KEY = new Secret(new Uint8Array(32));

/** The most examples of a participant. */
const MOST_EXAMPLES = 5;

/** Shape of the smallest model. */
const FEATURES = 3;
const OUTPUTS = 2;

export interface Foundation {
  readonly federationId: string;
  readonly signer: Signer;
  readonly operatorKey: Uint8Array;
  readonly operatorId: string;
  /** Participants, then the evaluator. */
  readonly nodeIds: readonly string[];
  /** The keys of all nodes, and those that they may change to, by the id that goes with them. */
  readonly keys: ReadonlyMap<string, Signer>;
  /** How the n-th node names its next key, without how long the old one goes on, and the id that it then has. */
  readonly successions: readonly Succession[];
  /** The job of a schedule, as its author makes it. */
  jobFor(schedule: FuzzSchedule): AuthoredJob;
  /** What a node makes of the manifest when it prepares the job, without compiling it again. */
  readonly prepared: PreparedJob;
  /** Writes the federation into an empty store. */
  copyInto(store: Store): Promise<void>;
}

export interface Succession {
  readonly nodeId: string;
  readonly request: Omit<SuccessionRequest, 'overlapSeconds'>;
}

const foundations = new Map<number, Promise<Foundation>>();

/** @param participants how many are enrolled, besides an operator and an evaluator */
export function foundationFor(participants: number): Promise<Foundation> {
  const known = foundations.get(participants) ?? found(participants);
  foundations.set(participants, known);
  return known;
}

async function found(participants: number): Promise<Foundation> {
  const signer = await keyOf('coordinator');
  const operatorKey = (await keyOf('operator')).publicKey;
  const store = memoryStore();
  const coordinator = await Coordinator.open({
    store,
    blobs: memoryBlobStore(),
    clock: new VirtualClock(START_MS),
    random: new KeyedNumbers('foundation').source(),
    signer,
    noiseKey: NO_NOISE_KEY,
    operatorKey,
    report: (error) => {
      throw error;
    },
  });
  const { federation } = coordinator;
  const handlers = createHandlers(coordinator);
  const [operatorId = ''] = [...federation.members()].map(({ nodeId }) => nodeId);
  const operator = inProcessCoordinator(handlers, coordinator, operatorId);
  const pinned = { federationId: federation.id, coordinatorKey: toHex(signer.publicKey) };
  const nodeIds: string[] = [];
  const keys = new Map<string, Signer>();
  const successions: Succession[] = [];
  for (let index = 0; index <= participants; index += 1) {
    const role = index < participants ? 'participant' : 'evaluator';
    const organisationId = `organisation-${index}`;
    const { token } = await operator.call('createInvite', {
      body: { role, organisationId, lifetimeSeconds: 3600 },
    });
    const key = await keyOf(`node ${index}`);
    const publicKey = toHex(key.publicKey);
    const next = await keyOf(`next of node ${index}`);
    const succession = await successionOf(key, next, pinned);
    successions.push(succession);
    keys.set(await nodeIdOf(key.publicKey), key).set(succession.nodeId, next);
    const stranger = inProcessCoordinator(handlers, coordinator, undefined);
    const organisation = await keyOf(organisationId);
    const admission = await admit({ organisationId, publicKey, role }, pinned, organisation);
    const body = { token, publicKey, name: `node ${index}`, admission };
    const { nodeId } = await stranger.call('enrol', { body });
    nodeIds.push(nodeId);
    const node = inProcessCoordinator(handlers, coordinator, nodeId);
    await node.call('reportCapabilities', { body: capabilitiesOf(index) });
  }
  const events = await store.read('federation');
  await coordinator.close();
  const authored = await authorJob(plan(), federation.id);
  return {
    federationId: federation.id,
    signer,
    operatorKey,
    operatorId,
    nodeIds,
    keys,
    successions,
    jobFor: (schedule) => ({ ...authored, manifest: manifestFor(schedule, authored.manifest) }),
    prepared: await prepareJob(
      { jobId: `job-${'0'.repeat(16)}`, manifestSha256: await canonicalSha256(authored.manifest) },
      shelfOf(authored),
    ),
    copyInto: (target) => copy(events, target),
  };
}

/** What a node reports of itself, so that the run need not begin with it: `client/participant.ts` says the same. */
export function dataOf(index: number) {
  const count = 1 + (index % MOST_EXAMPLES);
  return {
    name: `data of node ${index}`,
    count,
    inputShape: [FEATURES],
    features: new Float32Array(count * FEATURES),
    targetShape: [OUTPUTS],
    targets: new Float32Array(count * OUTPUTS),
  };
}

async function successionOf(key: Signer, next: Signer, pinned: PinnedFederation): Promise<Succession> {
  const { byOld, byNew } = await succeed(key, next, pinned);
  const publicKey = toHex(next.publicKey);
  return { nodeId: await nodeIdOf(next.publicKey), request: { publicKey, byOld, byNew } };
}

function capabilitiesOf(index: number) {
  const { name, inputShape } = dataOf(index);
  return {
    software: SOFTWARE,
    provider: 'cpu' as const,
    providerReason: 'nothing is trained',
    dataSets: [{ name, version: '1', inputShape }],
  };
}

async function copy(events: readonly StoredEvent[], store: Store): Promise<void> {
  const [first] = events;
  if (first) await store.append('federation', 0, events, new Date(first.at));
}

async function keyOf(label: string): Promise<Signer> {
  const seed = new Uint8Array(32);
  new KeyedNumbers('key', label).source().fill(seed);
  return primitives.signer(seed);
}

function plan() {
  return {
    name: 'fuzz',
    purpose: 'fuzzing',
    forward: linear(FEATURES, OUTPUTS),
    training: {
      loss: { type: 'mse' },
      optimizer: { type: 'sgd' },
      learningRate: 0.1,
      learningRateDecay: 1,
      batchSize: 1,
      epochs: 1,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: 1,
    cohort: { size: 2, minimum: 1 },
    clipNorm: 1,
    weighting: 'examples',
    weightMax: MOST_EXAMPLES,
    deadlines: { collectSeconds: 10, evaluateSeconds: 10 },
    aggregation: 'plain',
    maxAttempts: 1,
    evaluateEvery: 1,
  } as const;
}

function manifestFor(schedule: FuzzSchedule, manifest: TrainingManifest): TrainingManifest {
  const { rounds, maxAttempts, collectSeconds, evaluateSeconds, hasEvaluator, secure } = schedule;
  const cohort = { ...schedule.cohort, ...(secure && { extra: secure.extra }) };
  return {
    ...manifest,
    ...(secure && { aggregation: 'secure', secureAggregation: termsOf(secure, cohort) }),
    rounds,
    cohort,
    maxAttempts,
    deadlines: { collectSeconds, evaluateSeconds },
    evaluateEvery: hasEvaluator ? 1 : 0,
    codec: planCodec({ clipNorm: 1, cohortMax: cohort.size, weightMax: MOST_EXAMPLES, counters: 0 }),
  };
}

function termsOf(
  { suite, answerSeconds }: NonNullable<FuzzSchedule['secure']>,
  cohort: TrainingManifest['cohort'],
): SecureAggregation {
  return { ...secureAggregationFor(cohort, answerSeconds), suite };
}

/** The coordinator as far as preparing a job needs it. */
function shelfOf({ manifest, blobs }: AuthoredJob): CoordinatorApi {
  const answers: Partial<Record<string, unknown>> = {
    getJob: { manifest } satisfies Partial<JobStatus>,
    getBlob: blobs[0]?.bytes,
  };
  return { call: async (name) => answers[name] as never };
}
