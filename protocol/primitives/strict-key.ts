/**
 * Which 32 bytes are an Ed25519 public key that may be relied upon. SPEC.md section 2.3; RFC 8032, 5.1.3.
 *
 * OpenSSL takes two kinds of keys that others refuse: those whose y is not below p = 2^255 - 19, and the points of
 * order 1, 2, 4 and 8, under which a signature can be made that fits every message. Points that are not on the curve
 * need no check here: no signature verifies under them.
 */
import { hexBytes } from '../bytes.ts';

/** y of the points of small order, little-endian. Both signs of x belong to each; Bernstein et al., CHES 2011. */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hexBytes);

/** @param publicKey attacker-controlled, 32 bytes; nothing here is secret */
export function isStrictKey(publicKey: Uint8Array): boolean {
  const y = publicKey.slice();
  y[31] = (y[31] ?? 0) & 0x7f; // the highest bit is the sign of x
  return isBelowP(y) && !SMALL_ORDER.some((small) => small.every((byte, i) => byte === y[i]));
}

/** p is ed ff .. ff 7f. */
function isBelowP(y: Uint8Array): boolean {
  return y[31] !== 0x7f || y.subarray(1, 31).some((byte) => byte !== 0xff) || (y[0] ?? 0) < 0xed;
}
