import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { isOf, newSalt, SALT_BYTES, salted } from '../../../protocol/audit/salted-field.ts';
import { canonicalJson } from '../../../protocol/canonical.ts';

test('a value is shown by its salt, and nothing else is', async () => {
  const salt = newSalt(primitives.random);
  const value = { name: 'Ada', ages: [1, 2] };
  const hash = await salted(salt, value);
  expect(hash.salted).toMatch(/^[0-9a-f]{64}$/);
  const text = canonicalJson(value);
  expect(await isOf(hash, { salt, value: text })).toBe(true);
  expect(await isOf(hash, { salt, value: canonicalJson({ ...value, name: 'Eve' }) })).toBe(false);
  expect(await isOf(hash, { salt: newSalt(primitives.random), value: text })).toBe(false);
  // A salt that takes a part of the value, or gives one, is none.
  const byte = new TextEncoder().encode(text.slice(0, 1));
  const longer = Uint8Array.of(...salt, ...byte);
  expect(await isOf(hash, { salt: longer, value: text.slice(1) })).toBe(false);
});

test('one value has another hash wherever it stands', async () => {
  const [one, other] = [newSalt(primitives.random), newSalt(primitives.random)];
  expect([one.length, SALT_BYTES]).toEqual([16, 16]);
  expect(await salted(one, 'x')).not.toEqual(await salted(other, 'x'));
  expect(await salted(one, 'x')).toEqual(await salted(one, 'x'));
});
