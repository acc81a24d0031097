import fc from 'fast-check';
import { expect, test } from 'vitest';
import { certificatesIn } from '../../protocol/pem.ts';

const one = '-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----';
const two = '-----BEGIN CERTIFICATE-----\r\nMIIC\r\n-----END CERTIFICATE-----';
const key = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----';

test('certificates come in their order, and nothing else does', () => {
  expect(certificatesIn(`a comment\n${one}\n${key}\n${two}\n`)).toEqual([one, two]);
  for (const text of ['', 'a', key, one.slice(0, -1), one.slice(1), one.replace('MIIB', 'MI-B')])
    expect(certificatesIn(text), text).toEqual([]);
});

test('however many there are, and whatever stands between', () => {
  const parts = fc.array(fc.constantFrom(one, two, key, 'text', '-----BEGIN CERTIFICATE-----'));
  fc.assert(
    fc.property(parts, (texts) => {
      expect(certificatesIn(texts.join('\n'))).toEqual(texts.filter((text) => text === one || text === two));
    }),
  );
});
