/**
 * What an audit found, in lines for people: each test with what it would notice and what it cannot see.
 */
import type { AuditReport, AuditTest } from './audit-report.ts';
import type { FaultSummary, Range } from './self-test.ts';

const VERDICTS = {
  asPromised: 'as promised',
  tooLittle: 'ALARM, too little',
  tooMuch: 'too much: no promise is broken, but the model is worse, or participants share a stream',
};

const MEANING: Readonly<Record<AuditTest, string>> = {
  variance: 'there is less noise than the manifest says',
  correlation: 'noise is not drawn anew',
  canaries: 'single units show in the sums by more than epsilon permits',
};

/** Canaries by whose cosines a deviation is known to less than one part in twenty. */
const FEW = 200;

export function describeReport(report: AuditReport): string[] {
  const { unit, claim, variance, correlation, canaries, estimate, alarms } = report;
  const { power, most } = canaries;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const isBlind = most <= claim.epsilon;
  return [
    `claim: epsilon ${claim.epsilon} at delta ${claim.delta} for each ${unit} (${claim.neighbouring}), ` +
      `noise ${claim.noiseMultiplier.toFixed(2)} times the sensitivity, ${claim.rounds} rounds of ${claim.survivors}`,
    `variance: ${variance.ratio.toFixed(3)} of what was promised over ${variance.coordinates} coordinates: ` +
      VERDICTS[variance.verdict],
    `  false alarm ${variance.falseAlarm}, notices below ${variance.noticesBelow.toFixed(3)} and above ` +
      `${variance.noticesAbove.toFixed(3)}; sees neither clipping nor noise that repeats`,
    `correlation: ${percent(correlation.commonShare)} in common to ${correlation.vectors} rounds, largest cosine ` +
      `${correlation.pair.cosine.toFixed(3)}: ${correlation.verdict === 'repeated' ? 'ALARM, repeated' : 'independent'}`,
    `  false alarm ${correlation.falseAlarm}, notices ${percent(correlation.noticesShare)} in common; sees neither ` +
      'clipping nor how much noise there is',
    `lower bound: epsilon >= ${canaries.epsilon.toFixed(2)} at ${percent(canaries.confidence)} confidence, ` +
      `${canaries.right} of ${canaries.guesses} guesses right about ${canaries.canaries} canaries: ` +
      (canaries.verdict === 'beyondClaim' ? 'ALARM, beyond the claim' : 'within the claim'),
    `  reaches ${power.promised.toFixed(2)} as promised, ${power.half.toFixed(2)} with half of the noise, ` +
      `${power.tenth.toFixed(2)} with a tenth, ${most.toFixed(2)} at most` +
      (isBlind ? ': no alarm is possible at this claim, take more canaries' : ''),
    `estimate: epsilon ${estimate.epsilon.toFixed(2)} from ${estimate.canaries} canaries, no bound and no alarm` +
      (estimate.canaries < FEW ? '; of so few it is mostly chance' : ''),
    alarms.length === 0
      ? 'nothing refutes the claim'
      : `the claim is broken: ${alarms.map((test) => MEANING[test]).join('; ')}`,
  ];
}

/** One line of a self-test. */
export function describeSummary(summary: FaultSummary): string {
  const { fault, audits, failures, alarms, variance, lowerBound } = summary;
  const found = Object.entries(alarms).filter(([, times]) => times > 0);
  const span = ([least, most]: Range, digits: number) =>
    least === most ? least.toFixed(digits) : `${least.toFixed(digits)} to ${most.toFixed(digits)}`;
  return (
    `${fault ?? 'honest'}: ${found.length === 0 ? 'found by nothing' : `found by ${found.map(([test, times]) => `${test} ${times}/${audits}`).join(', ')}`}; ` +
    `noise ${span(variance, 3)} of what was promised, epsilon >= ${span(lowerBound, 2)}: ` +
    (failures === 0 ? 'right' : `WRONG in ${failures} of ${audits}`)
  );
}
