import { expect, test } from 'vitest';
import { importModel } from '../../client/graph/import-model.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { releasedModel } from '../../client/released-model.ts';
import { encodeParameters } from '../../protocol/vector.ts';
import { jobShelf, statusOf } from '../fixtures/job-shelf.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { hashOf } from '../fixtures/vector-files.ts';

test('the released parameters in the graph of the job, and nothing that was tampered with', async () => {
  const shelf = await jobShelf();
  const { manifest, manifestSha256 } = shelf;
  const values = Float32Array.from({ length: manifest.parameters }, (_, i) => i / 7);
  const vector = await encodeParameters(values);
  const model = hashOf(vector);
  const job = { ...statusOf(manifest, manifestSha256), model };
  const serve = (answer: Uint8Array) =>
    scriptedCoordinator({
      getBlob: (request, options) =>
        request.params.sha256 === model ? answer : shelf.script.getBlob(request, options),
    });

  const bytes = await releasedModel(job, serve(vector));
  const forward = importModel(bytes);
  expect(initialParameters(forward)).toEqual(values);
  expect(forward.nodes.map(({ op }) => op)).toEqual(['Gemm', 'Relu', 'Gemm']);

  const tampered = vector.with(vector.length - 1, 1);
  await expect(releasedModel(job, serve(tampered))).rejects.toMatchObject({ code: 'hashMismatch' });
});
