import { expect, test } from 'vitest';
import { concatBytes } from '../../../protocol/bytes.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { RingSum } from '../../../protocol/ring/sum.ts';
import { encodeUpdate, packIntegers } from '../../../protocol/ring/update.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import { strategyOf } from '../../../protocol/strategy/strategy-of.ts';
import { encodeHeader, encodeParameters, payloadOf } from '../../../protocol/vector.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import { integersOf, recompute, recomputeSum } from '../../../sim/fuzz/recompute.ts';

const LENGTH = 37;
const strategy = { type: 'fedavg', serverLearningRate: 0.7 } as const;

test.each([16, 19, 24, 32])('agrees with sum and strategy of production at width %i', async (width) => {
  const codec = planCodec({ clipNorm: 2, cohortMax: 6, weightMax: 5, counters: 0, width });
  const random = seededRandom(new Uint8Array(32).fill(width));
  const updates = [1, 5, 2, 3, 3, 1].map((weight, place) => {
    const delta = Float32Array.from({ length: LENGTH }, (_, i) => Math.sin(i * (place + 1)));
    return encodeUpdate({ delta, weight, counters: [] }, codec, random);
  });
  const before = Float32Array.from({ length: LENGTH }, (_, i) => Math.cos(i));
  const manifest = { codec, parameters: LENGTH, strategy } as JobManifest;
  const { secondBlock } = layoutOf(codec, LENGTH);
  const files = updates.map((payload) =>
    concatBytes(
      encodeHeader({ kind: 'update', width, length: LENGTH, secondBlock, sha256: new Uint8Array(32) }),
      payload,
    ),
  );
  const { payload, weight } = recompute(await encodeParameters(before), files, manifest);

  const sum = new RingSum(codec, LENGTH);
  for (const update of updates) sum.add(update);
  const opened = sum.open();
  const rule = strategyOf(strategy);
  const next = rule.apply(rule.init(LENGTH), before, opened.mean);
  expect(weight).toBe(opened.totalWeight);
  expect(payload).toEqual(payloadOf(await encodeParameters(next.model)));

  const stored = concatBytes(new Uint8Array(64), packIntegers(sum.integers, codec));
  expect(integersOf(stored, LENGTH, width)).toEqual(recomputeSum(files, manifest));
});
