import { describe, expect, test } from 'vitest';
import { requireSameOrigin, webOriginOf } from '../../../server/people/web-origin.ts';

const HERE = webOriginOf('https://hanse.example', 'https://127.0.0.1:8790');
const OWN = { 'hanse-protocol': '1' };

describe('where browsers find a coordinator', () => {
  test.each([
    ['https://hanse.example', 'https://127.0.0.1:1', ['https://hanse.example'], 'hanse.example', true],
    [
      'https://hanse.example:8443',
      'http://127.0.0.1:1',
      ['https://hanse.example:8443'],
      'hanse.example',
      true,
    ],
    [
      undefined,
      'http://127.0.0.1:8790',
      ['http://localhost:8790', 'http://127.0.0.1:8790'],
      'localhost',
      false,
    ],
    [undefined, 'http://localhost:8790', ['http://localhost:8790'], 'localhost', false],
    [undefined, 'http://[::1]:8790', ['http://localhost:8790', 'http://[::1]:8790'], 'localhost', false],
  ])('%s, %s', (publicServer, local, origins, rpId, isSecure) => {
    expect(webOriginOf(publicServer, local)).toEqual({ origins, rpId, isSecure });
  });
});

describe('a request that changes something', () => {
  const refused = expect.objectContaining({ code: 'originRefused' });
  test.each<[string, Record<string, string>]>([
    ['says that its page is of this origin', { 'sec-fetch-site': 'same-origin' }],
    ['names it', { origin: 'https://hanse.example' }],
    ['both', { 'sec-fetch-site': 'same-origin', origin: 'https://hanse.example' }],
  ])('is taken where it %s', (_, headers) => {
    expect(() => requireSameOrigin({ ...OWN, ...headers }, HERE, false)).not.toThrow();
  });

  test.each<[string, Record<string, string | string[]>]>([
    ['says nothing', {}],
    ['is of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['is of a host beside', { 'sec-fetch-site': 'same-site', origin: 'https://x.hanse.example' }],
    ['was typed into the address bar', { 'sec-fetch-site': 'none' }],
    ['names another origin alone', { origin: 'https://evil.example' }],
    ['names one that begins alike', { origin: 'https://hanse.example.evil.example' }],
    ['names it without TLS', { origin: 'http://hanse.example' }],
    ['names another port', { origin: 'https://hanse.example:8443' }],
    ['is of a page without an origin', { origin: 'null' }],
    ['contradicts itself', { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }],
    ['names two', { origin: ['https://hanse.example', 'https://evil.example'] }],
  ])('is refused where it %s', (_, headers) => {
    expect(() => requireSameOrigin({ ...OWN, ...headers }, HERE, false)).toThrow(refused);
  });

  test('needs the header that no form of another page can set', () => {
    const headers = { 'sec-fetch-site': 'same-origin', origin: 'https://hanse.example' };
    expect(() => requireSameOrigin(headers, HERE, false)).toThrow(refused);
    expect(() => requireSameOrigin({ ...headers, ...OWN }, HERE, false)).not.toThrow();
  });
});

test('a request that only reads need not name its origin, but may not be of another', () => {
  expect(() => requireSameOrigin(OWN, HERE, true)).not.toThrow();
  expect(() => requireSameOrigin({ ...OWN, 'sec-fetch-site': 'cross-site' }, HERE, true)).toThrow();
});
