import { describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../../client/graph/safetensors.ts';

describe('safetensors', () => {
  it('is length, padded header and data, byte for byte', () => {
    const bytes = encodeSafetensors([
      { name: 'b', shape: [2], data: Float32Array.of(1, -2) },
      { name: 'a', shape: [], data: Float32Array.of(0.5) },
    ]);
    const header =
      '{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    const expected = Buffer.concat([
      Buffer.from([padded.length, 0, 0, 0, 0, 0, 0, 0]),
      Buffer.from(padded),
      Buffer.from('0000803f000000c00000003f', 'hex'),
    ]);
    expect(Buffer.from(bytes).toString('hex')).toBe(expected.toString('hex'));
  });

  it('refuses names that repeat or are reserved, and data of another length', () => {
    const one = { name: 'w', shape: [1], data: Float32Array.of(1) };
    expect(encodeSafetensors([one]).length).toBeGreaterThan(12);
    expect(() => encodeSafetensors([one, one])).toThrow(/tensor w/);
    expect(() => encodeSafetensors([{ ...one, name: '__metadata__' }])).toThrow(/__metadata__/);
    expect(() => encodeSafetensors([{ ...one, shape: [2] }])).toThrow(/expected 2/);
  });
});
