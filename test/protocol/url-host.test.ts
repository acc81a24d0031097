import { expect, test } from 'vitest';
import { bareHost, hostInUrl } from '../../protocol/url-host.ts';

test.each([
  ['::1', '[::1]'],
  ['2001:db8::7', '[2001:db8::7]'],
])('the address %s is %s in a URL', (bare, inUrl) => {
  for (const host of [bare, inUrl]) {
    expect(bareHost(host)).toBe(bare);
    expect(hostInUrl(host)).toBe(inUrl);
  }
  expect(new URL(`http://${hostInUrl(bare)}:8790`).hostname).toBe(inUrl);
});

test.each(['hanse.example', 'localhost', '127.0.0.1', ''])('%j is the same in both', (host) => {
  expect(bareHost(host)).toBe(host);
  expect(hostInUrl(host)).toBe(host);
});
