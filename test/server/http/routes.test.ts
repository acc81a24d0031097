import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../../protocol/bytes.ts';
import type { ProblemCode } from '../../../protocol/problem.ts';
import { BINARY, type RouteName } from '../../../protocol/routes.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import { buildApp } from '../../../server/app.ts';
import { JSON_LIMIT_BYTES } from '../../../server/http/problem-details.ts';
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
    const text = JSON.stringify(manifest());
    const padded = text + ' '.repeat(JSON_LIMIT_BYTES - text.length);
    expectSuccess(await sendOn(await signedJson(padded)));
    const tooLarge = await signedJson(`${padded} `);
    const problem = expectProblem(await sendOn(tooLarge), 'bodyTooLarge', 413);
    expect(problem.particulars).toEqual({ limitBytes: JSON_LIMIT_BYTES });
    const streamed = await signedJson(`${padded} `);
    expectProblem(await sendOn(streamed, inChunks(utf8(`${padded} `))), 'bodyTooLarge', 413);
    const again = await signedJson(padded);
    expectSuccess(await sendOn(again, inChunks(utf8(padded))));
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
    const { coordinator, blobs, reported } = listening.federation;
    const impatient = await buildApp({ coordinator, report: (error) => reported.push(error), idleMs: 300 });
    try {
      const server = await impatient.listen({ port: 0, host: '127.0.0.1' });
      const content = new Uint8Array(1_000_000).fill(3);
      await sendHalf(server, content, 'stall');
      expect(await blobs.has(hashOf(content))).toBeUndefined();
      expectSuccess(await send(server, await signedBlob(content)));
      expect(await blobs.has(hashOf(content))).toEqual({ size: content.length });
      expect(reported).toEqual([]);
    } finally {
      await impatient.close();
    }
  });

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
      ['GET', '/'],
      ['GET', '/v1'],
      ['GET', '/v2/jobs'],
      ['DELETE', '/v1/jobs'],
      ['GET', '/v1/../../etc/passwd'],
    ] as const) {
      const answer = await sendOn({ ...asked, method, target });
      const problem = expectProblem(answer, 'routeUnknown', 404);
      expect(problem.particulars).toMatchObject({ method });
    }
    expectSuccess(await sendOn(asked));
  });

  test('that cannot be decoded, or are too long', async () => {
    const asked = await signed(researcher, listening.federation.clock, 'listJobs');
    expectProblem(await sendOn({ ...asked, target: '/v1/jobs/%zz' }), 'invalidFormat', 400);
    expectProblem(await sendOn({ ...asked, target: '/v1/jobs/%c0%af' }), 'invalidFormat', 400);
    expectProblem(await sendOn({ ...asked, target: `/v1/jobs/${'x'.repeat(300)}` }), 'invalidFormat', 400);
    expectSuccess(await sendOn(asked));
  });

  test('with parameters and queries of another form', async () => {
    const { jobId } = await listening.federation.createJob();
    for (const wrong of ['job-1', jobId.toUpperCase(), `${jobId}0`, '__proto__', '..%2f..'])
      expectProblem(
        await listening.call(researcher, 'getJob', { params: { jobId: wrong } }),
        'invalidFormat',
        400,
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
