// covers: protocol/assembler.ts
import { chacha20 } from '@noble/ciphers/chacha.js';
import { expect, test } from 'vitest';
import { toHex } from '../../../protocol/bytes.ts';
import { assembleChacha20, chacha20Kernel } from '../../../protocol/primitives/chacha20-kernel.ts';

const kernel = chacha20Kernel();
if (!kernel) throw new Error('no kernel on this platform');

/** What came, in one piece; the parts follow one another. */
async function streamOf(key: Uint8Array, length: number): Promise<Uint8Array> {
  const stream = new Uint8Array(length);
  let expected = 0;
  await kernel?.(key, length, (bytes, offset) => {
    expect(offset).toBe(expected);
    expected += bytes.length;
    stream.set(bytes, offset);
  });
  expect(expected).toBe(length);
  return stream;
}

const noble = (key: Uint8Array, length: number) =>
  chacha20(key, new Uint8Array(12), new Uint8Array(length), undefined, 0);

const keyOf = (seed: number) => Uint8Array.from({ length: 32 }, (_, i) => 37 * i + seed);

test('the module is one that runs on this platform', () => {
  expect(WebAssembly.validate(assembleChacha20())).toBe(true);
  const broken = assembleChacha20();
  broken[broken.length - 1] = 0;
  expect(WebAssembly.validate(broken)).toBe(false);
});

test('the first block of the zero key: RFC 8439, A.1, test vectors 1 and 2', async () => {
  expect(toHex(await streamOf(new Uint8Array(32), 128))).toBe(
    '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586' +
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
  );
});

test.each([0, 1, 63, 64, 65, 255, 256, 257, 65_535, 65_536, 65_537, 65_793, 200_003])(
  'its stream of %s bytes is that of @noble',
  async (length) => {
    const key = keyOf(length);
    expect(toHex(await streamOf(key, length))).toBe(toHex(noble(key, length)));
  },
);

test('two streams at once, and one from within another, do not mix', async () => {
  const [a, b] = await Promise.all([streamOf(keyOf(1), 130_000), streamOf(keyOf(2), 130_000)]);
  expect(toHex(a)).toBe(toHex(noble(keyOf(1), 130_000)));
  expect(toHex(b)).toBe(toHex(noble(keyOf(2), 130_000)));
  const outer = new Uint8Array(70_000);
  const inner: Promise<Uint8Array>[] = [];
  await kernel(keyOf(3), outer.length, (bytes, offset) => {
    inner.push(streamOf(keyOf(4), 100));
    outer.set(bytes, offset);
  });
  expect(toHex(outer)).toBe(toHex(noble(keyOf(3), outer.length)));
  for (const stream of await Promise.all(inner)) expect(toHex(stream)).toBe(toHex(noble(keyOf(4), 100)));
});

test('it can be used again after its taker has thrown', async () => {
  const taker = () => {
    throw new Error('no room');
  };
  await expect(kernel(keyOf(5), 10, taker)).rejects.toThrow('no room');
  expect(toHex(await streamOf(keyOf(6), 300))).toBe(toHex(noble(keyOf(6), 300)));
});

test.each([1, 300, 65_536, 65_537])(
  'of a stream of %s bytes, and of its key, nothing is left',
  async (length) => {
    const key = keyOf(7);
    let memory = new Uint8Array();
    const taker = (bytes: Uint8Array) => {
      memory = new Uint8Array(bytes.buffer as ArrayBuffer);
      expect(toHex(memory)).toContain(toHex(key));
      expect(bytes.some((byte) => byte !== 0)).toBe(true);
    };
    const isWiped = () => memory.length > 0 && memory.every((byte) => byte === 0);
    await kernel(key, length, taker);
    expect(isWiped()).toBe(true);
    const failing = (bytes: Uint8Array) => {
      taker(bytes);
      expect(isWiped()).toBe(false);
      throw new Error('no room');
    };
    await expect(kernel(key, length, failing)).rejects.toThrow('no room');
    expect(isWiped()).toBe(true);
  },
);

test('a key of another length is none', async () => {
  await expect(kernel(new Uint8Array(32), 64, () => {})).resolves.toBeUndefined();
  await expect(kernel(new Uint8Array(31), 64, () => {})).rejects.toMatchObject({ code: 'invalidLength' });
});
