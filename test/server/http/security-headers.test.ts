import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';

const EXPECTED = [
  'cache-control: no-store',
  'cross-origin-opener-policy: same-origin',
  'permissions-policy: camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=(), display-capture=()',
  'x-permitted-cross-domain-policies: none',
  "content-security-policy: default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy: same-origin',
  'referrer-policy: no-referrer',
  'strict-transport-security: max-age=31536000; includeSubDomains',
  'x-content-type-options: nosniff',
  'x-frame-options: DENY',
];

let listening: ListeningApp;
beforeEach(async () => {
  listening = await listeningApp();
});
afterEach(() => listening.close());

/** The whole answer to these bytes. */
async function answerTo(request: string): Promise<string> {
  const { hostname, port } = new URL(listening.server);
  const socket = connect(Number(port), hostname);
  socket.write(request);
  const answer = await text(socket);
  return answer.toLowerCase();
}

test.each([
  ['an answer', 'GET /healthz HTTP/1.1', '200'],
  ['a problem', 'GET /v1/jobs HTTP/1.1', '400'],
  ['a path that is not there', 'GET /v1/nothing HTTP/1.1', '404'],
  ['what is no request', 'GET HTTP/1.1 nothing', '400'],
  ['an expectation', 'GET /healthz HTTP/1.1\r\nexpect: more', '400'],
])('%s says what browsers may do with it', async (_what, head, status) => {
  const answer = await answerTo(`${head}\r\nhost: a.example\r\nconnection: close\r\n\r\n`);
  expect(answer).toMatch(new RegExp(`^http/1.1 ${status} `));
  const lines = answer.slice(0, answer.indexOf('\r\n\r\n')).split('\r\n');
  for (const header of EXPECTED)
    expect(lines.filter((line) => line === header.toLowerCase())).toHaveLength(1);
  expect(lines.filter((line) => line.startsWith('x-powered-by') || line.startsWith('server:'))).toEqual([]);
});
