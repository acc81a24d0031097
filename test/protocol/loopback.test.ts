import { expect, test } from 'vitest';
import { isLoopback } from '../../protocol/loopback.ts';

test.each(['localhost', '127.0.0.1', '127.255.255.255', '127.1.0.0', '::1', '[::1]'])(
  '%s is this machine',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

test.each([
  '',
  '0.0.0.0',
  '128.0.0.1',
  '127.0.0.256',
  '127.0.0.999',
  '127.0.0.01',
  '127.0.0',
  '127.0.0.1.',
  '127.0.0.1.example.org',
  'localhost.example.org',
  'LOCALHOST.',
  '::',
  '[::1',
  '10.0.0.1',
])('%j is not, or is no address', (host) => {
  expect(isLoopback(host)).toBe(false);
});
