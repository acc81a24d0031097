/**
 * What a secure attempt of a hundred participants over a million coordinates costs one participant and the coordinator,
 * where a tenth drops out between shares and update. The graph of neighbours is complete.
 *
 * Baseline: the key streams of the masks alone, as OpenSSL gives them in one piece.
 */
import { createCipheriv } from 'node:crypto';
import { planCodec } from '../../../protocol/ring/width.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import { cpuMsInTurns } from '../measure.ts';
import type { Measured, RowContext, RowDefinition } from '../row.ts';
import { SecureCohort } from '../secure-cohort.ts';

const PARTICIPANTS = 100;
const DROPPED = 10;
const LENGTH = 1_000_000;
const RUNS = 5;

let prepared: Promise<SecureCohort> | undefined;

/** One cohort for all rows: to make it takes as long as a hundred participants. */
function cohort({ progress }: RowContext): Promise<SecureCohort> {
  prepared ??= (async () => {
    const made = new SecureCohort({ manifest: manifest(), dropped: DROPPED });
    await made.prepare(progress);
    return made;
  })();
  return prepared;
}

export const secureParticipant: RowDefinition = {
  name: 'secagg/participant/n100-d1M-b24-drop10',
  unit: 'ms',
  what: 'processor time of all that one participant of 100 does but train; baseline: the key streams of its 100 masks',
  asked: [{ of: 'value', atMost: 350 }],
  measure: async (context) => {
    const made = await cohort(context);
    context.progress('one participant');
    return cpuMsInTurns(
      async () => {
        await made.participant();
        return { units: 1 };
      },
      keyStreams(PARTICIPANTS),
      RUNS,
    );
  },
};

export const secureCoordinator: RowDefinition = {
  name: 'secagg/coordinator/n100-d1M-b24-drop10',
  unit: 'ms',
  what: 'processor time of the coordinator for 100 participants, of whom 10 drop out; baseline: the key streams of the 990 masks',
  asked: [{ of: 'value', atMost: 3500 }],
  measure: async (context) => {
    const made = await cohort(context);
    context.progress('the coordinator');
    const survivors = PARTICIPANTS - DROPPED;
    return cpuMsInTurns(
      async () => {
        await made.coordinator();
        return { units: 1 };
      },
      keyStreams(survivors + DROPPED * survivors),
      RUNS,
    );
  },
};

export const secureUpload: RowDefinition = {
  name: 'secagg/upload/n100-d1M-b24',
  unit: 'MB',
  what: 'bytes that one of 100 participants sends in an attempt, all messages; baseline: 3 bytes a coordinate',
  asked: [{ of: 'value', atMost: 3.1 }],
  measure: async (context): Promise<Measured> => {
    const made = await cohort(context);
    return { values: [made.uploadBytes() / 1e6], baselines: [(3 * LENGTH) / 1e6] };
  },
};

function keyStreams(count: number) {
  const seed = new Uint8Array(32).fill(1);
  const zeros = new Uint8Array(4 * (LENGTH + 1));
  return async () => {
    for (let i = 0; i < count; i += 1) createCipheriv('aes-256-ctr', seed, new Uint8Array(16)).update(zeros);
    return { units: 1 };
  };
}

function manifest(): JobManifest {
  return {
    manifestVersion: 1,
    federationId: 'fed-0123456789abcdef',
    name: 'secure attempt',
    purpose: 'benchmark',
    privacyUnit: 'none',
    aggregation: 'secure',
    secureAggregation: { suite: 1, colluders: 30, answerSeconds: 60 },
    graph: { forward: '4'.repeat(64), trainStep: '5'.repeat(64) },
    initialModel: '2'.repeat(64),
    parameters: LENGTH,
    training: {
      loss: { type: 'mse' },
      optimizer: { type: 'sgd' },
      learningRate: 0.1,
      learningRateDecay: 1,
      batchSize: 1,
      epochs: 1,
    },
    weighting: 'uniform',
    codec: planCodec({ clipNorm: 10, cohortMax: PARTICIPANTS, weightMax: 1, counters: 0, width: 24 }),
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: 1,
    cohort: { size: PARTICIPANTS, minimum: 67 },
    deadlines: { collectSeconds: 60, evaluateSeconds: 60 },
    maxAttempts: 1,
    evaluateEvery: 0,
  };
}
