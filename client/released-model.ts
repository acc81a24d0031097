/**
 * The released model of a job as an ONNX file, checked against the hashes of the job.
 */
import type { JobStatus } from '../schemas/job.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { exportModel } from './graph/export-model.ts';
import { importModel } from './graph/import-model.ts';
import { choicesOf, fetchForward, fetchModel } from './prepared-job.ts';

/** @throws `hashMismatch`, and whatever the transport throws */
export async function releasedModel(job: JobStatus, api: CoordinatorApi): Promise<Uint8Array> {
  const { graph, parameters } = job.manifest;
  const forward = importModel(await fetchForward(graph.forward, api), choicesOf(job.manifest));
  return exportModel(forward, await fetchModel(job.model, parameters, api));
}
