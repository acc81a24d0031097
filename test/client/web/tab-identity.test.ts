import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectSigner } from '../../../client/enrol.ts';
import { type Exchange, fetchExchange } from '../../../client/exchange.ts';
import { enrolTab, readTabIdentity } from '../../../client/web/tab-identity.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { memoryTabStore } from '../../fixtures/memory-tab-store.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;

beforeAll(async () => {
  running = await runCoordinator();
});

afterAll(() => running.close());

const fresh = async () => parseInviteLink(await running.invite());
const enrolIn = async (store = memoryTabStore(), link = fresh()) =>
  enrolTab(await link, 'a tab', { store, clock: systemClock });

test('an invite becomes a member that a reload finds again, and that connects', async () => {
  const store = memoryTabStore();
  expect(await readTabIdentity(store)).toBeUndefined();
  const enrolled = await enrolIn(store);
  expect([...store.records.keys()]).toEqual(['member']);
  const found = await readTabIdentity(memoryTabStore(store.records));
  expect(found?.member).toEqual(enrolled.member);
  expect(found).toMatchObject({ keyKind: 'browser', member: { name: 'a tab', role: 'participant' } });
  if (!found) throw new Error('no identity');
  const api = await connectSigner(found.member, found.signer, systemClock);
  await expect(api.call('nextTasks', { query: {} })).resolves.toMatchObject({ tasks: [] });
});

test('an answer lost on the way does not spend the invite', async () => {
  const store = memoryTabStore();
  const link = await fresh();
  const losing: Exchange = async (request) => {
    const answer = await fetchExchange(request);
    if (request.method === 'POST') throw new TypeError('the line broke');
    return answer;
  };
  const first = enrolTab(link, 'a tab', { store, clock: systemClock, exchange: losing });
  await expect(first).rejects.toMatchObject({ code: 'coordinatorUnreachable' });
  expect(await readTabIdentity(store)).toBeUndefined();
  expect([...store.records.keys()]).toEqual(['pending']);
  const enrolled = await enrolIn(memoryTabStore(store.records), Promise.resolve(link));
  expect(enrolled.member.nodeId).toMatch(/^[0-9a-f]{32}$/);
  // Another browser cannot use it any more.
  await expect(enrolIn(memoryTabStore(), Promise.resolve(link))).rejects.toMatchObject({
    code: 'inviteSpent',
  });
});

test('where nothing can be stored nothing is sent, and the invite is still good', async () => {
  const link = await fresh();
  for (const [name, code] of [
    ['QuotaExceededError', 'browserStorageFull'],
    ['SecurityError', 'browserStorageBlocked'],
  ] as const) {
    const store = memoryTabStore();
    store.failing = new DOMException('no', name);
    await expect(enrolIn(store, Promise.resolve(link))).rejects.toMatchObject({ code });
  }
  await expect(enrolIn(memoryTabStore(), Promise.resolve(link))).resolves.toBeDefined();
});

test('a browser that is a member keeps its key', async () => {
  const store = memoryTabStore();
  const { member } = await enrolIn(store);
  await expect(enrolIn(store)).rejects.toMatchObject({ code: 'identityInUse' });
  expect((await readTabIdentity(store))?.member).toEqual(member);
});

test('a refused invite leaves no key behind', async () => {
  const store = memoryTabStore();
  const link = { ...(await fresh()), token: 'A'.repeat(43) };
  await expect(enrolIn(store, Promise.resolve(link))).rejects.toMatchObject({ code: 'inviteUnknown' });
  expect([...store.records.keys()]).toEqual([]);
});

test('a record of a later version is left alone; one that is no member is refused', async () => {
  const store = memoryTabStore();
  await enrolIn(store);
  const record = store.records.get('member') as { member: object; key: unknown };
  store.records.set('member', { ...record, version: 2 });
  await expect(readTabIdentity(store)).rejects.toMatchObject({ code: 'browserStorageNewer' });
  store.records.set('member', { ...record, member: { ...record.member, nodeId: '<b>' } });
  await expect(readTabIdentity(store)).rejects.toMatchObject({ code: 'identityUnreadable' });
  store.records.set('member', { ...record, key: {} });
  await expect(readTabIdentity(store)).rejects.toMatchObject({ code: 'identityUnreadable' });
});
