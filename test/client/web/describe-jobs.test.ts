import { expect, test } from 'vitest';
import { describeJobs } from '../../../client/web/describe-jobs.ts';
import type { TrainingManifest } from '../../../schemas/job.ts';
import { adaptiveJob } from '../../fixtures/adaptive-job.ts';
import { statusOf } from '../../fixtures/job-shelf.ts';
import { manifestOf } from '../../fixtures/manifest.ts';
import { scriptedCoordinator } from '../../fixtures/scripted-coordinator.ts';

const described = async (overrides: Partial<TrainingManifest>) => {
  const job = statusOf(manifestOf('fed-0123456789abcdef', overrides), '0'.repeat(64));
  const api = scriptedCoordinator({ listJobs: () => ({ jobs: [job] }) as never, getJob: () => job });
  return describeJobs(api);
};

test('a person is told whether the limit on the length of updates is that of the first round alone', async () => {
  expect(await described(adaptiveJob(4, 2))).toMatchObject([{ clipNorm: 4, isClipAdaptive: true }]);
  const [fixed] = await described({});
  expect(fixed).toMatchObject({ clipNorm: 1 });
  expect(fixed).not.toHaveProperty('isClipAdaptive');
});
