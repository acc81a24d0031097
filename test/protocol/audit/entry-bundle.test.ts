import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBundle, ENTRY_BYTES_MAX, encodeBundle } from '../../../protocol/audit/entry-bundle.ts';
import { utf8 } from '../../../protocol/bytes.ts';

test('each entry has its length before it', () => {
  expect([...encodeBundle([utf8('ab'), utf8('')])]).toEqual([0, 2, 97, 98, 0, 0]);
  expect(encodeBundle([new Uint8Array(ENTRY_BYTES_MAX)]).subarray(0, 2)).toEqual(Uint8Array.of(255, 255));
  expect(() => encodeBundle([new Uint8Array(ENTRY_BYTES_MAX + 1)])).toThrow(RangeError);
});

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 }), (entries) => {
      expect(decodeBundle(encodeBundle(entries), entries.length)).toEqual(entries);
    }),
  );
});

const bundle = encodeBundle([utf8('one'), utf8('two')]);

test.each([
  ['a cut entry', bundle.subarray(0, -1), 2],
  ['half a length', bundle.subarray(0, 6), 2],
  ['bytes behind', Uint8Array.of(...bundle, 0), 2],
  ['an entry too many', bundle, 1],
  ['an entry too few', bundle, 3],
  ['nothing', new Uint8Array(), 1],
  ['a length that is too large', Uint8Array.of(255, ...bundle.subarray(1)), 2],
])('%s is refused', (_, bytes, width) => {
  expect(decodeBundle(bundle, 2)).toEqual([utf8('one'), utf8('two')]);
  expect(() => decodeBundle(bytes, width)).toThrow(expect.objectContaining({ code: 'tileMalformed' }));
});
