/**
 * The sum of a secure round, made once more from the masked updates and from what its record reveals. SPEC.md 11.6, 11.8.
 *
 *   sum over U3 of y  -  masks of the survivors' seeds  -  masks that survivors share with those who dropped out
 *
 * Its hash is the one in the record, or the coordinator has opened another sum than that of the updates. Whoever holds
 * the updates learns from this no more than the sum, which the record has made public.
 */
import type { JobManifest } from '../../schemas/job.ts';
import type { RoundRecord } from '../../schemas/secagg.ts';
import { toHex } from '../bytes.ts';
import type { Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { layoutOf } from '../ring/payload.ts';
import { RingSum } from '../ring/sum.ts';
import { parseHeader, payloadOf } from '../vector.ts';
import { addMasks } from './mask.ts';
import { encodeSum } from './model-chain.ts';
import type { CheckedRecord } from './record.ts';
import { suiteOf } from './suite.ts';
import { masksLeft } from './unmasking.ts';

/**
 * Memory is that of one update and of one sum, however many there are.
 * @param manifest of the job: the one that the record names
 * @param checked what `checkRecord` made of `record`
 * @param updates as they are stored, of the survivors in the order of the roster
 * @throws `hashMismatch` for an update that is not the one in the record, `updateMalformed`, `invalidLength`;
 *   `recordInvalid` if another sum follows; what the source throws
 */
export async function recomputeSum(
  primitives: Pick<Primitives, 'sha256' | 'keyStream' | 'agreement' | 'hkdf'>,
  { codec, parameters }: Pick<JobManifest, 'codec' | 'parameters'>,
  record: RoundRecord,
  checked: CheckedRecord,
  updates: AsyncIterable<Uint8Array>,
): Promise<void> {
  const layout = layoutOf(codec, parameters);
  const limits = { maxLength: parameters, maxSecondBlock: layout.secondBlock };
  const ring = new RingSum(codec, parameters);
  let count = 0;
  for await (const update of updates) {
    const expected = record.updates[count]?.sha256 ?? '';
    const got = toHex(await primitives.sha256(update));
    if (got !== expected) throw new HanseError('hashMismatch', { what: 'update', expected, got });
    parseHeader(update, limits);
    ring.add(payloadOf(update));
    count += 1;
  }
  if (count !== record.updates.length)
    throw new HanseError('invalidLength', { what: 'updates', expected: record.updates.length, got: count });
  const { keyStream } = suiteOf(record.descriptor.descriptor.suite);
  const { integers } = ring;
  for await (const mask of masksLeft(primitives, checked, checked.context, checked.revealed))
    await addMasks(integers, [mask], { primitives, keyStream, layout });
  const sum = toHex(await primitives.sha256(encodeSum({ codec, parameters }, integers)));
  if (sum !== record.sum)
    throw new HanseError('recordInvalid', {
      reason: `from its updates and secrets follows the sum ${sum}, and it names ${record.sum}`,
    });
}
