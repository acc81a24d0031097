import { expect, test } from 'vitest';
import { isLoopback, requireConfidential } from '../../protocol/loopback.ts';

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

test('plain HTTP is refused beyond this machine, with the origin alone', () => {
  for (const url of ['http://127.0.0.1:8790/a', 'http://LOCALHOST', 'http://[::1]', 'https://hanse.example'])
    expect(() => requireConfidential(new URL(url)), url).not.toThrow();
  for (const host of ['hanse.example', '10.0.0.1', '[::2]', 'localhost.example', '127.0.0.1.example'])
    expect(() => requireConfidential(new URL(`http://me:secret@${host}/#invite=token`)), host).toThrow(
      expect.objectContaining({ code: 'plainHttpRefused', detail: { url: `http://${host}` } }),
    );
});
