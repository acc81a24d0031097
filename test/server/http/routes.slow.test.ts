// covers: server/http/routes.ts, server/http/body-deadline.ts, server/http/refused-connection.ts
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text as streamText } from 'node:stream/consumers';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../../protocol/bytes.ts';
import type { ProblemCode } from '../../../protocol/problem.ts';
import { BINARY, ROUTES, type RouteName } from '../../../protocol/routes.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import type { ProblemDetails } from '../../../schemas/problem.ts';
import { type AppOptions, buildApp } from '../../../server/app.ts';
import type { Node } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import {
  expectProblem,
  expectSuccess,
  type SignedRequest,
  send,
  signed,
} from '../../fixtures/signed-client.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

const BLOB_LIMIT_BYTES = 3_000_000;

let listening: ListeningApp;
let researcher: Node;
beforeEach(async () => {
  listening = await listeningApp({ evaluators: 1, settings: { blobLimitBytes: BLOB_LIMIT_BYTES } });
  researcher = listening.federation.researcher;
});
afterEach(() => listening.close());

const manifest = () => listening.federation.manifest();
const sendOn = (one: SignedRequest, chunks?: AsyncIterable<Uint8Array>) =>
  send(listening.server, one, chunks);

/** Signed over exactly these bytes, whatever they are. */
const signedJson = async (text: string) => {
  const one = await signed(researcher, listening.federation.clock, 'createJob', { body: utf8(text) });
  one.headers['content-type'] = 'application/json';
  return one;
};
const signedBlob = (content: Uint8Array) =>
  signed(researcher, listening.federation.clock, 'putBlob', {
    params: { sha256: hashOf(content) },
    body: content,
  });

describe('JSON', () => {
  beforeEach(() => listening.federation.storeContent());

  test('that is none, or not of the schema', async () => {
    const text = JSON.stringify(manifest());
    const wrong = [
      '{',
      '',
      'null',
      '[]',
      '"text"',
      text.slice(0, -1),
      `${text}x`,
      text.replace('"rounds":1', '"rounds":1e400'),
      text.replace('"rounds":1', '"rounds":"1"'),
      text.replace('"rounds":1', '"rounds":1.5'),
      text.replace('"rounds":1', '"rounds":0'),
      text.replace('"rounds":1', '"rounds":1,"more":true'),
      text.replace('"rounds":1,', ''),
      text.replace('"manifestVersion":1', '"manifestVersion":2'),
      text.replace('"name":"a job"', '"name":"a\\u0007job"'),
    ];
    for (const one of wrong) expectProblem(await sendOn(await signedJson(one)), 'invalidFormat', 400);
    expect(listening.federation.coordinator.jobs()).toEqual([]);
    expectSuccess(await sendOn(await signedJson(text)));
  });

  test('that is not UTF-8 is refused', async () => {
    const text = JSON.stringify(manifest());
    const bytes = utf8(text.replace('a job', 'a j*b'));
    bytes[bytes.indexOf(0x2a)] = 0xff;
    const one = await signed(researcher, listening.federation.clock, 'createJob', { body: bytes });
    one.headers['content-type'] = 'application/json';
    const problem = expectProblem(await sendOn(one), 'invalidFormat', 400);
    expect(problem.particulars).toEqual({ where: 'body', expected: 'UTF-8' });
    expectSuccess(await sendOn(await signedJson(text.replace('a job', 'a j\u00f6b'))));
  });

  test('with keys of the prototype is refused', async () => {
    const text = JSON.stringify(manifest());
    for (const key of ['__proto__', 'constructor'])
      for (const value of ['{"polluted":true}', '{"prototype":{"polluted":true}}']) {
        const one = text.replace('{', `{"${key}":${value},`);
        expectProblem(await sendOn(await signedJson(one)), 'invalidFormat', 400);
      }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expectSuccess(await sendOn(await signedJson(text)));
  });

  test('beyond its limit, with and without a stated length', async () => {
    const { bodyLimitBytes } = ROUTES.createJob;
    const text = JSON.stringify(manifest());
    const padded = text + ' '.repeat(bodyLimitBytes - text.length);
    expectSuccess(await sendOn(await signedJson(padded)));
    const tooLarge = await signedJson(`${padded} `);
    const problem = expectProblem(await sendOn(tooLarge), 'bodyTooLarge', 413);
    expect(problem.particulars).toEqual({ limitBytes: bodyLimitBytes });
    const streamed = await signedJson(`${padded} `);
    expectProblem(await sendOn(streamed, inChunks(utf8(`${padded} `))), 'bodyTooLarge', 413);
    const again = await signedJson(padded);
    expectSuccess(await sendOn(again, inChunks(utf8(padded))));
  });
});

