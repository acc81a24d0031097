import { afterAll, beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { connect, enrol } from '../../client/enrol.ts';
import { type Exchange, fetchExchange } from '../../client/exchange.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { type InviteLink, parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import { Secret } from '../../protocol/secret.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { FORWARD_GRAPH, INITIAL_MODEL, manifestOf } from '../fixtures/manifest.ts';
import { type RunningCoordinator, runCoordinator } from '../fixtures/running-coordinator.ts';
import { hashOf } from '../fixtures/vector-files.ts';

let running: RunningCoordinator;

beforeAll(async () => {
  running = await runCoordinator();
});

afterAll(() => running.close());

const fresh = async () => parseInviteLink(await running.invite());
const away = new HanseError('coordinatorUnreachable', { url: '', reason: 'away' });
const patient = (api: CoordinatorApi) =>
  retryingCoordinator(api, {
    clock: new HastyClock(15_000),
    random: seededRandom(new Uint8Array(32)),
    ...DEFAULT_PAUSES,
  });

test('a link becomes an identity with a key of its own, which connects', async () => {
  const identity = await enrol(await fresh(), 'node 1', systemClock);
  const other = await enrol(await fresh(), 'node 2', systemClock);
  const { publicKey } = await primitives.signer(identity.seed.reveal());
  expect(identity).toMatchObject({
    server: running.url,
    federationId: running.operator.federationId,
    coordinatorKey: running.operator.coordinatorKey,
    nodeId: await nodeIdOf(publicKey),
    organisationId: 'clinic.example',
    role: 'participant',
    name: 'node 1',
  });
  expect(other.nodeId).not.toBe(identity.nodeId);
  const api = await connect(identity, systemClock);
  await expect(api.call('nextTasks', { query: {} })).resolves.toMatchObject({ tasks: [] });
});

test.each<[what: string, change: Partial<InviteLink>, code: string]>([
  [
    'a coordinator with another key than pinned',
    { coordinatorKey: 'ab'.repeat(32) },
    'coordinatorKeyMismatch',
  ],
  ['another federation than pinned', { federationId: 'fed-0123456789abcdef' }, 'coordinatorKeyMismatch'],
  ['a token that the coordinator does not know', { token: 'A'.repeat(43) }, 'inviteUnknown'],
])('%s ends it at once, patience or not, and the invite is still good', async (_what, change, code) => {
  const link = await fresh();
  await expect(enrol({ ...link, ...change }, 'node', systemClock)).rejects.toMatchObject({ code });
  const insistent = enrol({ ...link, ...change }, 'node', systemClock, { around: patient });
  await expect(insistent).rejects.toMatchObject({ code });
  await expect(enrol(link, 'node', systemClock)).resolves.toBeDefined();
});

test('an invite enrols one node', async () => {
  const link = await fresh();
  await expect(enrol(link, 'first', systemClock)).resolves.toBeDefined();
  await expect(enrol(link, 'second', systemClock)).rejects.toMatchObject({ code: 'inviteSpent' });
});

test('a key that was stored before enrols again, whatever became of the first answer', async () => {
  const link = await fresh();
  const seed = new Secret(new Uint8Array(32).fill(9));
  const first = await enrol(link, 'node', systemClock, { seed });
  expect(first.seed).toBe(seed);
  expect(await enrol(link, 'node', systemClock, { seed })).toEqual(first);
  await expect(enrol(link, 'node', systemClock)).rejects.toMatchObject({ code: 'inviteSpent' });
});

test('an answer lost on the way does not spend the invite', async () => {
  const link = await fresh();
  let lost = 0;
  const lossy = (api: CoordinatorApi): CoordinatorApi => ({
    async call(name, request, options) {
      const answer = await api.call(name, request, options);
      if (name !== 'enrol' || lost > 1) return answer;
      lost += 1;
      throw away;
    },
  });
  const identity = await enrol(link, 'node', systemClock, { around: (api) => patient(lossy(api)) });
  expect(lost).toBe(2);
  expect(running.coordinator.federation.member(identity.nodeId)).toMatchObject({ name: 'node' });
});

test('a coordinator that is not there yet is waited for; who gives up waits no longer', async () => {
  const identity = await enrol(await fresh(), 'node', systemClock);
  let missing = 3;
  const late = (api: CoordinatorApi): CoordinatorApi => ({
    async call(name, request, options) {
      missing -= 1;
      if (missing >= 0) throw away;
      return api.call(name, request, options);
    },
  });
  const api = await connect(identity, systemClock, { around: (inner) => patient(late(inner)) });
  await expect(api.call('nextTasks', { query: {} })).resolves.toBeDefined();
  expect(missing).toBeLessThan(0);

  missing = 3;
  await expect(connect(identity, systemClock, { around: late })).rejects.toBe(away);
  const signal = AbortSignal.abort();
  missing = 1000;
  const stopped = connect(identity, systemClock, { around: (inner) => patient(late(inner)), signal });
  await expect(stopped).rejects.toBe(away);
});

test('a coordinator that enrols somebody else is found out', async () => {
  const answering =
    (change: object) =>
    (api: CoordinatorApi): CoordinatorApi => ({
      async call(name, request, options) {
        const answer = await api.call(name, request, options);
        return name === 'enrol' ? Object.assign(answer, change) : answer;
      },
    });
  for (const change of [{ nodeId: '0'.repeat(32) }, { federationId: 'fed-0123456789abcdef' }]) {
    const wrong = enrol(await fresh(), 'node', systemClock, { around: answering(change) });
    await expect(wrong).rejects.toMatchObject({ code: 'coordinatorMisbehaved' });
  }
  const right = enrol(await fresh(), 'node', systemClock, { around: answering({}) });
  await expect(right).resolves.toBeDefined();
});

test.each([
  [{ min: 0, max: 0 }, false],
  [{ min: 0, max: 1 }, true],
  [{ min: 1, max: 1 }, true],
  [{ min: 1, max: 2 }, true],
  [{ min: 2, max: 2 }, false],
])('a coordinator that speaks versions %o: %s', async (protocol, isFit) => {
  const versioned = await runCoordinator({ protocol });
  const connecting = connect(versioned.operator, systemClock);
  if (isFit) await expect((await connecting).call('listJobs', {})).resolves.toEqual({ jobs: [] });
  else await expect(connecting).rejects.toMatchObject({ code: 'versionUnsupported', detail: protocol });
  await versioned.close();
});

test.each([
  [undefined, 2],
  [true, 1],
  [false, 2],
])(
  'models are kept for differences unless the coordinator is on this machine, or where told so: %s',
  async (deltas, requests) => {
    for (const content of [FORWARD_GRAPH, INITIAL_MODEL])
      await running.api.call('putBlob', { params: { sha256: hashOf(content) }, body: content });
    const manifest = manifestOf(running.operator.federationId);
    const { jobId } = await running.api.call('createJob', { body: manifest });
    let sent = 0;
    const exchange: Exchange = (request) => {
      if (request.url.includes('/v1/blobs/')) sent += 1;
      return fetchExchange(request);
    };
    const api = await connect(running.operator, systemClock, {
      exchange,
      ...(deltas !== undefined && { deltas }),
    });
    for (let i = 0; i < 2; i += 1)
      await api.call('getBlob', { params: { sha256: manifest.initialModel } }, { series: jobId });
    expect(sent).toBe(requests);
  },
);
