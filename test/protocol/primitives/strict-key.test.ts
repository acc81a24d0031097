import { ed25519 } from '@noble/curves/ed25519.js';
import { expect, test } from 'vitest';
import { isStrictKey } from '../../../protocol/primitives/strict-key.ts';

/** The slow twin: decodes the point and multiplies it by eight. */
function isStrictPoint(publicKey: Uint8Array): boolean {
  try {
    return !ed25519.Point.fromBytes(publicKey, false).isSmallOrder();
  } catch {
    return false;
  }
}

test('takes the keys of the curve', () => {
  for (let i = 0; i < 20; i += 1) {
    const publicKey = ed25519.getPublicKey(new Uint8Array(32).fill(i));
    expect(isStrictPoint(publicKey)).toBe(true);
    expect(isStrictKey(publicKey)).toBe(true);
  }
});

test('refuses every point of small order', () => {
  // Any point times the order of the prime subgroup lies in the subgroup of eight points.
  const { Point } = ed25519;
  const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
  const points = [Point.ZERO];
  for (let i = 1; i < 8; i += 1) points.push((points[i - 1] ?? Point.ZERO).add(torsion));
  const encoded = points.map((point) => point.toBytes());
  expect(new Set(encoded.map(String)).size).toBe(8);
  for (const publicKey of encoded) expect(isStrictKey(publicKey)).toBe(false);
});

test('refuses y from p on, and takes the y below it', () => {
  const withY = (low: number, sign: number) => {
    const publicKey = new Uint8Array(32).fill(0xff);
    publicKey[0] = low;
    publicKey[31] = 0x7f | sign;
    return publicKey;
  };
  for (const sign of [0, 0x80]) {
    for (let low = 0xed; low <= 0xff; low += 1) expect(isStrictKey(withY(low, sign))).toBe(false);
    expect(isStrictKey(withY(0xec, sign))).toBe(false); // p - 1, the point of order 2
    expect(isStrictKey(withY(0xeb, sign))).toBe(true);
  }
});
