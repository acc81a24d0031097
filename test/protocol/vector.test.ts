import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { isProblem } from '../../protocol/problem.ts';
import {
  bytesOf,
  encodeHeader,
  encodeParameters,
  floatsOf,
  HEADER_BYTES,
  parseHeader,
  payloadBytes,
  payloadOf,
  type VectorHeader,
  wordsOf,
} from '../../protocol/vector.ts';

const limits = { maxLength: 1000, maxSecondBlock: 65 };
const sha256 = Uint8Array.from({ length: 32 }, (_, i) => i);
/** 40 coordinates of 24 bits fill 30 words exactly, so that any other width or length has another size. */
const update: VectorHeader = {
  kind: 'update',
  width: 24,
  length: 40,
  secondBlock: 2,
  sha256: new Uint8Array(32),
};
const parameters: VectorHeader = { kind: 'parameters', width: 32, length: 40, secondBlock: 0, sha256 };

/** A header followed by as many zero bytes as it announces. */
function vectorOf(header: VectorHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payloadBytes(header));
  bytes.set(encodeHeader(header));
  return bytes;
}

function refusal(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isProblem(error)) throw error;
    return 'field' in error.detail ? `${error.code} ${error.detail.field}` : error.code;
  }
}

const headers = fc.oneof(
  fc.record({
    kind: fc.constant('parameters' as const),
    width: fc.constant(32),
    length: fc.integer({ min: 1, max: 1000 }),
    secondBlock: fc.constant(0),
    sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  fc.record({
    kind: fc.constant('update' as const),
    width: fc.integer({ min: 16, max: 32 }),
    length: fc.integer({ min: 1, max: 1000 }),
    secondBlock: fc.integer({ min: 1, max: 65 }),
    sha256: fc.constant(new Uint8Array(32)),
  }),
);

describe('header', () => {
  test('has the bytes of SPEC.md 5.1', () => {
    const hex = (header: Parameters<typeof encodeHeader>[0]) =>
      Buffer.from(encodeHeader(header)).toString('hex');
    const { sha256: _, ...fields } = update;
    expect(hex(fields)).toBe(`484e5356${'0100'}${'02'}${'18'}${'28000000'}${'02000000'}${'00'.repeat(48)}`);
    expect(hex(parameters)).toBe(
      `484e5356${'0100'}${'01'}${'20'}${'28000000'}${'00000000'}${Buffer.from(sha256).toString('hex')}${'00'.repeat(16)}`,
    );
  });

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(headers, (header) => {
        expect(parseHeader(vectorOf(header), limits)).toEqual(header);
      }),
    );
  });

  test.each([update, parameters])(
    'is refused for any flipped bit, but for the hash of parameters, which is the caller to compare: $kind',
    (header) => {
      const good = vectorOf(header);
      for (let bit = 0; bit < 8 * HEADER_BYTES; bit += 1) {
        const bad = good.slice();
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const inHash = header.kind === 'parameters' && bit >= 8 * 16 && bit < 8 * 48;
        expect(refusal(() => parseHeader(bad, limits)) === undefined, `bit ${bit}`).toBe(inHash);
      }
      expect(refusal(() => parseHeader(good, limits))).toBeUndefined();
    },
  );

  test('names the field that is wrong', () => {
    const good = vectorOf(update);
    const wrong = (offset: number, value: number) => {
      const bad = good.slice();
      bad[offset] = value;
      return refusal(() => parseHeader(bad, limits));
    };
    expect(wrong(0, 0)).toBe('updateMalformed magic');
    expect(wrong(4, 2)).toBe('updateMalformed version');
    expect(wrong(6, 3)).toBe('updateMalformed kind');
    expect(wrong(6, 1)).toBe('updateMalformed width');
    expect(wrong(7, 15)).toBe('updateMalformed width');
    expect(wrong(8, 0)).toBe('updateMalformed length');
    expect(wrong(11, 1)).toBe('updateMalformed length');
    expect(wrong(12, 0)).toBe('updateMalformed secondBlock');
    expect(wrong(12, 66)).toBe('updateMalformed secondBlock');
    expect(wrong(63, 1)).toBe('updateMalformed reserved');
    expect(wrong(8, 41)).toBe('invalidLength');
    expect(wrong(16, 255)).toBe('updateMalformed sha256');
  });

  test('is read from the beginning of a vector whose size is known', () => {
    const good = vectorOf(update);
    const start = good.subarray(0, HEADER_BYTES);
    expect(parseHeader(start, limits, good.length)).toEqual(update);
    expect(refusal(() => parseHeader(start, limits, good.length + 1))).toBe('invalidLength');
    expect(refusal(() => parseHeader(start, limits))).toBe('invalidLength');
    expect(refusal(() => parseHeader(start.subarray(1), limits, good.length))).toBe('invalidLength');
  });

  test('is not written with fields out of range', () => {
    expect(refusal(() => encodeHeader(update))).toBeUndefined();
    expect(refusal(() => encodeHeader({ ...update, width: 33 }))).toBe('updateMalformed width');
    expect(refusal(() => encodeHeader({ ...update, length: 1.5 }))).toBe('updateMalformed length');
    expect(refusal(() => encodeHeader({ ...update, sha256 }))).toBe('updateMalformed sha256');
    expect(refusal(() => encodeHeader({ ...parameters, sha256: sha256.subarray(1) }))).toBe('invalidLength');
    expect(refusal(() => encodeHeader({ ...update, kind: 'parameters' }))).toBe('updateMalformed width');
  });
});

