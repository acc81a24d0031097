/**
 * What a job promises and what the promise costs, before anybody consents: epsilon against rounds, noise and cohort, and
 * noise against the updates that are to be learnt from. SPEC.md 12.9. Pure.
 */
import type { Codec } from '../../schemas/codec.ts';
import type { Neighbouring } from '../../schemas/dp-event.ts';
import type { CentralNoise, Noise } from '../../schemas/privacy.ts';
import { HanseError } from '../problem.ts';
import { deviationOfSum, drawsOfRounds } from './central-noise.ts';
import {
  costOfRounds,
  DELTA_OF_PARTS,
  epsilonOfRounds,
  type JobPrivacy,
  jobPrivacy,
  type Mechanics,
  noiseMultiplierOf,
  type PromisingTerms,
  sensitivityOf,
  timesOf,
} from './job-privacy.ts';
import { DRIFT_MOST, type NoiseOfModel, noiseOfModel, usefulCohort } from './noise-of-model.ts';

/** What is known beyond the manifest. */
export interface Federation {
  /** Of each participant, about; undefined: nobody said. */
  readonly units: number | undefined;
  /** Who may be chosen for a round: the data of all of them together are what delta is compared with. */
  readonly participants: number;
}

export interface PrivacyPlan {
  readonly unit: JobPrivacy['unit'];
  readonly neighbouring: Neighbouring;
  readonly accountant: 'rdp';
  /** Against the coordinator and whoever takes part in a round; null where the coordinator is trusted. */
  readonly epsilonServer: number | null;
  /** Against who gets the models: the same, for who is in a cohort is known, and lots are secret from all. */
  readonly epsilonModel: number;
  readonly delta: number;
  /** What delta is made of, over all rounds: `accountant` is the rest. */
  readonly deltaParts: {
    readonly accountant: number;
    readonly largerLots: number;
    readonly longerSums: number;
    readonly tables: number;
  };
  /** All units of the federation, N: delta is below 1/N. Null: their number is not known. */
  readonly units: number | null;
  readonly noise: Noise | CentralNoise;
  readonly noiseMultiplier: number;
  /** C; of the first round, where clipping is adaptive. */
  readonly clipNorm: number;
  /** The share of updates that is not to be clipped, to which C is moved; null: C stays. */
  readonly clipQuantile: number | null;
  /** Where clipping is adaptive: the deviation of the opened count of updates that are not clipped; else null. */
  readonly clipCountNoise: number | null;
  /** g. */
  readonly grid: number;
  /** C/g. */
  readonly levels: number;
  /** Bits of a coordinate in the ring. */
  readonly width: number;
  /** D, in steps of the grid. */
  readonly sensitivity: number;
  readonly parameters: number;
  readonly rounds: number;
  /** q of lots; null: there are none. */
  readonly lotRate: number | null;
  /** n. */
  readonly cohort: number;
  /** uMin - cMax; 1 where the coordinator adds the noise. */
  readonly parties: number;
  /** sqrt(n / (uMin - cMax)): by how much more noise is in a full sum than if all of it were counted on. */
  readonly excess: number;
  readonly byRounds: readonly { readonly rounds: number; readonly epsilon: number }[];
  readonly byNoise: readonly {
    readonly noiseMultiplier: number;
    readonly epsilon: number;
    readonly drift: number | null;
  }[];
  /** With the same noise of each participant. */
  readonly byCohort: readonly {
    readonly cohort: number;
    readonly parties: number;
    readonly noiseMultiplier: number;
    readonly epsilon: number;
    readonly drift: number | null;
  }[];
  /** Null: units are examples or persons, and nobody said how many there are. */
  readonly model: NoiseOfModel | null;
  /** Updates in a round from which on something is learnt; null as `model`. */
  readonly usefulCohort: number | null;
  /** Whether something is learnt; null as `model`. */
  readonly isUseful: boolean | null;
}

const POINTS = 48;
const FACTORS = [0.5, 0.7, 1, 1.4, 2];

/**
 * @param manifest has passed `checkPrivacy`
 * @throws `deltaTooLarge`; RangeError for a manifest that promises nothing
 */
