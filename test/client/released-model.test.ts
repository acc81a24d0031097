import { expect, test } from 'vitest';
import { exportModel } from '../../client/graph/export-model.ts';
import { importModel } from '../../client/graph/import-model.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { releasedModel } from '../../client/released-model.ts';
import { encodeParameters } from '../../protocol/vector.ts';
import { jobShelf, statusOf } from '../fixtures/job-shelf.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { smallPlan } from '../fixtures/small-job.ts';
import { hashOf } from '../fixtures/vector-files.ts';

test('the graph is read as the job says', async () => {
  const { forward } = smallPlan();
  const bytes = exportModel(forward, initialParameters(forward));
  const shelf = await jobShelf({ forward: importModel(bytes, { freeze: ['dense0.*'] }) });
  const vector = await encodeParameters(
    Float32Array.from({ length: shelf.manifest.parameters }, (_, i) => i),
  );
  const model = hashOf(vector);
  const api = scriptedCoordinator({
    getBlob: (request, options) =>
      request.params.sha256 === model ? vector : shelf.script.getBlob(request, options),
  });
  const released = importModel(
    await releasedModel({ ...statusOf(shelf.manifest, shelf.manifestSha256), model }, api),
  );
  const [frozen, , trained] = released.parameters;
  expect(frozen?.data).toEqual(forward.parameters[0]?.data);
  expect(trained?.data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
});

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