describe('JSON of somebody unknown', () => {
  test('is read no further than enrolling takes', async () => {
    const { clock, participants } = listening.federation;
    const [node] = participants as [Node];
    const { bodyLimitBytes } = ROUTES.enrol;
    const enrolling = (length: number) => {
      const body = { token: 'A'.repeat(43), publicKey: '0'.repeat(64), name: '' };
      body.name = 'n'.repeat(length - JSON.stringify(body).length);
      return signed(node, clock, 'enrol', { body });
    };
    expectProblem(await sendOn(await enrolling(bodyLimitBytes)), 'invalidFormat', 400);
    const problem = expectProblem(await sendOn(await enrolling(bodyLimitBytes + 1)), 'bodyTooLarge', 413);
    expect(problem.particulars).toEqual({ limitBytes: bodyLimitBytes });
    const elsewhere = { ...(await enrolling(bodyLimitBytes + 1)), target: '/v1/nothing' };
    expect((await sendOn(elsewhere)).status).toBe(413);
    expect((await sendOn({ ...(await enrolling(1000)), target: '/v1/nothing' })).status).toBe(404);
  });

  test('that comes drop by drop is given up, content of a member is not', async () => {
    const BODY_MS = 1000;
    await impatiently({ bodyMs: BODY_MS }, async (server) => {
      async function* slowly(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
        for (let start = 0; start < bytes.length; start += bytes.length / 8) {
          await new Promise((resolve) => setTimeout(resolve, BODY_MS / 4));
          yield bytes.subarray(start, start + bytes.length / 8);
        }
      }
      const text = JSON.stringify(manifest()).padEnd(1600);
      await listening.federation.storeContent();
      await expect(send(server, await signedJson(text), slowly(utf8(text)))).rejects.toThrow();
      expectSuccess(await send(server, await signedJson(text), inChunks(utf8(text))));
      const content = utf8('content '.repeat(100));
      expectSuccess(await send(server, await signedBlob(content), slowly(content)));
    });
  });
});

/** Another front of the same coordinator. */
async function impatiently(
  options: Partial<AppOptions>,
  use: (server: string, app: FastifyInstance) => Promise<void>,
) {
  const { coordinator, reported } = listening.federation;
  const app = await buildApp({ coordinator, report: (error) => reported.push(error), ...options });
  try {
    await use(await app.listen({ port: 0, host: '127.0.0.1' }), app);
    expect(reported).toEqual([]);
  } finally {
    await app.close();
  }
}

async function lengthOf(answer: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const piece of answer) length += piece.length;
  return length;
}

/** What is sent as it stands; resolves to all that comes back until the connection closes. */
function raw(server: string, text: string): Promise<string> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding('latin1').on('data', (part) => {
      answer += part;
    });
    socket.on('close', () => resolve(answer)).on('error', () => {});
  });
}

