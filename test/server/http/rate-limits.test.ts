/**
 * Limits over HTTP, where the clock stands: nothing comes back unless the test lets time pass.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { ROUTES, rateClassOf } from '../../../protocol/routes.ts';
import { buildApp } from '../../../server/app.ts';
import { DEFAULT_RATES, RateLimits, type RateSettings } from '../../../server/http/rate-limits.ts';
import { VirtualClock } from '../../../sim/virtual-clock.ts';
import { type Node, TestFederation } from '../../fixtures/federation.ts';
import { signed } from '../../fixtures/signed-client.ts';

let close = async () => {};
afterEach(() => close());

/** @returns how to ask from an address, as the proxy says it, signed or not */
async function limited(rates: RateSettings, { isProxied = true } = {}) {
  const federation = await TestFederation.open({ participants: 3 });
  const { coordinator, clock } = federation;
  const app = await buildApp({ coordinator, report: expect.fail, rates, isProxied });
  const server = await app.listen({ port: 0, host: '127.0.0.1' });
  close = () => app.close();
  const ask = async (target: string, address: string | undefined, headers: Record<string, string> = {}) => {
    const said: Record<string, string> =
      address === undefined ? {} : { 'x-forwarded-for': `203.0.113.1, ${address}` };
    const answer = await fetch(server + target, { headers: { ...headers, ...said } });
    return { status: answer.status, headers: answer.headers, json: await answer.json() };
  };
  const askAs = async (node: Node, address: string, spoil: (target: string) => string = (x) => x) => {
    const { target, headers } = await signed(node, clock, 'listJobs');
    return ask(spoil(target), address, headers);
  };
  return { federation, clock, ask, askAs };
}

const NONE = { addressPerSecond: 0, organisationPerSecond: 0 };
/** Thirty at once from an address. */
const ONE_A_SECOND = { ...NONE, addressPerSecond: 1 };

async function statuses(times: number, ask: () => Promise<{ status: number }>): Promise<number[]> {
  const answered: number[] = [];
  for (let i = 0; i < times; i += 1) answered.push((await ask()).status);
  return [...new Set(answered)];
}

describe('requests whose sender nobody knows', () => {
  test('are looked at so often from one address, and again when time has passed; others notice nothing', async () => {
    const { ask, clock } = await limited(ONE_A_SECOND);
    expect(await statuses(30, () => ask('/healthz', '192.0.2.1'))).toEqual([200]);
    const refused = await ask('/healthz', '192.0.2.1');
    expect(refused.status).toBe(429);
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'retry-after': '1',
      ratelimit: '"address";r=0;t=1',
      'x-content-type-options': 'nosniff',
    });
    expect(refused.json).toMatchObject({
      code: 'rateLimited',
      particulars: { what: 'address', retryAfterSeconds: 1 },
    });
    expect((await ask('/healthz', '192.0.2.2')).status).toBe(200);
    await clock.advance(1000);
    expect(await statuses(1, () => ask('/healthz', '192.0.2.1'))).toEqual([200]);
    expect((await ask('/healthz', '192.0.2.1')).status).toBe(429);
  });

  test('a /64 of IPv6 is one address', async () => {
    const { ask } = await limited(ONE_A_SECOND);
    const answered: number[] = [];
    for (let i = 1; i <= 31; i += 1) answered.push((await ask('/healthz', `2001:db8::${i}`)).status);
    expect(answered.filter((status) => status === 429)).toHaveLength(1);
    expect((await ask('/healthz', '2001:db8:0:1::1')).status).toBe(200);
  });

  test('whatever they ask for, and wrong signatures as well', async () => {
    const { ask, askAs, federation } = await limited(ONE_A_SECOND);
    const [node] = federation.participants as [Node];
    const bad = () => askAs(node, '192.0.2.1', (target) => `${target}?x=1`);
    expect(await statuses(10, bad)).toEqual([401]);
    expect(await statuses(10, () => ask('/v1/nothing', '192.0.2.1'))).toEqual([404]);
    expect(await statuses(10, () => ask('/v1/jobs', '192.0.2.1'))).toEqual([400]);
    expect((await bad()).status).toBe(429);
  });
});