export function planOfJob(manifest: PromisingTerms, federation: Federation): PrivacyPlan {
  const privacy = jobPrivacy(manifest);
  const { codec, parameters, rounds, training, cohort, weighting } = manifest;
  const { lot } = codec;
  const noise = manifest.privacy?.centralNoise ?? codec.noise;
  if (!privacy || !noise) throw new RangeError('the manifest promises nothing');
  const { unit, delta, parties } = privacy;
  const perParticipant = unit === 'participant' ? 1 : federation.units;
  const units = perParticipant === undefined ? null : perParticipant * federation.participants;
  checkDelta(delta, units);
  const mechanics: Mechanics = { codec, parameters, batchSize: training.batchSize, parties };
  const modelWith = (updates: number, law: Noise | CentralNoise): NoiseOfModel | null => {
    if (perParticipant === undefined) return null;
    const weight = weighting === 'uniform' ? 1 : Math.min(perParticipant, codec.weightMax);
    const expected = updates * weight * (lot?.rate ?? 1);
    return noiseOfModel({
      ...{ codec, parameters, deviation: deviationOfSum(law, updates) },
      units: expected,
      ...{ rounds, draws: drawsOfRounds(law, rounds) },
    });
  };
  const choice = (by: Mechanics, law: Noise | CentralNoise, updates: number) => ({
    noiseMultiplier: noiseMultiplierOf(by, law),
    epsilon: epsilonOfRounds(by, law, { rounds, delta }),
    drift: modelWith(updates, law)?.drift ?? null,
  });
  const model = modelWith(cohort.size, noise);
  const costOf = costOfRounds(privacy);
  const cost = (first: number) => costOf(timesOf(noise, first));
  return {
    ...{ unit, neighbouring: privacy.neighbouring, accountant: 'rdp' },
    ...{
      epsilonServer: privacy.isCentral ? null : cost(rounds),
      epsilonModel: cost(rounds),
      delta,
      deltaParts: partsOf(delta, rounds, codec),
    },
    ...{ units, noise, noiseMultiplier: privacy.noiseMultiplier, clipNorm: codec.clipNorm, grid: codec.grid },
    clipQuantile: codec.adaptive?.quantile ?? null,
    // Of +-s with all noise of a full cohort, as a count of zeros and ones.
    clipCountNoise: codec.adaptive
      ? deviationOfSum(noise, cohort.size) / (2 * codec.adaptive.bitScale)
      : null,
    ...{ levels: codec.clipNorm / codec.grid, width: codec.width, sensitivity: sensitivityOf(mechanics) },
    ...{ parameters, rounds, lotRate: lot?.rate ?? null, cohort: cohort.size, parties },
    excess: privacy.isCentral ? 1 : Math.sqrt(cohort.size / parties),
    byRounds: pointsOf(rounds).map((at) => ({ rounds: at, epsilon: cost(at) })),
    byNoise: FACTORS.map((factor) =>
      choice(mechanics, { ...noise, sigma: factor * noise.sigma }, cohort.size),
    ),
    byCohort: FACTORS.map((factor) => {
      const size = Math.max(1, Math.round(factor * cohort.size));
      const by = { ...mechanics, parties: Math.max(1, Math.floor((parties * size) / cohort.size)) };
      return { cohort: size, parties: by.parties, ...choice(by, noise, size) };
    }),
    model,
    usefulCohort: model && usefulCohort(cohort.size, model),
    isUseful: model && model.drift < DRIFT_MOST,
  };
}

/** @throws `deltaTooLarge` where delta would permit to publish one of the units */
export function checkDelta(delta: number, units: number | null): void {
  if (units !== null && !(delta < 1 / units))
    throw new HanseError('deltaTooLarge', { dataSet: 'all participants', delta, units });
}

function partsOf(delta: number, rounds: number, { lot }: Codec): PrivacyPlan['deltaParts'] {
  const parts = {
    largerLots: lot ? rounds * DELTA_OF_PARTS.largerLot : 0,
    longerSums: lot ? rounds * DELTA_OF_PARTS.longerSum : 0,
    tables: rounds * DELTA_OF_PARTS.tables,
  };
  return { accountant: delta - parts.largerLots - parts.longerSums - parts.tables, ...parts };
}

/** Numbers of rounds from 1 to all, ascending, each once; quarters, halves and all are among them. */
function pointsOf(rounds: number): number[] {
  const even = Array.from({ length: POINTS }, (_, at) => Math.ceil(((at + 1) * rounds) / POINTS));
  return [...new Set([1, ...even])].sort((a, b) => a - b);
}
