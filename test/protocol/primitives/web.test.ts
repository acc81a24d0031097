import { expect, test } from 'vitest';
import { primitives as node } from '../../../protocol/primitives/node.ts';
import { primitives as web } from '../../../protocol/primitives/web.ts';
import { primitivesContract } from '../../contract/primitives.ts';

primitivesContract('WebCrypto and @noble/curves', web);

test('what one platform signs the other verifies', async () => {
  const seed = new Uint8Array(32).fill(9);
  const message = Uint8Array.of(1, 2, 3);
  for (const [signing, verifying] of [
    [node, web],
    [web, node],
  ] as const) {
    const { publicKey, sign } = await signing.signer(seed);
    expect(await verifying.verify(await sign(message), message, publicKey)).toBe(true);
    expect(await verifying.verify(await sign(message), Uint8Array.of(1, 2), publicKey)).toBe(false);
  }
});
