import { afterEach, beforeEach, expect, test } from 'vitest';
import { HanseError } from '../../../protocol/problem.ts';
import { ROUTES } from '../../../protocol/routes.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { expectSuccess } from '../../fixtures/signed-client.ts';

// The figures: metrics.test.ts.

let listening: ListeningApp;

beforeEach(async () => {
  listening = await listeningApp({ participants: 0 });
});
afterEach(() => listening.close());

test('pages for operators: health, readiness, the OpenAPI document of every route', async () => {
  const get = async (path: string) => (await fetch(listening.server + path)).json();
  expect(await get('/healthz')).toEqual({ status: 'ok' });
  expect(await get('/readyz')).toEqual({ status: 'ready' });
  const openapi = (await get('/openapi.json')) as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const operations = Object.values(openapi.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(operations.sort()).toEqual(Object.keys(ROUTES).sort());
});

test('whether it is ready may be asked by anybody, and nothing is written for it', async () => {
  const { store, operator } = listening.federation;
  const touched: string[] = [];
  store.fault = (stream) => {
    touched.push(stream);
    return undefined;
  };
  const ready = await fetch(`${listening.server}/readyz`);
  expect([ready.status, touched]).toEqual([200, []]);
  expectSuccess(await listening.call(operator, 'listJobs'));
  expect(touched).toEqual([expect.stringMatching(/^nonce\//)]);
});

test('a coordinator that cannot read its records is not ready, and does not tell everybody why', async () => {
  listening.federation.store.read = () =>
    Promise.reject(new HanseError('storageFailed', { path: '/var', reason: 'EIO' }));
  const ready = await fetch(`${listening.server}/readyz`);
  expect(ready.status).toBe(500);
  expect(await ready.json()).toMatchObject({ code: 'storageFailed', particulars: {} });
});
