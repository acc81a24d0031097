import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toBase64Url, toHex } from '../../protocol/bytes.ts';
import { formatInviteLink, parseInviteLink, parseOrigin } from '../../protocol/invite-link.ts';
import { isProblem } from '../../protocol/problem.ts';

const TOKEN = 'ABAgMEBQYHCAkKCwwNDg8AECAwQFBgcICQoLDA0ODxA';
const KEY = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
const INVITE = {
  server: 'https://coordinator.example',
  token: TOKEN,
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: KEY,
  organisationId: 'clinic.example',
  role: 'participant',
} as const;
const LINK =
  `https://coordinator.example/#invite=${TOKEN}&federation=fed-0123456789abcdef&key=${KEY}` +
  '&organisation=clinic.example&role=participant';

/** The place that a refusal names, or undefined. */
function refusal(text: string): string | undefined {
  try {
    parseInviteLink(text);
    return undefined;
  } catch (error) {
    if (!isProblem(error, 'invalidFormat')) throw error;
    return error.detail.where;
  }
}

test('known answer: the link of SPEC.md 4.3', () => {
  expect(formatInviteLink(INVITE)).toBe(LINK);
  expect(parseInviteLink(LINK)).toEqual(INVITE);
});

test('what was formatted reads back', () => {
  const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex);
  const invite = fc.record({
    server: fc.constantFrom('https://a.example', 'https://a.example:8443', 'http://localhost:8790'),
    token: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toBase64Url),
    federationId: hex(8).map((id) => `fed-${id}`),
    coordinatorKey: hex(32),
    organisationId: fc.constantFrom('a', 'lab-1.example', '0'),
    role: fc.constantFrom('participant' as const, 'evaluator' as const, 'researcher' as const),
  });
  const withLog = fc.record({ logKey: hex(32) }, { requiredKeys: [] });
  fc.assert(
    fc.property(invite, withLog, (parts, log) => {
      const link = { ...parts, ...log };
      expect(parseInviteLink(formatInviteLink(link))).toEqual(link);
    }),
  );
});

describe('as people paste it', () => {
  test('white space around it, the order of its parts and further parts do not matter', () => {
    expect(parseInviteLink(`  ${LINK}\n`)).toEqual(INVITE);
    const [origin, fragment = ''] = LINK.split('#');
    const parts = fragment.split('&').reverse().join('&');
    expect(parseInviteLink(`${origin}#utm=x&${parts}`)).toEqual(INVITE);
  });

  test('a part that is missing, cut off or spelt otherwise is named', () => {
    expect(refusal(LINK)).toBeUndefined();
    expect(refusal(LINK.replace(`invite=${TOKEN}&`, ''))).toBe('invite link, invite');
    expect(refusal(LINK.replace(TOKEN, TOKEN.slice(1)))).toBe('invite link, invite');
    expect(refusal(LINK.replace('fed-01', 'fed-0'))).toBe('invite link, federation');
    expect(refusal(LINK.slice(0, -1))).toBe('invite link, role');
    expect(refusal(LINK.replace('&role=participant', ''))).toBe('invite link, role');
    expect(refusal(LINK.replace('clinic.example', 'Clinic'))).toBe('invite link, organisation');
    expect(refusal(LINK.replace(KEY, KEY.slice(1)))).toBe('invite link, key');
    expect(refusal(`${LINK}&log=${KEY}`)).toBeUndefined();
    expect(refusal(`${LINK}&log=${KEY.slice(1)}`)).toBe('invite link, log');
    expect(refusal(LINK.replace(KEY, KEY.toUpperCase()))).toBe('invite link, key');
    expect(refusal(LINK.replace('#', '?'))).toBe('invite link, invite');
  });

  test('what a shell has cut off is told how to be kept', () => {
    for (const cut of [LINK.slice(0, LINK.indexOf('#')), LINK.slice(0, LINK.indexOf('&'))])
      expect(() => parseInviteLink(cut)).toThrow(/cut off.*in quotes/);
  });

  test('what is no link at all is refused', () => {
    expect(refusal(LINK)).toBeUndefined();
    for (const wrong of ['', 'an invite', LINK.slice(8), `javascript:${LINK}`, `file:///${LINK}`])
      expect(refusal(wrong), wrong).toBe('invite link');
  });

  test('a problem never holds the token', () => {
    expect(() => parseInviteLink(LINK.slice(0, -1))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(TOKEN.slice(0, 8)) }),
    );
  });
});

test('plain HTTP is taken to this machine alone', () => {
  const to = (origin: string) => LINK.replace('https://coordinator.example', origin);
  for (const origin of [
    'http://localhost:8790',
    'http://127.0.0.1',
    'http://127.9.9.9:1',
    'http://[::1]:8790',
  ])
    expect(parseInviteLink(to(origin)).server).toBe(origin);
  for (const origin of [
    'http://coordinator.example',
    'http://127.0.0.1.example',
    'http://localhost.example',
    'http://10.0.0.1',
    'http://[::2]',
  ]) {
    expect(() => parseInviteLink(to(origin)), origin).toThrow(
      expect.objectContaining({ code: 'plainHttpRefused', detail: { url: origin } }),
    );
    expect(refusal(to(origin.replace('http:', 'https:'))), origin).toBeUndefined();
  }
});

test('only the origin is taken: a path, a name or a password before the host are not', () => {
  const link = LINK.replace(
    'https://coordinator.example/',
    'https://me:secret@coordinator.example:443/path?q=1',
  );
  expect(parseInviteLink(link)).toEqual(INVITE);
});

test('the outside address of a coordinator is an origin, and safe', () => {
  const origin = (text: string) => parseOrigin(text, '--public-url');
  expect(origin('https://hanse.example')).toBe('https://hanse.example');
  expect(origin(' https://HANSE.example:8443/ ')).toBe('https://hanse.example:8443');
  expect(origin('http://127.0.0.1:8790')).toBe('http://127.0.0.1:8790');
  for (const wrong of [
    'hanse.example',
    'ftp://hanse.example',
    'https://hanse.example/coordinator',
    'https://hanse.example/?a=1',
    'https://hanse.example/#a',
    'https://me:secret@hanse.example',
    '',
  ])
    expect(() => origin(wrong), wrong).toThrow(
      expect.objectContaining({
        code: 'invalidFormat',
        detail: { where: '--public-url', expected: expect.stringMatching(/^must /) },
      }),
    );
});
