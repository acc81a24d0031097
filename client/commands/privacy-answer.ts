/**
 * `hanse privacy answer`: the answer to an earlier `hanse privacy poll`, made of the sum in its signed record. Asking for it
 * costs nothing. SPEC.md 12.7.
 */
import { checkPrivacy } from '../../protocol/dp/check-privacy.ts';
import { HanseError } from '../../protocol/problem.ts';
import { defineCommand } from '../../schemas/command.ts';
import { isStatistic } from '../../schemas/job.ts';
import { fetchJob } from '../round-audit.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { JOB_ARGUMENT, jobIdOf } from './job.ts';
import { tellAnswer } from './poll-report.ts';

export const privacyAnswerCommand = defineCommand<IdentityOptions>({
  summary: 'the answer of several owners to an earlier poll, checked against its signed record',
  arguments: [JOB_ARGUMENT],
  options: IDENTITY_OPTIONS,
  examples: [['hanse privacy answer job-0123456789abcdef', 'reading it again costs nobody anything']],
  async run({ args, options }, io) {
    const { identity, api } = await connectAs(options, io.signal);
    const { jobId, manifest } = await fetchJob(api, jobIdOf(args));
    if (!isStatistic(manifest)) throw new HanseError('usage', { reason: `${jobId} is no statistic` });
    checkPrivacy(manifest);
    return tellAnswer({ jobId, manifest, api, pinned: identity }, io);
  },
});
