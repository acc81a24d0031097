/**
 * `seededRandom` of `protocol/random.ts` by the ChaCha20 of OpenSSL: the same bits, twenty times as fast. A simulation
 * draws megabytes for every participant and round.
 */
import { type Cipher, createCipheriv } from 'node:crypto';
import type { RandomSource } from '../protocol/random.ts';

/** As much as `seededRandom` takes from the stream of one nonce. */
const BLOCK_BYTES = 65_536;
const ZEROS = new Uint8Array(BLOCK_BYTES);

/** @param key 32 bytes */
export function nativeSeededRandom(key: Uint8Array): RandomSource {
  let block = 0;
  let left = 0;
  let cipher: Cipher | undefined;
  return {
    fill(target) {
      for (let written = 0; written < target.length; ) {
        if (!cipher || left === 0) {
          // OpenSSL puts the block counter, 0, before the nonce: 4 and 12 bytes.
          const iv = new Uint8Array(16);
          new DataView(iv.buffer).setBigUint64(4, BigInt(block), true);
          cipher = createCipheriv('chacha20', key, iv);
          block += 1;
          left = BLOCK_BYTES;
        }
        const count = Math.min(left, target.length - written);
        target.set(cipher.update(ZEROS.subarray(0, count)), written);
        written += count;
        left -= count;
      }
    },
  };
}