describe('what is no request', () => {
  const line = 'GET /v1/federation HTTP/1.1\r\n';
  const close = 'host: a\r\nconnection: close\r\n';

  test.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['a header that is none', `${line}host: a\r\nno header\r\n\r\n`],
    ['headers without end', `${line}host: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['an expectation of its own', `${line}${close}expect: more\r\n\r\n`],
    ['no host', `${line}connection: close\r\n\r\n`],
  ])('gets a problem: %s', async (_, text) => {
    const answer = await raw(listening.server, text);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 400 /);
    expect(head).toMatch(/^content-type: application\/problem\+json(;|$)/im);
    expect(head).toMatch(/^hanse-protocol: 1-1$/im);
    const { code, status, type } = JSON.parse(body) as ProblemDetails;
    expect({ code, status, type }).toEqual({
      code: 'invalidFormat',
      status: 400,
      type: 'urn:hanse:problem:invalidFormat',
    });
    const healthy = await raw(listening.server, `GET /healthz HTTP/1.1\r\n${close}\r\n`);
    expect(healthy).toMatch(/^HTTP\/1.1 200 /);
  });

  test('connections beyond the limit are closed, and taken again when others have gone', async () => {
    await impatiently({ maxConnections: 2 }, async (server) => {
      const { hostname, port } = new URL(server);
      const held = [0, 1].map(() => connect(Number(port), hostname));
      await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
      const asked = `GET /healthz HTTP/1.1\r\n${close}\r\n`;
      expect(await raw(server, asked)).toBe('');
      for (const socket of held) socket.destroy();
      await expect.poll(() => raw(server, asked)).toMatch(/^HTTP\/1.1 200 /);
    });
  });
});

describe('whatever is sent', () => {
  test('as JSON to any route gives an answer of the table, and no failure of ours', async () => {
    const { operator, participants, evaluators, clock } = listening.federation;
    const [participant] = participants as [Node];
    const [evaluator] = evaluators as [Node];
    const context = { jobId: 'job-0000000000000000', round: '1', attempt: '1' };
    const routes: [RouteName, Node][] = [
      ['createInvite', operator],
      ['enrol', participant],
      ['reportCapabilities', participant],
      ['createJob', researcher],
      ['decline', participant],
      ['putEvaluation', evaluator],
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), fc.jsonValue(), async ([route, node], body) => {
        const answer = await sendOn(await signed(node, clock, route, { params: context, body }));
        const { code } = answer.json as { code: ProblemCode };
        expectProblem(answer, code, answer.status);
        expect(answer.status).toBeLessThan(500);
      }),
      { numRuns: 60 },
    );
    expect(listening.federation.reported).toEqual([]);
  });

  test('as a manifest with one value replaced is refused, or a job that can be read and read again', async () => {
    const { federation } = listening;
    await federation.storeContent();
    const good = manifest() as unknown as Record<string, unknown>;
    const places = Object.entries(good).flatMap(([key, value]) =>
      typeof value === 'object' && value !== null
        ? [[key], ...Object.keys(value).map((inner) => [key, inner])]
        : [[key]],
    );
    const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
    const value = fc.oneof(fc.jsonValue(), number, fc.constantFrom(1e308, 5e-324, -0, 0xffff_ffff, 2 ** 53));
    let jobs = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), value, async ([outer = '', inner], replaced) => {
        const body = structuredClone(good);
        if (inner === undefined) body[outer] = replaced;
        else (body[outer] as Record<string, unknown>)[inner] = replaced;
        const answer = await listening.call(researcher, 'createJob', { body });
        expect(answer.status).toBeLessThan(500);
        if (answer.status !== 200) return;
        jobs += 1;
        const { jobId } = answer.json as JobStatus;
        expectSuccess(await listening.call(researcher, 'getJob', { params: { jobId } }));
      }),
      { numRuns: 200 },
    );
    expect(jobs).toBeGreaterThan(0);
    await federation.reopen();
    expect(federation.coordinator.jobs()).toHaveLength(jobs);
    expect(federation.reported).toEqual([]);
  });
});

describe('the type of a body', () => {
  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', ''])(
    '%j is none that is read',
    async (type) => {
      const asked = await signedJson(JSON.stringify(manifest()));
      asked.headers['content-type'] = type;
      expectProblem(await sendOn(asked), 'mediaTypeUnsupported', 415);
    },
  );

  // Older releases of Fastify took some of these for a type that they had a parser, but no validation for.
  test.each([
    'application/json\t',
    'application/json\t; charset=utf-8',
    'application/json\tx',
    'application/json x',
    ' application/json',
    'application/json;',
    'APPLICATION/JSON',
    'application/json; charset=utf-8',
    'application/json; charset=utf-16',
    'application/json, text/plain',
    'application/json/x',
    'text/plain, application/json',
    'multipart/form-data; boundary=application/json',
    'application/problem+json',
  ])('written as %j it is validated all the same, or not read', async (type) => {
    const read = async (text: string) => {
      const { route, method, target, headers, body } = await signedJson(text);
      const { hostname, port } = new URL(listening.server);
      const lines = Object.entries({ ...headers, 'content-type': type, host: hostname, connection: 'close' });
      const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const length = `content-length: ${body?.length ?? 0}\r\n`;
      const socket = connect(Number(port), hostname);
      socket.write(`${method} ${target} HTTP/1.1\r\n${head}${length}\r\n`);
      socket.write(body ?? '');
      const answer = await streamText(socket);
      return { route, status: Number(answer.split(' ', 2)[1]), code: /"code":"(\w+)"/.exec(answer)?.[1] };
    };
    await listening.federation.storeContent();
    const invalid = await read('{"name":7}');
    expect(['invalidFormat', 'mediaTypeUnsupported']).toContain(invalid.code);
    // The control: where it is read at all, a sound body is taken.
    const sound = await read(JSON.stringify(manifest()));
    if (invalid.code === 'invalidFormat') expect(sound.status).toBe(200);
    else expect(sound.code).toBe('mediaTypeUnsupported');
  });

  test('is read by a release of Fastify that takes no two types for one', () => {
    const [major = 0, minor = 0, patch = 0] = listening.app.version.split('.').map(Number);
    expect(major * 10_000 + minor * 100 + patch).toBeGreaterThanOrEqual(50_805);
  });

  test('bytes where JSON is read, and JSON where bytes are', async () => {
    await listening.federation.storeContent();
    const text = JSON.stringify(manifest());
    const bytes = await signedJson(text);
    bytes.headers['content-type'] = BINARY;
    expectProblem(await sendOn(bytes), 'mediaTypeUnsupported', 415);
    expectSuccess(await sendOn(await signedJson(text)));

    const json = await signedBlob(utf8('{"a":1}'));
    json.headers['content-type'] = 'application/json';
    expectProblem(await sendOn(json), 'mediaTypeUnsupported', 415);
    expectSuccess(await sendOn(await signedBlob(utf8('{"a":1}'))));
  });

  test('no body where one is needed', async () => {
    const asked = await signedBlob(utf8('content'));
    asked.body = undefined;
    delete asked.headers['content-type'];
    expectProblem(await sendOn(asked), 'mediaTypeUnsupported', 415);
    const json = await signedJson('{}');
    json.body = undefined;
    delete json.headers['content-type'];
    expectProblem(await sendOn(json), 'invalidFormat', 400);
    expect(listening.federation.reported).toEqual([]);
  });
});

describe('bytes', () => {
  test('beyond the limit, with and without a stated length', async () => {
    const largest = new Uint8Array(BLOB_LIMIT_BYTES).fill(7);
    const tooLarge = new Uint8Array(BLOB_LIMIT_BYTES + 1).fill(7);
    for (const chunked of [false, true]) {
      const send = async (content: Uint8Array) =>
        sendOn(await signedBlob(content), chunked ? inChunks(content) : undefined);
      expectSuccess(await send(largest));
      const problem = expectProblem(await send(tooLarge), 'bodyTooLarge', 413);
      expect(problem.particulars).toEqual({ limitBytes: BLOB_LIMIT_BYTES });
    }
    expect(await listening.federation.blobs.has(hashOf(largest))).toBeDefined();
    expect(await listening.federation.blobs.has(hashOf(tooLarge))).toBeUndefined();
  });

  test('a connection on which too much was sent can be used again', async () => {
    const tooLarge = new Uint8Array(2 * BLOB_LIMIT_BYTES);
    for (let i = 0; i < 3; i += 1) {
      expectProblem(await sendOn(await signedBlob(tooLarge)), 'bodyTooLarge', 413);
      expectSuccess(await sendOn(await signedBlob(utf8(`content ${i}`))));
    }
  });

  test('another content than the path names', async () => {
    const content = utf8('content');
    const other = await signed(researcher, listening.federation.clock, 'putBlob', {
      params: { sha256: '0'.repeat(64) },
      body: content,
    });
    expectProblem(await sendOn(other), 'hashMismatch', 400);
    expectSuccess(await sendOn(await signedBlob(content)));
  });

  /** Sends the head and half of the content; resolves when the connection is closed. */
  async function sendHalf(
    server: string,
    content: Uint8Array,
    andThen: 'break off' | 'stall',
  ): Promise<void> {
    const asked = await signedBlob(content);
    const { hostname, port } = new URL(server);
    const head = Object.entries({ ...asked.headers, host: hostname, 'content-length': content.length });
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        const lines = [`PUT ${asked.target} HTTP/1.1`, ...head.map(([name, value]) => `${name}: ${value}`)];
        socket.write(`${lines.join('\r\n')}\r\n\r\n`);
        socket.write(content.subarray(0, content.length / 2));
        if (andThen === 'break off') socket.end();
      });
      socket.on('close', () => resolve()).resume();
    });
  }

  test('an upload that breaks off leaves nothing', async () => {
    const content = new Uint8Array(1_000_000).fill(3);
    await sendHalf(listening.server, content, 'break off');
    expect(await listening.federation.blobs.has(hashOf(content))).toBeUndefined();
    expectSuccess(await sendOn(await signedBlob(content)));
    expect(await listening.federation.blobs.has(hashOf(content))).toEqual({ size: content.length });
    expect(listening.federation.reported).toEqual([]);
  });

  test('an upload that stalls is given up, by an end that the sender does not choose', async () => {
    const { blobs } = listening.federation;
    await impatiently({ idleMs: 300 }, async (server) => {
      const content = new Uint8Array(1_000_000).fill(3);
      await sendHalf(server, content, 'stall');
      expect(await blobs.has(hashOf(content))).toBeUndefined();
      expectSuccess(await send(server, await signedBlob(content)));
      expect(await blobs.has(hashOf(content))).toEqual({ size: content.length });
    });
  });

  /** Kept in memory for all who ask, and read from the store for each. */
  test.each([24, 72])(
    'an answer of %i MB that nobody reads on is given up; who reads gets it',
    async (size) => {
      const { federation } = listening;
      const content = new Uint8Array(size * 2 ** 20);
      const forward = hashOf(content);
      await federation.blobs.put(content, { limitBytes: content.length });
      await federation.createJob({ graph: { forward, trainStep: forward } });
      await impatiently({ idleMs: 1500 }, async (server, app) => {
        const { target, headers } = await signed(researcher, federation.clock, 'getBlob', {
          params: { sha256: forward },
        });
        const closed = new Promise((resolve) => {
          app.server.once('connection', (socket: Socket) => socket.once('close', resolve));
        });
        const answer = await new Promise<IncomingMessage>((resolve, reject) => {
          request(server + target, { headers, agent: false }, resolve)
            .on('error', reject)
            .end();
        });
        expect(answer.headers['content-length']).toBe(String(content.length));
        await closed;
        await expect(lengthOf(answer)).rejects.toThrow();
        const patient = await signed(researcher, federation.clock, 'getBlob', {
          params: { sha256: forward },
        });
        expect(expectSuccess(await send(server, patient)).bytes.length).toBe(content.length);
      });
    },
  );

  test('come back as they are, and may be kept for ever', async () => {
    const job = await listening.federation.createJob();
    const { initialModel } = job.state.manifest;
    const answer = expectSuccess(
      await listening.call(researcher, 'getBlob', { params: { sha256: initialModel } }),
    );
    expect(hashOf(answer.bytes)).toBe(initialModel);
    expect(answer.headers.get('content-type')).toBe(BINARY);
    expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length));
    expect(answer.headers.get('etag')).toBe(`"${initialModel}"`);
    expect(answer.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
  });
});

describe('addresses', () => {
  test('where nothing is', async () => {
    const asked = await signed(researcher, listening.federation.clock, 'listJobs');
    for (const [method, target] of [
      ['GET', '/v1/'],
      ['GET', '/v1'],
      ['GET', '/v2/jobs'],
      ['DELETE', '/v1/jobs'],
      ['POST', '/v1/federation'],
      ['GET', '/v1/../../etc/passwd'],
    ] as const) {
      const answer = await sendOn({ ...asked, method, target });
      const problem = expectProblem(answer, 'routeUnknown', 404);
      expect(problem.particulars).toMatchObject({ method });
    }
    expectSuccess(await sendOn(asked));
  });

  test('of routes are no HEAD of their own', async () => {
    const head = await fetch(`${listening.server}/healthz`, { method: 'HEAD' });
    expect(head.status).toBe(404);
    expect((await fetch(`${listening.server}/healthz`)).status).toBe(200);
  });

  test('that cannot be decoded, or are too long', async () => {
    const asked = await signed(researcher, listening.federation.clock, 'listJobs');
    expectProblem(await sendOn({ ...asked, target: '/v1/jobs/%zz' }), 'invalidFormat', 400);
    expectProblem(await sendOn({ ...asked, target: '/v1/jobs/%c0%af' }), 'invalidFormat', 400);
    expectProblem(await sendOn({ ...asked, target: `/v1/jobs/${'x'.repeat(300)}` }), 'invalidFormat', 400);
    expectSuccess(await sendOn(asked));
  });

  test('with ids that no job can have, and queries of another form', async () => {
    const { jobId } = await listening.federation.createJob();
    for (const wrong of ['job-1', jobId.toUpperCase(), `${jobId}0`, '__proto__', '..%2f..'])
      expectProblem(
        await listening.call(researcher, 'getJob', { params: { jobId: wrong } }),
        'jobUnknown',
        404,
      );
    for (const query of [{ after: '-1' }, { after: '1e3' }, { wait: '1000' }, { more: '1' }] as Record<
      string,
      string
    >[])
      expectProblem(
        await listening.call(researcher, 'getJob', { params: { jobId }, query }),
        'invalidFormat',
        400,
      );
    const answer = await listening.call(researcher, 'getJob', { params: { jobId }, query: { after: '0' } });
    expect(expectSuccess(answer).json as JobStatus).toMatchObject({ jobId, phase: 'recruiting' });
  });
});

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536);
}
