/**
 * The answer to a question, in lines. Names come from data and are shown as text.
 */
import type { StatisticAnswer, StatisticQuestion } from '../../schemas/statistic-question.ts';
import { significant } from './significant.ts';

/** With the deviation of the noise, where it is known. */
export function answerLines(
  { value, count, buckets, deviation, threshold }: StatisticAnswer,
  question: Pick<StatisticQuestion, 'statistic'> & { readonly quantile?: number },
  column: string,
): string[] {
  const noise = deviation === undefined ? '' : `, noise of deviation ${significant(deviation, 3)}`;
  const lines: string[] = [];
  if (value !== undefined) lines.push(`${statisticName(question)} of ${column}: ${value}${noise}`);
  if (count !== undefined) lines.push(`  of about ${count} rows`);
  if (buckets) {
    lines.push(`persons by ${column}${noise}`);
    const shown = buckets.map((bucket) => ({ name: asText(bucket.name), count: String(bucket.count) }));
    const wide = Math.max(4, ...shown.map(({ name }) => name.length));
    const long = Math.max(1, ...shown.map((bucket) => bucket.count.length));
    for (const { name, count: one } of shown) lines.push(`  ${name.padEnd(wide)}  ${one.padStart(long)}`);
    if (threshold !== undefined) lines.push(`  names with fewer than ${threshold} are not told`);
  }
  return lines;
}

/** A quantile says which. */
function statisticName({
  statistic,
  quantile,
}: {
  readonly statistic: string;
  readonly quantile?: number;
}): string {
  return quantile === undefined ? statistic : `${quantile} quantile`;
}

/** What a terminal would obey is written out. */
function asText(name: string): string {
  return name.replace(/\p{C}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
