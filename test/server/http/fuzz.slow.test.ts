// covers: server/http/routes.ts, server/app.ts
/**
 * Every route, with requests drawn from the grammar of its schema and signed by a member who may call it: whatever is
 * sent, no failure of ours, no body that nobody has looked at, and every refusal a problem of the table.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import { signRequest } from '../../../protocol/http-signature.ts';
import { parse } from '../../../protocol/parse.ts';
import { isProblem, isProblemCode, type ProblemCode } from '../../../protocol/problem.ts';
import { EVERYWHERE, ROUTES, type Route, type RouteName, SIGNED } from '../../../protocol/routes.ts';
import { ProblemDetails } from '../../../schemas/problem.ts';
import { buildApp } from '../../../server/app.ts';
import type { Handlers } from '../../../server/handler-types.ts';
import { createHandlers } from '../../../server/handlers.ts';
import { Authenticator } from '../../../server/http/authenticate.ts';
import { RateLimits } from '../../../server/http/rate-limits.ts';
import { registerRoutes } from '../../../server/http/routes.ts';
import { webOriginOf } from '../../../server/people/web-origin.ts';
import { openFileBlobStore } from '../../../server/store/file-blob-store.ts';
import { type Node, TestFederation } from '../../fixtures/federation.ts';
import { CONTENT_TYPES, type DrawnRequest, drawnRequest, fitting } from '../../fixtures/route-grammar.ts';

const RUNS = 25;
const NAMES = Object.keys(ROUTES) as RouteName[];

let folder: string;
let federation: TestFederation;
let app: FastifyInstance;
let server: string;
const agent = new Agent({ keepAlive: true });
/** What handlers were given that is not of the schema of their route. */
const unvalidated: string[] = [];
/** How often handlers were called. */
let calls = 0;

const UNLIMITED = { addressPerSecond: 0, organisationPerSecond: 0 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-fuzz-'));
  const blobs = await openFileBlobStore(folder);
  federation = await TestFederation.open({ participants: 1, evaluators: 1, blobs });
  const { coordinator, reported } = federation;
  // Who may do what is driven in `access.test.ts`: here all of it, also with what there is not.
  vi.spyOn(coordinator.accessControl, 'requireRoute').mockReturnValue(undefined);
  app = await buildApp({
    coordinator,
    report: (error) => reported.push(error),
    handlers: watched(createHandlers(coordinator)),
    bodyMs: 500,
    // Of strangers at one address there are as many requests as it can send.
    rates: UNLIMITED,
  });
  server = await app.listen({ port: 0, host: '127.0.0.1' });
  coordinator.people.servedAt(webOriginOf(undefined, server));
});
afterAll(async () => {
  vi.restoreAllMocks();
  agent.destroy();
  app.server.closeAllConnections();
  await app.close();
  rmSync(folder, { recursive: true });
});

/** The handlers behind a second look, by another way than that of Fastify, at what they are given. */
function watched(handlers: Handlers): Handlers {
  const entries = NAMES.map((name) => {
    const route: Route = ROUTES[name];
    const handler = handlers[name] as (given: object) => Promise<object>;
    return [
      name,
      async (given: Record<'params' | 'query' | 'body', unknown>) => {
        calls += 1;
        for (const part of ['params', 'query', 'body'] as const)
          if (route[part] !== 'binary')
            try {
              if (route[part]) parse(route[part], given[part], part);
              else if (Object.keys(given[part] ?? {}).length > 0)
                throw new Error(`${part} of a route without`);
            } catch (error) {
              unvalidated.push(`${name}: ${error}`);
            }
        // Nothing happens while these requests are sent that another one could wait for.
        if (name === 'taskStream') return (async function* () {})();
        if (name === 'nextTasks' || name === 'getJob') return handler({ ...given, query: {} });
        return handler(given);
      },
    ];
  });
  return Object.fromEntries(entries) as Handlers;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** By `node:http`, which sends targets and headers as they are. */
function exchange(
  to: string,
  {
    method,
    target,
    headers,
    body,
  }: { method: string; target: string; headers: Record<string, string>; body?: Uint8Array | undefined },
): Promise<Answer> {
  const { hostname, port } = new URL(to);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path: target, headers, agent }, async (incoming) => {
      try {
        let text = '';
        for await (const part of incoming.setEncoding('utf8')) text += part;
        resolve({ status: incoming.statusCode ?? 0, type: incoming.headers['content-type'] ?? '', text });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('error', reject);
    if (body) outgoing.setHeader('content-length', body.length);
    outgoing.end(body);
  });
}

