// covers: client/http-coordinator.ts, client/exchange.ts, client/node-exchange.ts
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { fetchExchange } from '../../client/exchange.ts';
import { type Caller, httpCoordinator } from '../../client/http-coordinator.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { readSignature } from '../../protocol/http-signature.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { isProblem, type ProblemCode } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import { BINARY } from '../../protocol/routes.ts';
import {
  type Answer,
  type AnsweringServer,
  answeringServer,
  hangUp,
  html,
  json,
  reset,
} from '../fixtures/answering-server.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const clock = new HastyClock(DEFAULT_PAUSES.longestPauseMs);
const NO_TASKS = json({ tasks: [] });
const problem = (code: string, status: number, particulars: object = {}) =>
  json(
    { type: `urn:hanse:problem:${code}`, title: '', status, code, detail: '', remedy: '', particulars },
    status,
  );
const PARAMS = { jobId: 'job-0123456789abcdef', round: '1', attempt: '1' };

const EXCHANGES = { fetch: fetchExchange, 'node:http': nodeExchange };

describe.each(Object.entries(EXCHANGES))('by %s', (_, exchange) => {
  let server: AnsweringServer | undefined;
  afterEach(() => server?.close());

  async function callerOf(): Promise<Caller> {
    const signer = await primitives.signer(new Uint8Array(32).fill(5));
    return { signer, nodeId: await nodeIdOf(signer.publicKey), version: 1 };
  }

  async function apiOf(...answers: Answer[]) {
    server = await answeringServer(...answers);
    return httpCoordinator(server.url, await callerOf(), clock, exchange);
  }

  /** Megabytes without end, for as long as somebody reads them. */
  function flood(written: { bytes: number }): Answer {
    return (response) => {
      response.writeHead(200, { 'hanse-protocol': '1-1' });
      const more = () => {
        while (!response.destroyed) {
          written.bytes += 2 ** 20;
          if (!response.write(Buffer.alloc(2 ** 20, 0x20))) {
            response.once('drain', more);
            return;
          }
        }
      };
      more();
    };
  }

  const content = (bytes: Uint8Array, headers: Record<string, string> = {}): Answer => {
    return (response) => {
      response.writeHead(200, { 'hanse-protocol': '1-1', 'content-type': BINARY, ...headers });
      response.end(bytes);
    };
  };

  describe('an answer is parsed before it is believed', () => {
    test.each<[what: string, answer: Answer, code: ProblemCode]>([
      ['a page of a proxy', html(502), 'coordinatorUnreachable'],
      ['a login page in place of the answer', html(200), 'coordinatorUnreachable'],
      ['an answer that breaks off', reset, 'coordinatorUnreachable'],
      ['no answer', hangUp, 'coordinatorUnreachable'],
      ['text', json('tasks: none'), 'coordinatorMisbehaved'],
      ['nothing', json(''), 'coordinatorMisbehaved'],
      ['JSON of another form', json({ tasks: 'none' }), 'coordinatorMisbehaved'],
      ['JSON with more than agreed', json({ tasks: [], more: 1 }), 'coordinatorMisbehaved'],
      ['a failure without a problem', json({}, 500), 'coordinatorMisbehaved'],
      ['a problem nobody knows', problem('somethingNew', 409), 'coordinatorMisbehaved'],
      ['a problem', problem('overloaded', 503), 'overloaded'],
      ['a problem with its detail', problem('messageLate', 409, { phase: 'collecting' }), 'messageLate'],
    ])('%s', async (_what, answer, code) => {
      const api = await apiOf(answer, NO_TASKS);
      await expect(api.call('nextTasks', { query: {} })).rejects.toMatchObject({ code });
      await expect(api.call('nextTasks', { query: {} })).resolves.toEqual({ tasks: [] });
    });

    test('a redirection is not followed', async () => {
      const elsewhere = await answeringServer(NO_TASKS);
      const redirect: Answer = (response) =>
        response.writeHead(307, { location: `${elsewhere.url}/v1/tasks` }).end();
      const api = await apiOf(redirect);
      await expect(api.call('nextTasks', { query: {} })).rejects.toMatchObject({
        code: 'coordinatorUnreachable',
      });
      expect(server?.received).toHaveLength(1);
      expect(elsewhere.received).toHaveLength(0);
      await elsewhere.close();
    });

    test('nobody listens', async () => {
      const api = await apiOf(NO_TASKS);
      await expect(api.call('nextTasks', { query: {} })).resolves.toEqual({ tasks: [] });
      await server?.close();
      await expect(api.call('nextTasks', { query: {} })).rejects.toMatchObject({
        code: 'coordinatorUnreachable',
        detail: { url: server?.url, reason: expect.stringMatching(/ECONNREFUSED|connect|hang up/) },
      });
    });

    test('a flood of JSON is cut off', async () => {
      const written = { bytes: 0 };
      const api = await apiOf(flood(written), NO_TASKS);
      await expect(api.call('nextTasks', { query: {} })).rejects.toMatchObject({
        code: 'coordinatorMisbehaved',
      });
      expect(written.bytes).toBeGreaterThan(64 * 2 ** 20);
      await expect(api.call('nextTasks', { query: {} })).resolves.toEqual({ tasks: [] });
    });

    test('a flood of content is cut off at the length that is expected, and so is one that was compressed', async () => {
      const params = { sha256: hashOf(new Uint8Array(1000)) };
      const bomb = gzipSync(new Uint8Array(2 ** 20));
      const written = { bytes: 0 };
      const api = await apiOf(
        content(new Uint8Array(1000)),
        content(new Uint8Array(1001)),
        content(bomb, { 'content-encoding': 'gzip' }),
        flood(written),
      );
      const fetched = () => api.call('getBlob', { params }, { limitBytes: 1000 });
      await expect(fetched()).resolves.toEqual(new Uint8Array(1000));
      for (let answer = 0; answer < 3; answer += 1)
        await expect(fetched()).rejects.toMatchObject({ code: 'coordinatorMisbehaved' });
      expect(bomb.length).toBeLessThan(2000);
      expect(written.bytes).toBeGreaterThan(0);
    });
  });

  test('every request is signed afresh, with its body', async () => {
    const api = await apiOf(json({ sha256: hashOf(new Uint8Array()), bytes: 3 }));
    const body = Uint8Array.of(1, 2, 3);
    await api.call('putUpdate', { params: PARAMS, body });
    await api.call('putUpdate', { params: PARAMS, body });
    const { signer, nodeId } = await callerOf();
    const nonces = new Set<string>();
    for (const { method, target, headers, body: sent } of server?.received ?? []) {
      expect([method, target]).toEqual(['PUT', '/v1/jobs/job-0123456789abcdef/rounds/1/attempts/1/update']);
      expect(headers['content-type']).toBe(BINARY);
      expect(new Uint8Array(sent)).toEqual(body);
      const signature = readSignature(method, target, headers, true, Math.floor(clock.now() / 1000));
      await signature.verify(signer.publicKey);
      expect(signature.nodeId).toBe(nodeId);
      expect(Buffer.from(signature.bodySha256 ?? []).toString('hex')).toBe(hashOf(body));
      nonces.add(signature.nonce);
    }
    expect(nonces.size).toBe(2);
  });

  test('whoever knows the hash of its body is believed', async () => {
    const api = await apiOf(json({ sha256: hashOf(new Uint8Array()), bytes: 3 }));
    const bodySha256 = new Uint8Array(32).fill(7);
    await api.call('putUpdate', { params: PARAMS, body: Uint8Array.of(1, 2, 3) }, { bodySha256 });
    const [digest] = (server?.received ?? []).map(({ method, target, headers }) => {
      const now = Math.floor(clock.now() / 1000);
      return readSignature(method, target, headers, true, now).bodySha256;
    });
    expect(digest).toEqual(bodySha256);
  });

  test('without a caller, and on public routes, nothing is signed', async () => {
    const challenge = 'A'.repeat(43);
    const info = {
      federationId: 'fed-0123456789abcdef',
      coordinatorKey: '0'.repeat(64),
      software: 'x',
      protocol: { min: 1, max: 1 },
      signature: '0'.repeat(128),
    };
    const api = await apiOf(json(info));
    await expect(api.call('getFederation', { query: { challenge } })).resolves.toEqual(info);
    expect(server?.received[0]?.headers).not.toHaveProperty('signature');
    expect(server?.received[0]?.target).toBe(`/v1/federation?challenge=${challenge}`);
  });

  test('whatever goes wrong on the way, the same bytes arrive again, and once they are taken it goes on', async () => {
    const receipt = { sha256: hashOf(new Uint8Array()), bytes: 1000 };
    const faults = [
      hangUp,
      reset,
      html(503),
      html(200),
      problem('overloaded', 503),
      json('{"sha'),
      json({ bytes: 'x' }),
    ];
    const api = retryingCoordinator(await apiOf(...faults, json(receipt)), {
      clock,
      random: seededRandom(new Uint8Array(32)),
      ...DEFAULT_PAUSES,
    });
    const body = new Uint8Array(1000).map((_, i) => i);
    await expect(api.call('putUpdate', { params: PARAMS, body })).resolves.toEqual(receipt);
    const received = server?.received ?? [];
    expect(received).toHaveLength(faults.length + 1);
    expect(new Set(received.map((request) => hashOf(request.body)))).toEqual(new Set([hashOf(body)]));
    expect(new Set(received.map(({ headers }) => headers.signature)).size).toBe(received.length);
  });

  test('a signal ends the waiting', async () => {
    const stop = new AbortController();
    const api = await apiOf(() => stop.abort());
    const call = api.call('nextTasks', { query: { wait: '20' } }, { signal: stop.signal });
    await expect(call).rejects.toMatchObject({ code: 'coordinatorUnreachable' });
  });

  test('a message about an answer never quotes it', async () => {
    const token = 'planted-token-in-an-answer';
    for (const answer of [json(`{"token":"${token}`), json(token), json({ token })]) {
      const api = await apiOf(answer);
      const request = { role: 'participant', organisationId: 'a', lifetimeSeconds: 1 } as const;
      const error = await api.call('createInvite', { body: request }).catch((reason: unknown) => reason);
      if (!isProblem(error, 'coordinatorMisbehaved')) expect.fail('it was believed');
      const { inspect } = await import('node:util');
      expect(
        `${error.message} ${inspect(error, { depth: 9 })} ${JSON.stringify(error.detail)}`,
      ).not.toContain(token);
      await server?.close();
    }
  });
});
