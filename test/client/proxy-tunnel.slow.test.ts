// covers: client/proxy-tunnel.ts, client/node-exchange.ts, client/commands/proxy-option.ts
/**
 * A coordinator behind TLS under a name that only the proxy knows: who reaches it has passed through the proxy.
 */
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { primitives } from '#primitives';
import { checkedProxy } from '../../client/commands/proxy-option.ts';
import { connect, enrol } from '../../client/enrol.ts';
import { IDLE_MS } from '../../client/exchange.ts';
import { nodeExchangeTrusting, nodeExchangeWithin } from '../../client/node-exchange.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { FIRST_LINE_MS, TaskFeed } from '../../client/task-feed.ts';
import type { Clock } from '../../protocol/clock.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { isProblem } from '../../protocol/problem.ts';
import { makeCertificate } from '../fixtures/certificates.ts';
import { type ConnectProxy, connectProxy, tlsBefore } from '../fixtures/connect-proxy.ts';
import { type RunningCoordinator, runCoordinator } from '../fixtures/running-coordinator.ts';

const NAME = 'coordinator.test';
const SERVER = `https://${NAME}`;
const certificate = makeCertificate({ hosts: [NAME] });
const trust = { ca: certificate.cert };

let running: RunningCoordinator;
let tls: Awaited<ReturnType<typeof tlsBefore>>;
let proxy: ConnectProxy;
let closers: (() => void)[];

beforeEach(async () => {
  running = await runCoordinator();
  tls = await tlsBefore(Number(new URL(running.url).port), certificate);
  proxy = await connectProxy({ target: tls.port });
  closers = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers) close();
  proxy.close();
  tls.close();
  await running.close();
});

const invited = async () => ({ ...parseInviteLink(await running.invite()), server: SERVER });
const through = (address: string) => ({ exchange: nodeExchangeTrusting(trust, address) });
const join = async (address: string) => enrol(await invited(), 'node', systemClock, through(address));
const codeOf = async (work: Promise<unknown>) => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error !== undefined && !isProblem(error)) throw error;
  return error;
};

test('a node enrols and works through the proxy that was named, or that of the environment', async () => {
  const identity = await join(proxy.url);
  expect(proxy.asked.length).toBeGreaterThan(0);
  expect(new Set(proxy.asked)).toEqual(new Set([`${NAME}:443`]));
  vi.stubEnv('HTTPS_PROXY', proxy.url);
  vi.stubEnv('NO_PROXY', '');
  const before = proxy.asked.length;
  const api = await connect(identity, systemClock, { exchange: nodeExchangeTrusting(trust) });
  for (let i = 0; i < 3; i += 1) await api.call('nextTasks', { query: {} });
  expect(proxy.asked.length).toBe(before + 1); // connections are kept
  vi.stubEnv('NO_PROXY', NAME);
  const direct = connect(identity, systemClock, { exchange: nodeExchangeTrusting(trust) });
  expect((await codeOf(direct))?.code).toBe('coordinatorUnreachable');
  expect(proxy.asked.length).toBe(before + 1);
});

test('this machine is reached directly', async () => {
  const link = { ...(await invited()), server: running.url };
  await enrol(link, 'node', systemClock, through(proxy.url));
  expect(proxy.asked).toEqual([]);
});

test('the certificate of the coordinator is verified through a proxy too', async () => {
  const exchange = nodeExchangeTrusting({}, proxy.url);
  const error = await codeOf(enrol(await invited(), 'node', systemClock, { exchange }));
  expect(error?.code).toBe('tlsUntrusted');
});

test('a proxy that demands credentials gets those of its address, which nobody is shown', async () => {
  const strict = await connectProxy({ target: tls.port, credentials: 'me:p@ss' });
  closers.push(strict.close);
  const withCredentials = (credentials: string) => strict.url.replace('//', `//${credentials}@`);
  expect(await codeOf(join(strict.url))).toMatchObject({
    code: 'proxyUnauthorized',
    detail: { proxy: `127.0.0.1:${strict.port}`, given: false },
    remedy: expect.stringContaining('--proxy'),
  });
  const wrong = await codeOf(join(withCredentials('me:guess')));
  expect(wrong).toMatchObject({ code: 'proxyUnauthorized', detail: { given: true } });
  expect(JSON.stringify([wrong?.message, wrong?.detail])).not.toContain('guess');
  await join(withCredentials('me:p%40ss'));
});

