/**
 * From the sum of masked updates to the sum of the survivors' integers. SPEC.md 11.6.
 *
 *   sum over U3 of y  -  masks of the survivors' seeds  -  masks that survivors share with those who dropped out
 */
import { layoutOf } from '../protocol/ring/payload.ts';
import type { RingSum } from '../protocol/ring/sum.ts';
import type { UpdateIntegers } from '../protocol/ring/update.ts';
import { addMasks } from '../protocol/secagg/mask.ts';
import type { SecureJob } from '../protocol/secagg/secure-phases.ts';
import { suiteOf } from '../protocol/secagg/suite.ts';
import { masksLeft } from '../protocol/secagg/unmasking.ts';
import type { SecureAttemptView } from './secure-attempt-view.ts';

/**
 * @param masked over all accepted updates; not changed: an attempt to aggregate may be made twice
 * @param revealed one secret for each of U2, in the order of the roster
 * @returns new memory
 */
export async function unmaskedSum(
  job: SecureJob,
  view: SecureAttemptView,
  masked: RingSum,
  revealed: readonly Uint8Array[],
): Promise<UpdateIntegers> {
  const { coordinates, secondBlock } = masked.integers;
  const integers = { coordinates: coordinates.slice(), secondBlock: secondBlock.slice() };
  const { primitives } = view;
  const { codec, parameters } = job.manifest;
  const { keyStream } = suiteOf(job.secure.signed.descriptor.suite);
  const maker = { primitives, keyStream, layout: layoutOf(codec, parameters) };
  const unmasking = await view.unmasking(job);
  const { context } = await view.delivered(job);
  let sinceBreath = 0;
  for await (const mask of masksLeft(primitives, unmasking, context, revealed)) {
    await addMasks(integers, [mask], maker);
    sinceBreath += parameters;
    if (sinceBreath < COORDINATES_A_BREATH) continue;
    sinceBreath = 0;
    await breathe();
  }
  return integers;
}

/** Some milliseconds of work, after which others are answered: the masks of a large round take seconds. */
const COORDINATES_A_BREATH = 4_000_000;

function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