describe('requests of members', () => {
  test('cost the address nothing, however many there are', async () => {
    const { ask, askAs, federation } = await limited(ONE_A_SECOND);
    const nodes = federation.participants;
    expect(await statuses(90, () => askAs(nodes[0] as Node, '192.0.2.1'))).toEqual([200]);
    expect(await statuses(30, () => ask('/healthz', '192.0.2.1'))).toEqual([200]);
    expect((await askAs(nodes[1] as Node, '192.0.2.1')).status).toBe(429);
  });

  test('count for their organisation, of all its nodes together and wherever they come from', async () => {
    const { askAs, federation, clock } = await limited({ ...NONE, organisationPerSecond: 0.1 });
    const { coordinator, participants, operator } = federation;
    const [first, second] = participants as [Node, Node];
    const organisationOf = ({ nodeId }: Node) => coordinator.federation.member(nodeId)?.organisationId;
    expect(organisationOf(second)).toBe(organisationOf(first));
    expect(organisationOf(operator)).not.toBe(organisationOf(first));
    const nodes = [...coordinator.federation.members()].filter(
      ({ organisationId }) => organisationId === organisationOf(first),
    ).length;
    const most = 6 * nodes;
    expect(await statuses(most - 1, () => askAs(first, '192.0.2.1'))).toEqual([200]);
    expect((await askAs(second, '192.0.2.2')).status).toBe(200);
    const refused = await askAs(second, '192.0.2.3');
    const retryAfterSeconds = Math.ceil(10 / nodes);
    expect(refused.status).toBe(429);
    expect(refused.json).toMatchObject({ particulars: { what: 'read', retryAfterSeconds } });
    expect((await askAs(operator, '192.0.2.1')).status).toBe(200);
    await clock.advance(retryAfterSeconds * 1000);
    expect((await askAs(second, '192.0.2.1')).status).toBe(200);
  });
});

test('a proxy that names no address leaves its callers without a limit', async () => {
  const { ask } = await limited(ONE_A_SECOND);
  expect(await statuses(40, () => ask('/healthz', undefined))).toEqual([200]);
});

test('without a proxy nobody gets another bucket by naming an address', async () => {
  const { ask } = await limited(ONE_A_SECOND, { isProxied: false });
  const addresses = Array.from({ length: 31 }, (_, i) => `192.0.2.${i}`).values();
  expect(await statuses(31, () => ask('/healthz', addresses.next().value))).toEqual([200, 429]);
});

test('a thousand nodes that start behind one address are not limited, nor is their work', () => {
  const nodes = 1000;
  const clock = new VirtualClock();
  const limits = new RateLimits({ clock, rates: DEFAULT_RATES, isProxied: false, nodesOf: () => nodes });
  const reply = { header: () => {} } as never;
  const request = () =>
    ({ raw: { socket: { remoteAddress: '192.0.2.1' }, headers: {} }, chargedAddress: undefined }) as never;
  // Each asks who the coordinator is, and enrols; then again, as its first attempts were broken off.
  for (let i = 0; i < 4 * nodes; i += 1) limits.arrived(request(), reply);
  // All of a secure round of ten messages, ten times over, in no time at all.
  for (let i = 0; i < 100 * nodes; i += 1) {
    const one = request();
    limits.arrived(one, reply);
    limits.proved(one, reply, 'hansa', i % 2 === 0 ? ROUTES.putUpdate : ROUTES.getJob);
  }
  const strange = () => {
    for (let i = 0; i < 10_000; i += 1) limits.arrived(request(), reply);
  };
  expect(strange).toThrow(expect.objectContaining({ code: 'rateLimited' }));
});

test('reads, writes and queries are told apart', () => {
  expect(rateClassOf({ method: 'GET' })).toBe('read');
  expect(rateClassOf({ method: 'PUT' })).toBe('write');
  expect(rateClassOf({ method: 'POST' })).toBe('write');
  expect(rateClassOf({ method: 'GET', rate: 'query' })).toBe('query');
});
