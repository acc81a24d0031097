import { describe, expect, test } from 'vitest';
import { StreamEnd } from '../../../sim/fuzz/stream-end.ts';

async function read(stream: StreamEnd): Promise<unknown[]> {
  const values: unknown[] = [];
  try {
    for await (const value of stream) values.push(value);
  } catch (error) {
    values.push(error);
  }
  return values;
}

describe('the end of a stream', () => {
  test('has what was pushed, in its order, whether it was there before or comes later', async () => {
    const stream = new StreamEnd();
    stream.push(1);
    const reading = read(stream);
    await Promise.resolve();
    stream.push(2);
    stream.push(3);
    stream.end();
    stream.push(4);
    expect(await reading).toEqual([1, 2, 3]);
  });

  test('that breaks has what came before, then the failure', async () => {
    const stream = new StreamEnd();
    const broken = new Error('broken');
    stream.push(1);
    stream.fail(broken);
    stream.fail(new Error('once more'));
    expect(await read(stream)).toEqual([1, broken]);
  });

  test('tells when its reader leaves, and only then', async () => {
    let closed = 0;
    const left = new StreamEnd();
    left.onClose = () => {
      closed += 1;
    };
    left.push(1);
    for await (const _ of left) break;
    expect(closed).toBe(1);
    const ended = new StreamEnd();
    ended.onClose = left.onClose;
    ended.end();
    expect([await read(ended), closed]).toEqual([[], 1]);
  });
});
