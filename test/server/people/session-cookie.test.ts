import { describe, expect, test } from 'vitest';
import { CookieJar } from '../../../server/people/session-cookie.ts';

describe('with TLS', () => {
  test('a cookie is for this host alone, for no script, and for no other site', () => {
    const jar = new CookieJar(undefined, true);
    jar.put('session', 'abc', 60);
    jar.clear('pending');
    expect(jar.answers).toEqual([
      '__Host-hanse=abc; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Strict',
      '__Host-hanse-pending=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
    ]);
  });

  test('what another host of the domain may have set is not read', () => {
    const jar = new CookieJar('hanse=planted; __Host-hanse=mine; __Host-hanse-pending=p', true);
    expect([jar.get('session'), jar.get('pending')]).toEqual(['mine', 'p']);
    expect(new CookieJar('hanse=planted', true).get('session')).toBeUndefined();
  });
});

test('without TLS the name has no prefix: browsers would refuse it', () => {
  const jar = new CookieJar('hanse=mine; __Host-hanse=other', false);
  expect(jar.get('session')).toBe('mine');
  jar.put('session', 'x', 1);
  expect(jar.answers).toEqual(['hanse=x; Max-Age=1; Path=/; HttpOnly; SameSite=Strict']);
});

test('one that is sent twice is none, and odd headers hold none', () => {
  expect(new CookieJar('__Host-hanse=a', true).get('session')).toBe('a');
  for (const header of [
    '__Host-hanse=a; __Host-hanse=b',
    '__Host-hanse=a;__Host-hanse=a',
    'x=1',
    ';;==;',
    '',
    '__proto__=1',
  ])
    expect(new CookieJar(header, true).get('session')).toBeUndefined();
  expect(new CookieJar(['a=1', '__Host-hanse=a'], true).get('session')).toBe('a');
});