function caller(): Node {
  const [node] = federation.participants;
  if (!node) throw new Error('there is one');
  return node;
}

async function sendDrawn(to: string, route: Route, drawn: DrawnRequest): Promise<Answer> {
  const { method, access } = route;
  const { target, contentType, body } = drawn;
  const headers: Record<string, string> = {};
  if (access === 'signIn') Object.assign(headers, { 'hanse-protocol': '1', 'sec-fetch-site': 'same-origin' });
  else if (access !== 'public') {
    const { signer, nodeId } = caller();
    const toSign = { method, target, version: 1, ...(body && { bodySha256: await primitives.sha256(body) }) };
    const now = Math.floor(federation.clock.now() / 1000);
    Object.assign(headers, await signRequest(toSign, { signer, nodeId, now, nonce: randomBytes(16) }));
  }
  if (contentType !== undefined) headers['content-type'] = contentType;
  return exchange(to, { method, target, headers, body });
}

/** What is wrong with an answer, in words; nothing if it is one that any request may get. */
function faultsOf({ status, type, text }: Answer, codes?: readonly string[]): string[] {
  const faults: string[] = [];
  if (status >= 500) faults.push(`status ${status}`);
  if (/\n\s+at |node_modules|\.[tj]s:\d+|\/server\//.test(text.replaceAll('\\n', '\n')))
    faults.push('a stack');
  if (status < 400) return faults;
  if (!/^application\/problem\+json(;|$)/.test(type)) faults.push(`type ${type}`);
  try {
    const details = parse(ProblemDetails, JSON.parse(text), 'problem');
    if (!isProblemCode(details.code)) faults.push(`code ${details.code}`);
    else if (codes && !codes.includes(details.code)) faults.push(`code ${details.code}, not of this route`);
    if (details.status !== status) faults.push(`status ${details.status} within ${status}`);
  } catch {
    faults.push('no problem document');
  }
  return faults;
}

function codesOf({ access, problems }: Route): readonly ProblemCode[] {
  return [...EVERYWHERE, ...(access === 'public' ? [] : SIGNED), ...problems];
}

test.each(NAMES)('%s', async (name) => {
  const route: Route = ROUTES[name];
  const seen = { good: 0, refused: 0 };
  // Whoever enrols signs with the key that is in the body, and has an invite.
  const invite = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 3600 } as const;
  const { token } = await federation.coordinator.federation.invite(invite, federation.operator.nodeId);
  const publicKey = toHex(caller().signer.publicKey);
  const fixed = name === 'enrol' ? { publicKey, token } : {};
  const requests = drawnRequest(route, fixed);
  await fc.assert(
    fc.asyncProperty(requests, async (drawn) => {
      const before = calls;
      const answer = await sendDrawn(server, route, drawn);
      const isElsewhere = drawn.fault?.startsWith('path') ?? false;
      expect(faultsOf(answer, isElsewhere ? undefined : codesOf(route)), drawn.fault).toEqual([]);
      expect(unvalidated.splice(0), drawn.fault).toEqual([]);
      if (drawn.fault === undefined) {
        expect(calls, `a good one comes to its handler: ${answer.text}`).toBe(before + 1);
        seen.good += 1;
      } else if (answer.status >= 400) seen.refused += 1;
    }),
    // The first two are good and bad by their kind, so that there is always one of each.
    { numRuns: RUNS, examples: bothKinds(requests) },
  );
  expect(seen.good).toBeGreaterThan(0);
  expect(seen.refused).toBeGreaterThan(0);
  // A ledger that goes back is no fault of the coordinator, and what is drawn at random goes back.
  expect(federation.reported.filter((error) => !isProblem(error, 'ledgerForked'))).toEqual([]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

function bothKinds(requests: fc.Arbitrary<DrawnRequest>): [DrawnRequest][] {
  const drawn = fc.sample(requests, 200);
  const good = drawn.find(({ fault }) => fault === undefined);
  const bad = drawn.find(({ fault }) => fault?.startsWith('path'));
  return [good, bad].flatMap((one) => (one ? [[one] as [DrawnRequest]] : []));
}

test('the grammar draws what fits, for every body', () => {
  for (const { body } of Object.values(ROUTES) as Route[])
    if (body && body !== 'binary')
      fc.assert(
        fc.property(fitting(body), (value) => void parse(body, value, 'body')),
        { numRuns: 20 },
      );
});

describe('would be found', () => {
  test('a route whose validator is off', async () => {
    const bare = Fastify();
    bare.setValidatorCompiler(() => () => true);
    const { coordinator, clock } = federation;
    registerRoutes(bare, {
      handlers: watched(stubs()),
      accessControl: coordinator.accessControl,
      authenticator: new Authenticator(coordinator, federation.store, clock),
      protocol: { min: 1, max: 1 },
      limits: new RateLimits({ clock, rates: UNLIMITED, isProxied: false, nodesOf: () => 1 }),
    });
    const open = await bare.listen({ port: 0, host: '127.0.0.1' });
    try {
      const drawn = fc.sample(drawnRequest(ROUTES.decline), 100);
      for (const one of drawn) await sendDrawn(open, ROUTES.decline, one);
      expect(unvalidated.splice(0).length).toBeGreaterThan(10);
    } finally {
      bare.server.closeAllConnections();
      await bare.close();
    }
  });

  test.each<[what: string, answer: Partial<Answer>]>([
    ['a failure', { status: 500 }],
    ['a stack', { text: '{"detail":"Error: a\\n    at run (/srv/server/app.js:1:2)"}' }],
    ['text', { type: 'text/plain' }],
    ['another form', { text: '{"code":"invalidFormat"}' }],
    ['an unknown code', { text: details('somethingElse') }],
    ['a code of another route', { text: details('jobEnded') }],
    ['another status within', { status: 404 }],
  ])('an answer that is %s', (_, changed) => {
    const sound: Answer = { status: 400, type: 'application/problem+json', text: details('invalidFormat') };
    expect(faultsOf(sound, EVERYWHERE)).toEqual([]);
    expect(faultsOf({ ...sound, ...changed }, EVERYWHERE)).not.toEqual([]);
  });

  function details(code: string): string {
    return JSON.stringify({
      type: 'a',
      title: 'a',
      status: 400,
      code,
      detail: 'a',
      remedy: 'a',
      particulars: {},
    });
  }

  function stubs(): Handlers {
    return Object.fromEntries(NAMES.map((name) => [name, async () => ({})])) as unknown as Handlers;
  }
});

test('however its type is spelt, a body that is not of the schema is read by nobody', async () => {
  const bad = new TextEncoder().encode('{"code":7}');
  const target = `/v1/jobs/job-${'0'.repeat(16)}/rounds/1/attempts/1/decline`;
  for (const contentType of CONTENT_TYPES) {
    const answer = await sendDrawn(server, ROUTES.decline, { target, contentType, body: bad, fault: '' });
    const { code } = JSON.parse(answer.text);
    expect(['invalidFormat', 'mediaTypeUnsupported'], `${JSON.stringify(contentType)}: ${code}`).toContain(
      code,
    );
  }
  const good = new TextEncoder().encode('{"code":"dataEmpty"}');
  const whole = { target, contentType: 'application/json; charset=utf-8', body: good, fault: undefined };
  expect((await sendDrawn(server, ROUTES.decline, whole)).text).toContain('"jobUnknown"');
  expect(unvalidated).toEqual([]);
});

/** Everything that comes back until the connection ends, as answers. */
function onOneConnection(text: string, end = false): Promise<Answer[]> {
  const { port } = app.server.address() as AddressInfo;
  return new Promise((resolve) => {
    let said = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      socket.write(text, 'latin1');
      if (end) socket.end();
    });
    socket.setEncoding('utf8').on('data', (part) => {
      said += part;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(answersIn(said))).on('error', () => {});
  });
}

function answersIn(said: string): Answer[] {
  return said
    .split(/(?=HTTP\/1\.1 \d)/)
    .filter((one) => one.length > 0)
    .map((one) => {
      const [head = '', ...rest] = one.split('\r\n\r\n');
      const type = /^content-type: (.*)$/im.exec(head)?.[1]?.trim() ?? '';
      return { status: Number(head.slice(9, 12)), type, text: rest.join('\r\n\r\n') };
    });
}

describe('a body of another length than stated', () => {
  const head = `POST /v1/tasks/stream/${'A'.repeat(22)}/answer HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n`;
  const close = 'connection: close\r\n';

  test.each<[what: string, text: string, statuses: number[]]>([
    ['as stated', `${head}${close}content-length: 2\r\n\r\n{}`, [200]],
    ['in chunks', `${head}${close}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, [200]],
    [
      'longer: the rest is a request',
      `${head}content-length: 2\r\n\r\n{}GET /v1/x HTTP/1.1\r\nhost: a\r\n${close}\r\n`,
      [200, 404],
    ],
    [
      'both lengths',
      `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      [400],
    ],
    ['two lengths', `${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, [400]],
    ['less than none', `${head}content-length: -1\r\n\r\n{}`, [400]],
    ['no number', `${head}content-length: 2e0\r\n\r\n{}`, [400]],
    ['more than any', `${head}content-length: ${'9'.repeat(30)}\r\n\r\n{}`, [400]],
    ['more than permitted', `${head}${close}content-length: 99999999\r\n\r\n{}`, [413]],
    ['a chunk without a length', `${head}transfer-encoding: chunked\r\n\r\nx\r\n{}\r\n`, [400]],
    ['another encoding', `${head}${close}transfer-encoding: gzip\r\n\r\n{}`, [400]],
  ])('%s', async (_, text, statuses) => {
    const answers = await onOneConnection(text);
    expect(answers.map(({ status }) => status)).toEqual(statuses);
    expect(answers.flatMap((answer) => faultsOf(answer))).toEqual([]);
  });

  test('longer: what is no request is answered as one that is none, maybe before the request is', async () => {
    const answers = await onOneConnection(`${head}content-length: 2\r\n\r\n{}{}`);
    expect(answers.at(-1)?.status).toBe(400);
    expect(answers.flatMap((answer) => faultsOf(answer))).toEqual([]);
  });

  test('shorter: what does not come in time is not waited for, and nobody else waits', async () => {
    const slow = Array.from({ length: 20 }, () => onOneConnection(`${head}content-length: 9\r\n\r\n{}`));
    const cut = Array.from({ length: 20 }, () => onOneConnection(`${head}content-length: 9\r\n\r\n{}`, true));
    const asked = await onOneConnection(`${head}${close}content-length: 2\r\n\r\n{}`);
    expect(asked.map(({ status }) => status)).toEqual([200]);
    for (const answers of await Promise.all([...slow, ...cut]))
      expect(answers.flatMap((answer) => (answer.status < 400 ? ['answered'] : faultsOf(answer)))).toEqual(
        [],
      );
  });
});

describe('memory', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const PIECE = Buffer.alloc(65_536, 0x20);
  const PIECES = 1024;

  /** Bytes that are kept while a body of 64 MB is sent to it. */
  async function keptBy(sent: (pieces: AsyncIterable<Buffer>) => Promise<unknown>): Promise<number> {
    const used = () => {
      collect();
      const { external, heapUsed } = process.memoryUsage();
      return external + heapUsed;
    };
    const before = used();
    let most = 0;
    await sent(
      (async function* () {
        for (let i = 0; i < PIECES; i += 1) {
          yield PIECE;
          if (i % 128 === 127) most = Math.max(most, used() - before);
        }
      })(),
    );
    return most;
  }

  const LIMIT_BYTES = 32 * 2 ** 20;

  test.each<[who: string, name: RouteName, path: string]>([
    ['of nobody', 'enrol', '/v1/nodes'],
    ['of a member, as JSON', 'createJob', '/v1/jobs'],
    ['of a member, as content', 'putBlob', `/v1/blobs/${'0'.repeat(64)}`],
  ])('is bounded while a body without end comes, %s', async (_, name, path) => {
    const { hostname, port } = new URL(server);
    const { method, body, access }: Route = ROUTES[name];
    const { signer, nodeId } = caller();
    const toSign = { method, target: path, version: 1, bodySha256: new Uint8Array(32) };
    const now = Math.floor(federation.clock.now() / 1000);
    const signature = await signRequest(toSign, { signer, nodeId, now, nonce: randomBytes(16) });
    const type = { 'content-type': body === 'binary' ? 'application/octet-stream' : 'application/json' };
    const headers = access === 'enrolling' ? type : { ...signature, ...type };
    let status = 0;
    const kept = await keptBy(async (pieces) => {
      const outgoing = request({ hostname, port, method, path, headers });
      const ended = new Promise<void>((resolve) => {
        outgoing.on('error', () => {}).on('close', resolve);
        outgoing.on('response', (incoming) => {
          status = incoming.statusCode ?? 0;
          incoming.resume();
        });
      });
      for await (const piece of pieces) {
        if (outgoing.destroyed || outgoing.write(piece)) continue;
        await Promise.race([ended, new Promise((resolve) => outgoing.once('drain', resolve))]);
      }
      outgoing.end();
      await ended;
    });
    expect(kept).toBeLessThan(LIMIT_BYTES);
    expect([0, 400, 401, 413]).toContain(status);
  });

  test('would be found not to be, of somebody who keeps it all', async () => {
    const kept: Buffer[] = [];
    const most = await keptBy(async (pieces) => {
      for await (const piece of pieces) kept.push(Buffer.from(piece));
    });
    expect(kept).toHaveLength(PIECES);
    expect(most).toBeGreaterThan(LIMIT_BYTES);
  });
});
