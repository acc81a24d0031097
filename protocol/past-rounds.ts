/**
 * Finding one's way in the rounds of a job that are over. SPEC.md 8.1.
 */
import type { JobManifest, RoundClipping, RoundSummary } from '../schemas/job.ts';
import { clipRuleOf, nextClipNorm } from './dp/adaptive-clip.ts';
import { HanseError } from './problem.ts';

/**
 * The attempt of a round that was released, else its last one; undefined while none is over.
 * @param rounds in the order in which they ended @param attempt if one is wanted
 */
export function attemptOfRound(
  rounds: readonly RoundSummary[],
  round: number,
  attempt?: number,
): RoundSummary | undefined {
  const attempts = rounds.filter((summary) => summary.round === round);
  if (attempt !== undefined) return attempts.find((summary) => summary.attempt === attempt);
  return attempts.find(({ outcome }) => outcome === 'released') ?? attempts.at(-1);
}

/** SHA-256 of the model that a round has started from. */
export function modelBefore(
  { initialModel }: Pick<JobManifest, 'initialModel'>,
  rounds: readonly RoundSummary[],
  round: number,
): string {
  const before = rounds.findLast((summary) => summary.round < round && summary.model !== null);
  return before?.model ?? initialModel;
}

/**
 * C of a round whose clipping is adaptive, from the noised clip counts of the rounds before it; undefined where it is not.
 * SPEC.md 12.10.
 */
export function clipNormOf(
  { codec }: Pick<JobManifest, 'codec'>,
  rounds: readonly RoundSummary[],
  round: number,
): number | undefined {
  const rule = clipRuleOf(codec);
  if (!rule) return undefined;
  return clippingsBefore(rounds, round).reduce(
    (clipNorm, { fraction }) => nextClipNorm(clipNorm, fraction, rule),
    rule.initial,
  );
}

/**
 * The same, for whoever has it from a coordinator: every round before has told its clip norm and count, once and in order, and
 * the norms follow from each other.
 * @param rounds attacker-controlled
 * @throws `modelChainBroken`
 */
export function checkedClipNorm(
  { codec }: Pick<JobManifest, 'codec'>,
  rounds: readonly RoundSummary[],
  round: number,
): number | undefined {
  const rule = clipRuleOf(codec);
  if (!rule) return undefined;
  const told = clippingsBefore(rounds, round);
  let clipNorm = rule.initial;
  for (let at = 1; at < round; at += 1) {
    const clipping = told[at - 1];
    if (clipping?.round !== at || clipping.clipNorm !== clipNorm) {
      const reason = `the job tells of it the clip norm ${clipping?.clipNorm}, and it was ${clipNorm}`;
      throw new HanseError('modelChainBroken', { round: at, reason });
    }
    clipNorm = nextClipNorm(clipNorm, clipping.fraction, rule);
  }
  if (told.length !== Math.max(0, round - 1))
    throw new HanseError('modelChainBroken', { round, reason: 'the job tells more clip counts than rounds' });
  return clipNorm;
}

/** What was told of clip norms before a round, in the order in which it was told. */
function clippingsBefore(
  rounds: readonly RoundSummary[],
  before: number,
): (RoundClipping & Pick<RoundSummary, 'round'>)[] {
  return rounds.flatMap(({ round, clipping }) =>
    round < before && clipping ? [{ round, ...clipping }] : [],
  );
}
