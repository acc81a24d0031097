/**
 * The released model of a job as an ONNX file, checked against the hashes of the job.
 */
import { HanseError } from '../protocol/problem.ts';
import { isStatistic, type JobStatus } from '../schemas/job.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { exportModel } from './graph/export-model.ts';
import { importModel } from './graph/import-model.ts';
import { choicesOf, fetchForward, fetchModel } from './prepared-job.ts';

/** @throws `usage` for a statistic; `hashMismatch`, and whatever the transport throws */
export async function releasedModel(job: JobStatus, api: CoordinatorApi): Promise<Uint8Array> {
  const { manifest } = job;
  if (isStatistic(manifest))
    throw new HanseError('usage', { reason: `${job.jobId} is a statistic: it has no model` });
  const { graph, parameters } = manifest;
  const forward = importModel(await fetchForward(graph.forward, api), choicesOf(manifest));
  return exportModel(forward, await fetchModel(job.model, parameters, api));
}