test('parameters are a header and the float32 values, little-endian; no values are no vector', async () => {
  await fc.assert(
    fc.asyncProperty(fc.float32Array({ noNaN: true, minLength: 1, maxLength: 20 }), async (values) => {
      const bytes = await encodeParameters(values);
      const header = parseHeader(bytes, { maxLength: 20, maxSecondBlock: 0 });
      expect(header).toMatchObject({ kind: 'parameters', width: 32, length: values.length });
      expect(bytes).toHaveLength(HEADER_BYTES + 4 * values.length);
      expect(createHash('sha256').update(payloadOf(bytes)).digest('hex')).toBe(toHex(header.sha256));
      const view = new DataView(bytes.buffer, bytes.byteOffset + HEADER_BYTES);
      expect(Float32Array.from(values, (_, i) => view.getFloat32(4 * i, true))).toEqual(values);
    }),
  );
  await expect(encodeParameters(new Float32Array(0))).rejects.toMatchObject({ code: 'updateMalformed' });
});

describe('payload', () => {
  test('is a view', () => {
    const bytes = vectorOf(update);
    payloadOf(bytes)[0] = 7;
    expect(bytes[HEADER_BYTES]).toBe(7);
    expect(refusal(() => payloadOf(bytes.subarray(0, HEADER_BYTES)))).toBeUndefined();
    expect(refusal(() => payloadOf(bytes.subarray(0, HEADER_BYTES - 1)))).toBe('invalidLength');
  });

  test('floats and words survive any alignment, little-endian', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ noNaN: true, maxLength: 40 }),
        fc.integer({ min: 0, max: 7 }),
        (floats, offset) => {
          const bytes = new Uint8Array(offset + floats.byteLength + 3).subarray(
            offset,
            offset + floats.byteLength,
          );
          bytes.set(bytesOf(floats));
          expect(floatsOf(bytes)).toEqual(floats);
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          expect([...wordsOf(bytes)]).toEqual(
            Array.from({ length: floats.length }, (_, i) => view.getUint32(4 * i, true)),
          );
        },
      ),
    );
  });

  test('in part of a word is refused', () => {
    expect(refusal(() => floatsOf(new Uint8Array(8)))).toBeUndefined();
    expect(refusal(() => floatsOf(new Uint8Array(7)))).toBe('invalidLength');
  });
});
