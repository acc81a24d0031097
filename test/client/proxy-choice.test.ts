import { describe, expect, test } from 'vitest';
import { type Environment, parseProxy, proxyFor } from '../../client/proxy-choice.ts';

const PROXY = 'http://proxy.example:3128';
const chosen = (environment: Environment, host = 'hanse.example', port = 443, named?: string) =>
  proxyFor(host, port, environment, named)?.name;

describe('the environment', () => {
  test.each<[string, Environment, string | undefined]>([
    ['nothing', {}, undefined],
    ['upper case', { HTTPS_PROXY: PROXY }, 'proxy.example:3128'],
    ['lower case wins', { HTTPS_PROXY: 'http://other', https_proxy: PROXY }, 'proxy.example:3128'],
    ['an empty one is none', { HTTPS_PROXY: ' ' }, undefined],
    ['for everything', { ALL_PROXY: PROXY }, 'proxy.example:3128'],
    [
      'that of HTTPS before that for everything',
      { ALL_PROXY: 'http://other', HTTPS_PROXY: PROXY },
      'proxy.example:3128',
    ],
    ['that of plain HTTP is not for TLS', { HTTP_PROXY: PROXY }, undefined],
  ])('%s', (_, environment, expected) => {
    expect(chosen(environment)).toBe(expected);
  });

  test('one that was named comes first, and no exception counts for it', () => {
    const environment = { HTTPS_PROXY: 'http://other', NO_PROXY: '*' };
    expect(chosen(environment, 'hanse.example', 443, PROXY)).toBe('proxy.example:3128');
  });

  test.each(['localhost', '127.0.0.1', '127.8.8.8', '::1', '[::1]'])('%s is reached directly', (host) => {
    expect(chosen({ HTTPS_PROXY: PROXY }, host)).toBeUndefined();
    expect(chosen({}, host, 443, PROXY)).toBeUndefined();
  });
});

describe('exceptions', () => {
  const HOSTS = [
    'hanse.example',
    'a.hanse.example',
    'xhanse.example',
    'HANSE.EXAMPLE',
    'hanse.example.',
    '10.0.0.1',
    '[2001:db8::1]',
  ];
  test.each<[string, readonly string[]]>([
    ['', []],
    ['*', HOSTS],
    ['hanse.example', ['hanse.example', 'a.hanse.example', 'HANSE.EXAMPLE', 'hanse.example.']],
    ['.hanse.example', ['hanse.example', 'a.hanse.example', 'HANSE.EXAMPLE', 'hanse.example.']],
    ['*.hanse.example', ['hanse.example', 'a.hanse.example', 'HANSE.EXAMPLE', 'hanse.example.']],
    ['other, a.Hanse.Example 10.0.0.1', ['a.hanse.example', '10.0.0.1']],
    ['10.0.0.1:443', ['10.0.0.1']],
    ['10.0.0.1:8443', []],
    ['[2001:db8::1]', ['[2001:db8::1]']],
    ['2001:db8::1', ['[2001:db8::1]']],
    ['[2001:db8::1]:443', ['[2001:db8::1]']],
    ['[2001:db8::1]:8443', []],
    [',,', []],
    ['.', []],
  ])('%s', (list, direct) => {
    const environment = { HTTPS_PROXY: PROXY, no_proxy: list };
    expect(HOSTS.filter((host) => chosen(environment, host) === undefined)).toEqual(direct);
  });
});

describe('an address', () => {
  test.each<[string, object]>([
    ['proxy.example:3128', { name: 'proxy.example:3128', isTls: false, host: 'proxy.example', port: 3128 }],
    ['http://proxy.example', { name: 'proxy.example:80', isTls: false, port: 80 }],
    ['https://proxy.example/', { name: 'proxy.example:443', isTls: true, port: 443 }],
    ['http://[2001:db8::1]:8080', { name: '[2001:db8::1]:8080', host: '2001:db8::1', port: 8080 }],
  ])('%s', (text, expected) => {
    expect(parseProxy(text, '--proxy')).toMatchObject(expected);
  });

  test('may hold credentials, which nobody is shown', () => {
    const proxy = parseProxy('http://me:p%40ss@proxy.example:3128', '--proxy');
    expect(new TextDecoder().decode(proxy.authorization?.reveal())).toBe('me:p@ss');
    expect(JSON.stringify(proxy)).not.toContain('p@ss');
    expect(proxy.name).toBe('proxy.example:3128');
  });

  test.each([
    '',
    'socks5://proxy.example',
    'http://',
    'http://a b',
    'http://proxy.example/path',
    'http://proxy.example?x',
    'http://x:%zz@proxy.example',
  ])('%s is none, and is not repeated', (text) => {
    try {
      parseProxy(text, 'HTTPS_PROXY');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'usage' });
      if (text.length > 8) expect(String((error as Error).message)).not.toContain(text);
    }
  });
});
