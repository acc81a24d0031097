/**
 * `hanse privacy poll`: a statistic over the tables of several owners, of which nobody sees more than the noised sum. Each
 * owner's node pays out of its own budget. SPEC.md 12.7.
 */
import { Type } from 'typebox';
import type { StatisticUnit } from '../../protocol/dp/statistics/statistic-job.ts';
import { HanseError } from '../../protocol/problem.ts';
import { cohortLeast, SECURE_LEAST, thresholdOf } from '../../protocol/secagg/descriptor.ts';
import { defineCommand } from '../../schemas/command.ts';
import { TrainingManifest } from '../../schemas/job.ts';
import { PrivacyPromise } from '../../schemas/privacy.ts';
import type { StatisticQuestion } from '../../schemas/statistic-question.ts';
import { secureAggregationFor, submitJob } from '../author-job.ts';
import { authorStatistic } from '../author-statistic.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { tellAnswer } from './poll-report.ts';
import { QUESTION_OPTIONS, type QuestionOptions, questionOf, STATISTIC_OPTION } from './question-option.ts';

interface PollOptions extends IdentityOptions, Omit<QuestionOptions, 'delta'> {
  readonly column: string;
  readonly unit: StatisticUnit;
  readonly delta: number;
  readonly owners: number;
  readonly minimum?: number;
  readonly deadline: number;
  readonly purpose: string;
}

const { cohort, deadlines, purpose } = TrainingManifest.properties;
/** What differs where owners have to know grid and names beforehand. */
const OF_SEVERAL: Readonly<Record<string, { readonly description: string }>> = {
  '--grid <step>': { description: 'values are rounded to multiples of it; left out: the finest with noise' },
  '--categories <names>': { description: 'of a histogram of names: red,blue; other names are left out' },
};
/** For each of the small messages of a secure round. */
const ANSWER_SECONDS = 60;

export const privacyPollCommand = defineCommand<PollOptions>({
  summary: 'a statistic over the tables of several owners, of which nobody sees more than the sum',
  options: [
    { flags: '--column <column>', description: 'as the owners have declared it', required: true },
    STATISTIC_OPTION,
    {
      flags: '--epsilon <e>',
      description:
        'what the answer promises; ledgers, which add up whatever is asked, may take a little more',
      kind: 'number',
      schema: PrivacyPromise.properties.epsilonServer,
      required: true,
    },
    {
      flags: '--delta <d>',
      description: 'less than one over the persons, or rows, of each owner',
      kind: 'number',
      schema: PrivacyPromise.properties.delta,
      required: true,
    },
    ...QUESTION_OPTIONS.map((option) => ({ ...option, ...OF_SEVERAL[option.flags] })),
    {
      flags: '--unit <whose>',
      description: 'what is protected: each person, whom the tables tell apart, or each row (example)',
      choices: ['person', 'example'],
      default: 'person',
    },
    {
      flags: '--owners <n>',
      description: `that are asked, at most; at least ${SECURE_LEAST}`,
      kind: 'integer',
      schema: Type.Integer({ minimum: SECURE_LEAST, maximum: 10_000 }),
      required: true,
    },
    {
      flags: '--minimum <n>',
      description: 'answers without which there is no sum; unless said, two thirds of the owners',
      kind: 'integer',
      schema: cohort.properties.minimum,
    },
    {
      flags: '--deadline <seconds>',
      description: 'time for the answers',
      kind: 'number',
      default: 600,
      schema: deadlines.properties.collectSeconds,
    },
    { flags: '--purpose <text>', description: 'for the owners', schema: purpose, default: 'a statistic' },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    [
      'hanse privacy poll --column age --statistic mean --bounds 0,110 --epsilon 0.5 --delta 1e-6 --owners 5',
      'the mean age over five owners, each person counted once at each of them',
    ],
    [
      'hanse privacy poll --column risk --statistic histogram --categories low,high --epsilon 0.5 --delta 1e-6 --owners 5 --unit example',
      'rows by class',
    ],
  ],
  async run({ options }, io) {
    const { owners: size, column, delta, unit, deadline } = options;
    const minimum = options.minimum ?? Math.min(size, thresholdOf({ size }));
    if (minimum > size)
      throw new HanseError('usage', { reason: `--minimum ${minimum} is more than --owners ${size}` });
    const question = pollQuestion(options);
    const { identity, api } = await connectAs(options, io.signal);
    const span = { size, minimum };
    const authored = await authorStatistic(
      {
        ...{ unit, delta, statistic: { question, column }, cohort: span, maxAttempts: 5 },
        name: `${options.statistic} of ${column}`.slice(0, 80),
        purpose: options.purpose,
        secureAggregation: secureAggregationFor(span, Math.min(ANSWER_SECONDS, deadline)),
        deadlines: { collectSeconds: deadline, evaluateSeconds: deadline },
      },
      identity.federationId,
    );
    const { jobId } = await submitJob(authored, api);
    const least = cohortLeast(authored.manifest);
    io.note(`${jobId}: asking ${least === size ? size : `${least} to ${size}`} owners`);
    io.note(`it goes on without this command: hanse privacy answer ${jobId} waits for it or tells it later,`);
    io.note(`hanse job cancel ${jobId} ends it; asked once more, it costs the owners once more`);
    return tellAnswer({ jobId, manifest: authored.manifest, api, pinned: identity }, io);
  },
});

/** Throws `usage` also for names that nobody listed: owners have to know them beforehand to add up. */
function pollQuestion({ delta: _, ...options }: PollOptions): StatisticQuestion {
  const { statistic, buckets, categories } = options;
  if (statistic === 'histogram' && buckets === undefined && categories === undefined)
    throw new HanseError('usage', {
      reason:
        'a histogram over several owners needs --buckets or --categories: they add up what they know beforehand',
    });
  return questionOf(options);
}
