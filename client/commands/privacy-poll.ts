/**
 * `hanse privacy poll`: a statistic over the tables of several owners, of which nobody sees more than the noised sum. Each
 * owner's node pays out of its own budget. SPEC.md 12.7.
 */
import { Type } from 'typebox';
import { gridOf } from '../../protocol/dp/statistics/value-grid.ts';
import { HanseError } from '../../protocol/problem.ts';
import { thresholdOf } from '../../protocol/secagg/descriptor.ts';
import { defineCommand } from '../../schemas/command.ts';
import { TrainingManifest } from '../../schemas/job.ts';
import { PrivacyPromise } from '../../schemas/privacy.ts';
import type { StatisticQuestion } from '../../schemas/statistic-question.ts';
import { secureAggregationFor, submitJob } from '../author-job.ts';
import { authorStatistic, type OpenedStatistic, openedStatistic } from '../author-statistic.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { describeWaiting, followJob, unfinished } from './job.ts';
import {
  boundedBy,
  QUESTION_OPTIONS,
  type QuestionOptions,
  questionOf,
  STATISTIC_OPTION,
} from './question-option.ts';
import { answerLines } from './statistic-report.ts';

interface PollOptions extends IdentityOptions, Omit<QuestionOptions, 'delta'> {
  readonly column: string;
  readonly unit: 'example' | 'person';
  readonly delta: number;
  readonly owners: number;
  readonly minimum?: number;
  readonly deadline: number;
  readonly purpose: string;
}

const { cohort, deadlines, purpose } = TrainingManifest.properties;
/** For each of the small messages of a secure round. */
const ANSWER_SECONDS = 60;

export const privacyPollCommand = defineCommand<PollOptions>({
  summary: 'a statistic over the tables of several owners, of which nobody sees more than the sum',
  options: [
    { flags: '--column <column>', description: 'as the owners have declared it', required: true },
    STATISTIC_OPTION,
    { flags: '--epsilon <e>', description: 'what it may cost each owner', kind: 'number', required: true },
    {
      flags: '--delta <d>',
      description: 'less than one over the persons, or rows, of each owner',
      kind: 'number',
      schema: PrivacyPromise.properties.delta,
      required: true,
    },
    ...QUESTION_OPTIONS,
    {
      flags: '--unit <whose>',
      description: 'what is protected: each person, whom the tables tell apart, or each row (example)',
      choices: ['person', 'example'],
      default: 'person',
    },
    {
      flags: '--owners <n>',
      description: 'that are asked, at most; at least 3',
      kind: 'integer',
      schema: Type.Integer({ minimum: 3, maximum: 10_000 }),
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
    const { owners: size, column, epsilon, delta, unit, deadline } = options;
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
    io.note(`${jobId}: asking ${minimum} to ${size} owners`);
    let told = '';
    const job = await followJob(api, jobId, io.signal, (seen) => {
      const waiting = describeWaiting(seen);
      if (waiting !== told && waiting !== '') io.note(waiting);
      told = waiting;
    });
    if (job.phase !== 'finished') throw unfinished(job);
    const answer = await openedStatistic(api, identity, job);
    const step = 'lower' in question ? { step: gridOf(question).step } : {};
    const bounded = boundedBy(question, step);
    for (const line of described(answer, question, options)) io.print(line);
    for (const line of bounded) io.print(`bounded: ${line}`);
    const { statistic, ...asked } = question;
    const promise = { epsilon, delta, unit, neighbouring: 'replace-special' } as const;
    return { jobId, statistic, column, ...answer, ...step, ...promise, asked, bounded };
  },
});

/** Throws `usage` also for names that nobody listed: owners have to know them beforehand to add up. */
function pollQuestion({ delta: _, ...options }: PollOptions): StatisticQuestion {
  return questionOf(options);
}

function described(
  { owners, ...answer }: OpenedStatistic,
  question: StatisticQuestion,
  { column, unit, epsilon, delta }: PollOptions,
): string[] {
  return [
    ...answerLines(answer, question, column),
    `of ${owners} owners, whose single answers nobody has seen`,
    `promise: epsilon ${epsilon}, delta ${delta}, to each ${unit} at an owner (zero-out), against the coordinator, the other owners and who reads this`,
  ];
}
