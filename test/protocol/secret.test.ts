import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Secret } from '../../protocol/secret.ts';

const BYTES = [222, 173, 190, 239];

/** Ways in which something may end up in a log. */
const VIEWS: Readonly<Record<string, (value: object) => string>> = {
  text: (value) => `${value}`,
  JSON: (value) => JSON.stringify({ value }),
  inspect: (value) => inspect(value, { depth: 9, showHidden: true }),
  'inspect within': (value) => inspect({ list: [value] }, { depth: 9 }),
  format: (value) => format('%s %o %j', value, value, value),
  keys: (value) => JSON.stringify([Object.keys(value), Object.values(value)]),
  'structured clone': (value) => inspect(structuredClone(value)),
};

test.each(Object.entries(VIEWS))('as %s a secret does not show', (_, view) => {
  const shown = /222|173|de.?ad|3q2/i;
  expect(view(Uint8Array.from(BYTES))).toMatch(shown);
  expect(view(new Secret(Uint8Array.from(BYTES)))).not.toMatch(shown);
});

test('it says that it is one', () => {
  const secret = new Secret(Uint8Array.from(BYTES));
  expect([String(secret), inspect(secret), JSON.stringify(secret)]).toEqual([
    '[secret]',
    '[secret]',
    '"[secret]"',
  ]);
});

test('the one place that uses it gets the bytes themselves, until they are wiped', () => {
  const bytes = Uint8Array.from(BYTES);
  const secret = new Secret(bytes);
  expect(secret.reveal()).toBe(bytes);
  secret.wipe();
  expect(bytes).toEqual(new Uint8Array(4));
});
