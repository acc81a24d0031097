/**
 * Whether a manifest can keep the promise that it states: checks that a schema cannot express. SPEC.md 12.3. Participants and
 * the coordinator make them alike, so a job whose figures are too good is refused by everybody.
 */
import { isStatistic, type JobManifest, type TrainingManifest } from '../../schemas/job.ts';
import type { CentralNoise } from '../../schemas/privacy.ts';
import type { LocalTraining } from '../../schemas/training.ts';
import { HanseError } from '../problem.ts';
import { centralRoom } from '../ring/width.ts';
import { centralReach } from './central-noise.ts';
import { epsilonOfJob, jobPrivacy } from './job-privacy.ts';
import { checkStatistic } from './statistics/statistic-job.ts';

/** By what part of a stated figure the accountant may find more: its last bits are not those of every engine. */
const STATED_SLACK = 1e-9;
/**
 * Of an adaptive codec, in units of the parameters. A clip norm goes 2^40 either way from where it begins: within these bounds
 * all stays among the normal numbers of float64 and float32, so that C_t / g_t is C / g but for roundings, and D holds.
 */
const ADAPTIVE_RANGE = { least: 2 ** -80, most: 2 ** 80 } as const;
/**
 * Of a codec with a lot: graphs clip by norms that are computed in float32. Below this range squares vanish, a gradient that is
 * longer than C counts as one of length 0, and is not clipped; up to its end sums of clipped gradients are finite.
 */
const LOT_RANGE = { least: 2 ** -40, most: 2 ** 60 } as const;

/** An epsilon as the author of a job states it: rounded up to a millionth. */
export function statedEpsilon(epsilon: number): number {
  return Math.ceil(epsilon * 1e6) / 1e6;
}

/**
 * @param manifest attacker-controlled, of its schema
 * @throws `manifestInvalid`; of a statistic `statisticRefused` and `noiseTableTooLarge` besides
 */
export function checkPrivacy(manifest: JobManifest): void {
  if (isStatistic(manifest)) {
    checkStatistic(manifest);
    checkFigures(manifest);
    return;
  }
  const { privacyUnit, privacy, codec, weighting, training } = manifest;
  if (codec.adaptive) checkAdaptive(manifest);
  else if (codec.counters !== 0) throw invalid('codec.counters', 'they are for adaptive clipping: state 0');
  if (privacyUnit === 'none') {
    if (privacy) throw invalid('privacy', 'a job of the unit none promises nothing');
    if (codec.noise) throw invalid('codec.noise', 'noise belongs to a promise: state a privacyUnit');
    if (codec.lot) throw invalid('codec.lot', 'lots belong to a promise: state a privacyUnit');
    return;
  }
  if (!privacy) throw invalid('privacy', `a promise about each ${privacyUnit} needs its figures`);
  if (privacy.centralNoise) checkCentral(manifest, privacy.centralNoise);
  else if (!codec.noise) throw invalid('codec.noise', `a promise about each ${privacyUnit} needs noise`);
  else if (privacy.epsilonServer === undefined)
    throw invalid('privacy.epsilonServer', 'it may be absent where the coordinator is trusted alone');
  if (privacyUnit === 'participant') {
    if (codec.lot) throw invalid('codec.lot', 'lots protect examples and persons, not participants');
    if (weighting !== 'uniform')
      throw invalid('weighting', 'weights would tell how much data a participant has: state uniform');
  } else {
    if (!codec.lot) throw invalid('codec.lot', `a promise about each ${privacyUnit} needs secret lots`);
    if (codec.rotation) throw invalid('codec.rotation', 'sums over lots are not turned');
    if (weighting !== 'examples')
      throw invalid('weighting', 'sums over lots are divided by numbers of examples: state examples');
    if (!(codec.clipNorm >= LOT_RANGE.least && codec.clipNorm <= LOT_RANGE.most))
      throw invalid('codec.clipNorm', 'with lots it has to be within 2^-40..2^60');
    checkLotTraining(training);
  }
  checkFigures(manifest);
}

/** The counter tells of each participant whether it was clipped: SPEC.md 12.10. */
function checkAdaptive({ privacyUnit, codec }: TrainingManifest): void {
  if (privacyUnit !== 'participant' || !codec.noise)
    throw invalid(
      'codec.adaptive',
      'a clip count has to be hidden by the noise of participants: state the unit',
    );
  if (codec.counters !== 1) throw invalid('codec.counters', 'adaptive clipping has one');
  for (const [field, size] of [
    ['clipNorm', codec.clipNorm],
    ['grid', codec.grid],
    ['rotation.bound', codec.rotation?.bound ?? codec.clipNorm],
  ] as const)
    if (!(size >= ADAPTIVE_RANGE.least && size <= ADAPTIVE_RANGE.most))
      throw invalid(`codec.${field}`, 'with adaptive clipping it has to be within 2^-80..2^80');
}

/** Noise of a trusted coordinator: SPEC.md 12.11. */
function checkCentral({ privacyUnit, privacy, codec, cohort }: TrainingManifest, noise: CentralNoise): void {
  if (codec.noise)
    throw invalid('codec.noise', 'a coordinator that is trusted adds the noise, and participants none');
  if (privacy?.epsilonServer !== undefined)
    throw invalid('privacy.epsilonServer', 'nothing is promised against a coordinator that is trusted');
  if (noise.type === 'gaussianTree' && privacyUnit !== 'participant')
    throw invalid('privacy.centralNoise', 'trees are for participants, who take part once in each');
  const room = centralRoom(codec, cohort.size);
  if (!(centralReach(noise) <= room))
    throw invalid('privacy.centralNoise.sigma', `${codec.width} bits leave room for ${room} steps of noise`);
}

/** One opened step a round: what else a manifest says about local steps would be ignored, and is refused instead. */
function checkLotTraining(training: LocalTraining): void {
  const { optimizer, epochs, maxSteps, gradientClip, schedule, learningRate, learningRateDecay } = training;
  const ignored: readonly (readonly [string, boolean])[] = [
    ['optimizer', optimizer.type !== 'sgd' || optimizer.weightDecay !== undefined],
    ['epochs', epochs !== 1],
    ['maxSteps', maxSteps !== undefined],
    ['gradientClip', gradientClip !== undefined],
    ['schedule', schedule !== undefined],
    ['learningRate', learningRate !== 1],
    ['learningRateDecay', learningRateDecay !== 1],
  ];
  for (const [field, is] of ignored)
    if (is)
      throw invalid(
        `training.${field}`,
        'a round over lots is one step of the strategy: plain sgd, one epoch, learning rate 1, nothing else',
      );
}

function checkFigures(manifest: JobManifest): void {
  const privacy = jobPrivacy(manifest);
  const stated = manifest.privacy;
  if (!privacy || !stated) throw invalid('privacy', 'no promise can be made of it');
  const epsilon = epsilonOfJob(privacy.total, privacy.delta);
  for (const [field, figure] of [
    ['epsilonServer', stated.epsilonServer],
    ['epsilonModel', stated.epsilonModel],
  ] as const)
    if (figure !== undefined && !(epsilon <= figure * (1 + STATED_SLACK)))
      throw invalid(
        `privacy.${field}`,
        `${figure} is stated, and the accountant finds ${epsilon} at delta ${privacy.delta}`,
      );
}

function invalid(where: string, reason: string): HanseError<'manifestInvalid'> {
  return new HanseError('manifestInvalid', { where, reason });
}
