import { expect, test } from 'vitest';
import { formatVerifierKey, parseVerifierKey, verifierKey } from '../../../protocol/audit/verifier-key.ts';
import { toHex } from '../../../protocol/bytes.ts';
import { withFlippedBits } from './notes.ts';

/** Of C2SP signed-note. */
const EXAMPLE = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';

test('the one of the specification, there and back', async () => {
  const key = await parseVerifierKey(EXAMPLE);
  expect([key.name, key.type, toHex(key.keyId)]).toEqual(['example.com/foo', 'note', '530d903a']);
  expect(formatVerifierKey(key)).toBe(EXAMPLE);
  expect(formatVerifierKey(await verifierKey(key.name, 'note', key.publicKey))).toBe(EXAMPLE);
});

test('for cosignatures it has another id', async () => {
  const { name, publicKey } = await parseVerifierKey(EXAMPLE);
  const key = await verifierKey(name, 'cosignature', publicKey);
  expect(toHex(key.keyId)).not.toBe('530d903a');
  expect(await parseVerifierKey(formatVerifierKey(key))).toEqual(key);
});

test.each([
  ['another name', EXAMPLE.replace('foo', 'fop')],
  ['another id', EXAMPLE.replace('530d', '530e')],
  ['another key', EXAMPLE.replace('U2k', 'U2o')],
  ['another type', EXAMPLE.replace('+Ae', '+Ce')],
  ['an id in capitals', EXAMPLE.replace('530d', '530D')],
  ['no name', EXAMPLE.replace('example.com/foo', '')],
  ['a name with a space', EXAMPLE.replace('/', ' ')],
  ['a key that is cut', EXAMPLE.slice(0, -4)],
  ['a key that goes on', `${EXAMPLE}AAAA`],
  ['bits that no byte has', EXAMPLE.replace(/k$/, 'l=')],
  ['nothing', ''],
])('%s is refused', async (_, text) => {
  await expect(parseVerifierKey(text)).rejects.toThrow(
    expect.objectContaining({ code: 'verifierKeyInvalid' }),
  );
});

test('a key of another length is refused, though its id follows from it', async () => {
  const formatted = async (bytes: number) =>
    formatVerifierKey(await verifierKey('a', 'note', new Uint8Array(bytes)));
  await expect(parseVerifierKey(await formatted(32))).resolves.toMatchObject({ name: 'a' });
  for (const bytes of [0, 31, 33])
    await expect(parseVerifierKey(await formatted(bytes))).rejects.toThrow(
      expect.objectContaining({ code: 'verifierKeyInvalid' }),
    );
});

test('any bit changed is refused', async () => {
  await expect(parseVerifierKey(EXAMPLE)).resolves.toMatchObject({ name: 'example.com/foo' });
  for (const changed of withFlippedBits(EXAMPLE))
    await expect(parseVerifierKey(changed), changed).rejects.toThrow(
      expect.objectContaining({ code: 'verifierKeyInvalid' }),
    );
});

test.each(['', 'a b', 'a+b', 'a\n', 'a\u2003b', 'a\u0000'])('no key is named %j', async (name) => {
  await expect(verifierKey(name, 'note', new Uint8Array(32))).rejects.toThrow(RangeError);
});
