/**
 * What has left a node, in words and small charts of at most 80 columns. Pure.
 */
import type { Egress, EgressReport, Histogram, LeftEgress } from '../../schemas/egress.ts';
import { counted } from './participant-report.ts';
import { significant } from './significant.ts';

const CHART_ROWS = 4;
const CHART_COLUMNS = 60;
const LABEL_COLUMNS = 10;
const NAME_COLUMNS = 66;
/** By eighths of a row. */
const BLOCKS = ' ▁▂▃▄▅▆▇█';

/** @param name of the node */
export function describeReport({ last, unwatched, watchedUntil }: EgressReport, name: string): string[] {
  const until = watchedUntil === null ? 'as long as it runs' : `until ${watchedUntil}`;
  if (last === null)
    return [
      `nothing is known yet of what leaves ${name}${unwatched === 0 ? '' : `: ${counted(unwatched, 'update')} left unwatched`}`,
      `it watches from now, ${until}`,
      'the next update will be shown by `hanse inspect`; with --wait it waits for one',
    ];
  const since = unwatched === 0 ? [] : [`since then ${counted(unwatched, 'update')} left unwatched`];
  return [...describeLeft(last), '', ...since, `it watches ${until}`];
}

export function describeLeft({ egress, at, receipt }: LeftEgress): string[] {
  const { jobName, jobId, round, attempt, bytes, parameters, norm, clipNorm, isClipped, step } = egress;
  const limit = isClipped
    ? `clipped to ${significant(clipNorm)}`
    : `within the limit of ${significant(clipNorm)}`;
  return [
    `name         ${cut(jobName)}`,
    `job          ${jobId}, round ${round}, attempt ${attempt}`,
    ...(receipt
      ? [`delivered    ${at}`, `SHA-256      ${receipt.sha256}`]
      : [
          `unconfirmed  ${at}: its task ended without a receipt,`,
          '             the coordinator may have all of it, a part, or nothing',
        ]),
    `message      ${bytes} bytes, ${counted(parameters, 'parameter')}`,
    `norm         ${significant(norm)}, ${limit}`,
    `step         ${significant(step)}: what is sent are multiples of it`,
    '',
    'how many parameters changed by how much',
    ...chart('before clipping', egress.before),
    ...chart('after clipping', egress.clipped),
    ...chart(egress.isTurned ? 'as sent, after a rotation' : 'as sent', egress.quantised),
    '',
    ...LEARNT[egress.visibleAs],
  ];
}

const LEARNT = {
  update: [
    'what the coordinator learns: every number of this update, and whose it is.',
    'From them it may guess something about the rows behind it. No row is sent.',
  ],
  sum: [
    'what the coordinator learns: the sum of this update with those of others,',
    'and not this one by itself. No row is sent.',
  ],
} as const satisfies Record<Egress['visibleAs'], readonly string[]>;

/** Bars, each of a height in proportion to its count; one that is not empty is always seen. */
export function chart(title: string, { counts, least, greatest }: Histogram): string[] {
  const bars = gathered(counts);
  const highest = Math.max(1, ...bars);
  const eighths = bars.map((count) =>
    count === 0 ? 0 : Math.max(1, Math.round((8 * CHART_ROWS * count) / highest)),
  );
  const rows = Array.from({ length: CHART_ROWS }, (_, fromTop) => {
    const below = 8 * (CHART_ROWS - 1 - fromTop);
    const blocks = eighths.map((height) => BLOCKS[Math.min(8, Math.max(0, height - below))]);
    const label = fromTop === 0 ? String(highest) : fromTop === CHART_ROWS - 1 ? '0' : '';
    return `${label.padStart(LABEL_COLUMNS)} |${blocks.join('')}`.trimEnd();
  });
  const [left, right] = [significant(least), significant(greatest)];
  const axis = `${left}${right.padStart(Math.max(right.length + 1, bars.length - left.length))}`;
  return ['', `  ${title}`, ...rows, `${' '.repeat(LABEL_COLUMNS + 2)}${axis}`];
}

/** Neighbours together, where there are more than fit. */
function gathered(counts: readonly number[]): number[] {
  const each = Math.max(1, Math.ceil(counts.length / CHART_COLUMNS));
  return Array.from({ length: Math.ceil(counts.length / each) }, (_, i) =>
    counts.slice(i * each, (i + 1) * each).reduce((total, count) => total + count, 0),
  );
}

function cut(name: string): string {
  const letters = [...name];
  return letters.length <= NAME_COLUMNS ? name : `${letters.slice(0, NAME_COLUMNS - 1).join('')}…`;
}