test('a proxy that refuses, is silent or is not there is told as such', async () => {
  const refusing = await connectProxy({ target: tls.port, status: 403 });
  const silent = createTcpServer(() => {});
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  closers.push(refusing.close, () => silent.close());
  expect(await codeOf(join(refusing.url))).toMatchObject({
    code: 'proxyFailed',
    detail: { reason: expect.stringMatching(/403.*coordinator\.test:443/) },
  });
  const { port } = refusing;
  refusing.close();
  expect((await codeOf(join(`http://127.0.0.1:${port}`)))?.code).toBe('proxyFailed');
  vi.stubEnv('HTTPS_PROXY', 'socks5://127.0.0.1:1080');
  const exchange = nodeExchangeWithin(IDLE_MS, trust);
  expect((await codeOf(enrol(await invited(), 'node', systemClock, { exchange })))?.code).toBe('usage');
});

test('what is no address of a proxy is wrong usage, before anything is asked', () => {
  expect(checkedProxy({})).toBeUndefined();
  expect(checkedProxy({ proxy: 'proxy.example:3128' })).toBe('proxy.example:3128');
  expect(() => checkedProxy({ proxy: 'socks5://proxy.example' })).toThrow(
    expect.objectContaining({ code: 'usage' }),
  );
});

test('a stream that the proxy cuts is opened anew, and nothing is missed', async () => {
  const identity = await join(proxy.url);
  const life = new AbortController();
  closers.push(() => life.abort());
  const pauses = { clock: systemClock, random: primitives.random, ...DEFAULT_PAUSES };
  const api = retryingCoordinator(await connect(identity, systemClock, through(proxy.url)), pauses);
  const { signal } = life;
  const versions: number[] = [];
  const feed = new TaskFeed({
    ...{ api, clock: systemClock, random: primitives.random, signal, waitSeconds: 20 },
    onDirectory: (version) => versions.push(version),
  });
  await feed.next();
  proxy.cut();
  await enrol(parseInviteLink(await running.invite()), 'another', systemClock);
  await feed.next();
  expect(versions.at(-1)).toBe(running.coordinator.federation.directoryVersion);
  expect(running.coordinator.presence.isLive(identity.nodeId)).toBe(true);
});

test('where a proxy holds answers back until they are complete, a node asks instead', async () => {
  const holding = createServer((request, response) => {
    void (async () => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const { method = 'GET', url = '/' } = request;
      const headers = Object.entries(request.headers).flatMap(([name, value]) =>
        name === 'connection' || typeof value !== 'string' ? [] : [[name, value] as [string, string]],
      );
      const body = pieces.length > 0 ? { body: Buffer.concat(pieces) } : {};
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const answer = await fetch(running.url + url, { method, headers, ...body, signal: gone.signal });
      const whole = Buffer.from(await answer.arrayBuffer());
      const kept = [...answer.headers].filter(([name]) => name !== 'transfer-encoding');
      response.writeHead(answer.status, Object.fromEntries(kept)).end(whole);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    holding.listen(0, '127.0.0.1', resolve);
  });
  closers.push(
    () => holding.close(),
    () => holding.closeAllConnections(),
  );
  const server = `http://127.0.0.1:${(holding.address() as AddressInfo).port}`;
  const link = parseInviteLink(await running.invite());
  const identity = await enrol(link, 'node', systemClock);
  const life = new AbortController();
  closers.push(() => life.abort());
  // Only the time until a first line is due is shortened.
  const clock: Clock = {
    now: () => systemClock.now(),
    schedule: (at, work) => {
      const pause = at - systemClock.now();
      const isFirstLine = pause > FIRST_LINE_MS - 100 && pause <= FIRST_LINE_MS;
      return systemClock.schedule(isFirstLine ? at - FIRST_LINE_MS + 200 : at, work);
    },
  };
  const api = await connect({ ...identity, server }, clock);
  const feed = new TaskFeed({
    ...{ api, clock, random: primitives.random, signal: life.signal, waitSeconds: 1 },
  });
  expect(await feed.next()).toEqual([]);
  expect(running.coordinator.presence.isLive(identity.nodeId)).toBe(true);
});
