/**
 * A plan of privacy in words, tables and a chart: what somebody reads before consenting. Pure.
 */
import { plot } from 'asciichart';
import { DRIFT_MOST, DRIFT_NOTABLE } from '../../protocol/dp/noise-of-model.ts';
import type { PrivacyPlan } from '../../protocol/dp/privacy-plan.ts';
import { NEIGHBOURING_WORDS } from './neighbouring-words.ts';
import { significant } from './significant.ts';

const CHART_HEIGHT = 8;
/** Columns of the chart. */
const CHART_WIDTH = 60;

const UNITS = {
  example: "one row of a participant's data",
  person: 'all rows of one person at a participant',
  participant: 'all data of one participant',
} as const satisfies Record<PrivacyPlan['unit'], string>;

/** The plan in lines, for people: promise, mechanics, what other choices cost, and what becomes of the model. */
export function describePlan(plan: PrivacyPlan): string[] {
  return [
    ...promise(plan),
    ...mechanics(plan),
    '',
    ...table(
      ['rounds', 'epsilon'],
      milestones(plan).map(({ rounds, epsilon }) => [`${rounds}`, figure(epsilon)]),
    ),
    '',
    ...table(
      ['noise multiplier', 'epsilon', 'drift'],
      plan.byNoise.map((at) => [figure(at.noiseMultiplier), figure(at.epsilon), driftOf(at)]),
    ),
    '',
    ...table(
      ['updates a round', 'noise counted of', 'noise multiplier', 'epsilon', 'drift'],
      plan.byCohort.map((at) => [
        ...[`${at.cohort}`, `${at.parties}`, figure(at.noiseMultiplier), figure(at.epsilon), driftOf(at)],
      ]),
    ),
    '',
    ...chart(plan),
    '',
    ...outlook(plan),
  ];
}

function promise(plan: PrivacyPlan): string[] {
  const { delta, deltaParts: parts, units } = plan;
  return [
    line('unit', `${plan.unit}: ${UNITS[plan.unit]}`),
    line('neighbours', `one unit, ${NEIGHBOURING_WORDS[plan.neighbouring]} (${plan.neighbouring})`),
    ...epsilons(plan),
    line(
      'delta',
      units === null
        ? `${delta}; has to be far below one over the number of units, which nobody has said`
        : `${delta}, below 1/N = ${figure(1 / units)} of ${units} units`,
    ),
    line(
      '',
      `of it lots that are too large ${figure(parts.largerLots)}, sums that are too long ${figure(parts.longerSums)}, ` +
        `tables of noise ${figure(parts.tables)}, the accountant ${figure(parts.accountant)}`,
    ),
  ];
}

/** Against whom it holds. */
function epsilons({ epsilonServer, epsilonModel, lotRate, accountant }: PrivacyPlan): string[] {
  if (epsilonServer === null)
    return [
      line('epsilon', `${figure(epsilonModel)} against everybody but the coordinator (epsilonModel)`),
      line('', `the coordinator is trusted: it sees sums without noise; by the accountant ${accountant}`),
    ];
  const lots = lotRate === null ? 'nothing is sampled in secret' : 'lots are secret from both';
  return [
    line(
      'epsilon',
      `${figure(epsilonServer)} against the coordinator and whoever takes part (epsilonServer)`,
    ),
    line('', `${figure(epsilonModel)} against who gets the models alone (epsilonModel)`),
    line(
      '',
      `equal, for who is in a cohort is known to others, and ${lots}; by the accountant ${accountant}`,
    ),
  ];
}

function mechanics(plan: PrivacyPlan): string[] {
  const { noise, lotRate } = plan;
  return [
    line('noise', `${noise.type}, sigma ${figure(noise.sigma)} steps of the grid ${placeOf(plan)}`),
    line(
      '',
      `noise multiplier ${figure(plan.noiseMultiplier)}: sigma sqrt(${plan.parties}) over the sensitivity of ${figure(plan.sensitivity)} steps`,
    ),
    line(
      'grid',
      `clip norm ${figure(plan.clipNorm)} is ${figure(plan.levels)} steps; ${plan.width} bits a coordinate of ${plan.parameters}`,
    ),
    ...clipping(plan),
    ...(lotRate === null
      ? []
      : [line('lots', `each unit is in a round with a chance of ${figure(lotRate)}`)]),
    cohortLine(plan),
  ];
}

