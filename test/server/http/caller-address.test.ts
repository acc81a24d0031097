import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { callerAddress, networkOf } from '../../../server/http/caller-address.ts';

const from = (remoteAddress: string | undefined, forwarded?: string | string[]) =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as never;

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['1::192.0.2.1', '1:0:0:0::/64'],
  ['1:2:3::', '1:2:3:0::/64'],
])('%s is of %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test.each(['', 'unknown', '_hidden', '192.0.2', '192.0.2.1:80', '[::1]', '1:2', '::ffff:999.0.0.1'])(
  '%j is no address',
  (address) => expect(networkOf(address)).toBeUndefined(),
);

test('all of a /64 are one, however they are written, and others are not', () => {
  const group = fc.integer({ min: 0, max: 0xffff });
  const groups = fc.array(group, { minLength: 8, maxLength: 8 });
  const written = (of: number[]) => of.map((one) => one.toString(16)).join(':');
  const short = (of: number[]) => new URL(`http://[${written(of)}]`).hostname.slice(1, -1);
  fc.assert(
    fc.property(groups, groups, (a, b) => {
      fc.pre(!written(a).startsWith('0:0:0:0:'));
      const neighbour = [...a.slice(0, 4), ...b.slice(4)];
      expect(isIPv6(short(a))).toBe(true);
      expect(networkOf(short(neighbour))).toBe(networkOf(written(a)));
      const other = [...a.slice(0, 3), ((a[3] ?? 0) + 1) % 0x10000, ...a.slice(4)];
      expect(networkOf(short(other))).not.toBe(networkOf(written(a)));
    }),
  );
});

describe('behind a proxy', () => {
  test('its own word counts, which is the last, and nothing that came before it', () => {
    expect(callerAddress(from('10.0.0.1', '192.0.2.1'), true)).toBe('192.0.2.1');
    expect(callerAddress(from('10.0.0.1', '203.0.113.9, 192.0.2.1'), true)).toBe('192.0.2.1');
    expect(callerAddress(from('10.0.0.1', ['203.0.113.9', '192.0.2.1']), true)).toBe('192.0.2.1');
  });

  test('our example of one says whose request it passes on, and nothing that the caller says of that', () => {
    const example = readFileSync(new URL('../../../server/nginx.conf.example', import.meta.url), 'utf8');
    expect(example).toMatch(/^\s+proxy_set_header X-Forwarded-For \$remote_addr;/m);
  });

  test('one that says nothing leaves the caller unknown: not all of its callers are one', () => {
    expect(callerAddress(from('10.0.0.1'), true)).toBeUndefined();
    expect(callerAddress(from('10.0.0.1', 'unknown'), true)).toBeUndefined();
  });
});

test('without a proxy nobody can name another address than his own', () => {
  expect(callerAddress(from('192.0.2.7', '192.0.2.1'), false)).toBe('192.0.2.7');
  expect(callerAddress(from(undefined, '192.0.2.1'), false)).toBeUndefined();
});
