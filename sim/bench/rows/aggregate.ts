/**
 * Unpacking and adding a hundred sealed updates of a million coordinates, and opening the sum. In a process of its own,
 * so that the peak of its memory is that of the work.
 *
 * Baseline: adding as many float32 vectors of that length in a loop over typed arrays.
 */
import { randomFillSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { primitives } from '#primitives';
import { concatBytes } from '../../../protocol/bytes.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { encodeUpdate } from '../../../protocol/ring/update.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import { encodeHeader } from '../../../protocol/vector.ts';
import type { AggregateOrder, AggregateReport } from '../aggregate-process.ts';
import { withChildren } from '../child.ts';
import { median } from '../measure.ts';
import type { RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const UPDATES = 100;
const LENGTH = 1_000_000;
const CLIP_NORM = 10;
/** Different updates, each added several times: they need not all lie on the disk at once. */
const FILES = 5;
const RUNS = 5;

export const aggregatePlain: RowDefinition = {
  name: 'aggregate/plain/100x1M',
  unit: 's',
  what: 'processor time of adding 100 sealed updates of 10^6 coordinates; baseline: a loop over float32 vectors',
  asked: [
    { of: 'value', atMost: 0.1 },
    { of: 'peakMB', atMost: 64 },
  ],
  measure: ({ progress }) =>
    withScratchFolder(async (folder) => {
      const codec = planCodec({ clipNorm: CLIP_NORM, cohortMax: UPDATES, weightMax: 1, counters: 0 });
      const files = Array.from({ length: FILES }, (_, index) => join(folder, `update-${index}`));
      for (const file of files) await writeFile(file, await sealedUpdate(codec));
      const order: AggregateOrder = { codec, length: LENGTH, files, updates: UPDATES };
      const reports: AggregateReport[] = [];
      for (let run = 0; run < RUNS; run += 1) {
        progress(`process ${run + 1} of ${RUNS}`);
        reports.push(
          await withChildren(
            async (start) =>
              (await start('./aggregate-process.js', [JSON.stringify(order)]).next()) as AggregateReport,
          ),
        );
      }
      return {
        values: reports.map(({ cpuSeconds }) => cpuSeconds),
        baselines: reports.map(({ loopCpuSeconds }) => loopCpuSeconds),
        more: { peakMB: median(reports.map(({ peakMB }) => peakMB)), bits: codec.width },
      };
    }),
};

/** An update with coordinates all over the range that the norm permits. */
async function sealedUpdate(codec: AggregateOrder['codec']): Promise<Uint8Array> {
  const words = randomFillSync(new Int32Array(LENGTH));
  const scale = CLIP_NORM / Math.sqrt(LENGTH) / 2 ** 31;
  const delta = Float32Array.from(words, (word) => word * scale);
  const payload = encodeUpdate({ delta, weight: 1, counters: [] }, codec, primitives.random);
  const { width, secondBlock } = layoutOf(codec, LENGTH);
  return concatBytes(encodeHeader({ kind: 'update', width, length: LENGTH, secondBlock }), payload);
}