function placeOf({ noise }: PrivacyPlan): string {
  if (noise.type === 'gaussianTree')
    return `for each node of trees over ${noise.rounds} rounds, in which a participant is once`;
  return noise.type === 'gaussian' ? 'for the sum of each round' : 'for each participant';
}

function clipping({ clipQuantile, clipCountNoise, cohort }: PrivacyPlan): string[] {
  if (clipQuantile === null || clipCountNoise === null) return [];
  return [
    line(
      'clipping',
      `the clip norm of later rounds goes to the ${figure(clipQuantile)} quantile of the lengths of updates,`,
    ),
    line(
      '',
      `by a count that is off by ${figure(clipCountNoise)} of ${cohort} (standard deviation), charged with the sum`,
    ),
  ];
}

function cohortLine(plan: PrivacyPlan): string {
  if (plan.epsilonServer === null) return line('cohort', `${plan.cohort} updates a round`);
  return line(
    'cohort',
    `${plan.cohort} updates a round, noise counted of ${plan.parties} (uMin - cMax): ` +
      `a full sum has ${figure(plan.excess)} times as much, sqrt(${plan.cohort}/${plan.parties})`,
  );
}

/** After the first round, a quarter, a half and all of them. */
function milestones({ byRounds, rounds }: PrivacyPlan): PrivacyPlan['byRounds'] {
  const wanted = [1, Math.ceil(rounds / 4), Math.ceil(rounds / 2), rounds];
  return byRounds.filter((at) => wanted.includes(at.rounds));
}

function chart({ byRounds, rounds }: PrivacyPlan): string[] {
  if (rounds < 2) return ['(one round: no chart)'];
  const after = Array.from({ length: CHART_WIDTH }, (_, column) => {
    const at = 1 + (column * (rounds - 1)) / (CHART_WIDTH - 1);
    return byRounds.find((point) => point.rounds >= at)?.epsilon ?? 0;
  });
  return [`epsilon against rounds, 1 to ${rounds}`, ...plot(after, { height: CHART_HEIGHT }).split('\n')];
}

function outlook({ model, usefulCohort, unit, rounds }: PrivacyPlan): string[] {
  if (!model)
    return [line('model', 'say how many units a participant has (--units) to see what noise does to it')];
  const { noise, signal, drift } = model;
  return [
    line(
      'a step',
      `noise of the mean update ${figure(noise)} = sigma sqrt(n) g sqrt(d) / units, the update at most ${figure(signal)}: ` +
        `${figure((100 * noise) / signal)} %`,
    ),
    line('all rounds', `drift ${figure(drift)} = noise / (update sqrt(${rounds})): ${verdict(drift)}`),
    ...(drift >= DRIFT_MOST
      ? [
          line(
            'warning',
            `with the unit ${unit} at least ${usefulCohort} updates a round are needed, or more units, fewer parameters, more epsilon`,
          ),
        ]
      : []),
  ];
}

function verdict(drift: number): string {
  if (drift >= DRIFT_MOST) return 'noise is longer than all updates together can be; nothing is learnt';
  if (drift >= DRIFT_NOTABLE) return 'expect an accuracy markedly below that without noise';
  return 'expect an accuracy some points below that without noise';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  return [head, ...rows].map((row) => row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  '));
}

function line(label: string, text: string): string {
  return `${label.padEnd(11)} ${text}`;
}

function driftOf({ drift }: { readonly drift: number | null }): string {
  return drift === null ? '-' : figure(drift);
}

function figure(value: number): string {
  return Number.isFinite(value) ? significant(value) : 'unlimited';
}
