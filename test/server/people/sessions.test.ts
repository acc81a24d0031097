// covers: server/people/session-state.ts, schemas/session-event.ts
import { beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../protocol/random.ts';
import { IDLE_MS, LONGEST_MS, Sessions } from '../../../server/people/sessions.ts';
import { memoryStore } from '../../../server/store/memory-store.ts';
import type { Store } from '../../../server/store/store.ts';
import { VirtualClock } from '../../../sim/virtual-clock.ts';
import { PERSON } from '../../fixtures/sample-events.ts';

const OTHER = '3'.repeat(32);
const MINUTE = 60_000;
let clock: VirtualClock;
let store: Store;
let sessions: Sessions;
let lives = 0;

const reopen = async () => {
  lives += 1;
  sessions = await Sessions.open(store, {
    clock,
    random: seededRandom(new Uint8Array(32).fill(lives % 251)),
  });
};
beforeEach(async () => {
  clock = new VirtualClock();
  store = memoryStore();
  await reopen();
});

const ended = expect.objectContaining({ code: 'sessionEnded' });
const start = (personId = PERSON, replaces?: string) =>
  sessions.start({ personId, method: 'link', replaces });
const reasons = async () =>
  (await store.read('sessions'))
    .filter(({ type }) => type === 'sessionClosed')
    .map(({ data }) => (data as { reason: string }).reason);

describe('a session', () => {
  test('is of whoever has its secret, also after a restart, and of nobody else', async () => {
    const { secret, session } = await start();
    await start(OTHER);
    for (const _ of ['now', 'after a restart']) {
      expect(await sessions.use(secret)).toMatchObject({ sessionId: session.sessionId, personId: PERSON });
      for (const guess of ['', session.sessionId, session.secretSha256, `${secret}A`])
        await expect(sessions.use(guess)).rejects.toEqual(ended);
      await reopen();
    }
  });

  test('is stored by a hash: its secret is nowhere', async () => {
    const { secret } = await start();
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const stored = JSON.stringify(await store.readAll(0, 100));
    expect(stored).not.toContain(secret);
    expect(stored).toContain('secretSha256');
  });

  test('that is idle for too long ends, and each use keeps it for as long again', async () => {
    const { secret } = await start();
    await clock.advance(IDLE_MS - 1);
    await sessions.use(secret);
    await clock.advance(IDLE_MS - 1);
    await sessions.use(secret);
    await clock.advance(IDLE_MS);
    await expect(sessions.use(secret)).rejects.toEqual(ended);
    await expect(sessions.use(secret)).rejects.toEqual(ended); // nor has the attempt kept it
  });

  test('ends after eight hours, however much it is used', async () => {
    const { secret } = await start();
    for (let passed = 0; passed + 10 * MINUTE < LONGEST_MS; passed += 10 * MINUTE) {
      await clock.advance(10 * MINUTE);
      await sessions.use(secret);
    }
    await clock.advance(10 * MINUTE);
    await expect(sessions.use(secret)).rejects.toEqual(ended);
  });

  test('is idle across a restart too: at most five minutes of it are forgotten', async () => {
    const { secret } = await start();
    await clock.advance(10 * MINUTE);
    await sessions.use(secret);
    await clock.advance(4 * MINUTE);
    await sessions.use(secret);
    await reopen();
    await clock.advance(10 * MINUTE);
    await sessions.use(secret);
    await reopen();
    await clock.advance(IDLE_MS);
    await expect(sessions.use(secret)).rejects.toEqual(ended);
  });

  test('that was signed out or revoked is none any more, with others as before', async () => {
    const [mine, also, theirs] = [await start(), await start(), await start(OTHER)];
    await sessions.end(mine.session.sessionId, PERSON, 'signedOut', PERSON);
    await expect(sessions.use(mine.secret)).rejects.toEqual(ended);
    expect(() => sessions.requireOpen(mine.session.sessionId)).toThrow(ended);
    expect(await sessions.use(also.secret)).toBeDefined();
    await sessions.endWhere(({ personId }) => personId === PERSON, OTHER);
    await expect(sessions.use(also.secret)).rejects.toEqual(ended);
    expect(await sessions.use(theirs.secret)).toBeDefined();
    await reopen();
    await expect(sessions.use(also.secret)).rejects.toEqual(ended);
    expect(await reasons()).toEqual(['signedOut', 'revoked']);
  });

  test('of another person cannot be ended, nor told from one that is not there', async () => {
    const { session } = await start(OTHER);
    const unknown = expect.objectContaining({ code: 'sessionUnknown' });
    for (const sessionId of [session.sessionId, '0'.repeat(32)])
      await expect(sessions.end(sessionId, PERSON, 'revoked', PERSON)).rejects.toEqual(unknown);
    await sessions.end(session.sessionId, OTHER, 'revoked', PERSON);
    expect(sessions.of(OTHER)).toEqual([]);
  });
});

describe('a sign-in', () => {
  test('never goes on under a secret that the browser had before, and ends what that was of', async () => {
    const planted = 'A'.repeat(43);
    const first = await start(PERSON, planted);
    expect(first.secret).not.toBe(planted);
    await expect(sessions.use(planted)).rejects.toEqual(ended);
    const second = await start(OTHER, first.secret);
    await expect(sessions.use(first.secret)).rejects.toEqual(ended);
    expect(await sessions.use(second.secret)).toMatchObject({ personId: OTHER });
    expect(await reasons()).toEqual(['replaced']);
  });

  test('closes what time has ended, and the oldest of more than ten', async () => {
    await start(OTHER);
    await clock.advance(LONGEST_MS);
    const all: string[] = [];
    for (let i = 0; i < 12; i += 1) all.push((await start()).secret);
    expect(sessions.of(PERSON)).toHaveLength(10);
    await expect(sessions.use(all[1] ?? '')).rejects.toEqual(ended);
    expect(await sessions.use(all[2] ?? '')).toBeDefined();
    expect(await reasons()).toEqual(['expired', 'crowdedOut', 'crowdedOut']);
  });

  test('by a passkey whose counter does not grow is refused, also of two at one moment', async () => {
    const by = (counter: number, credentialId = 'c'.repeat(22)) =>
      sessions.start({ personId: PERSON, method: 'passkey', credential: { credentialId, counter } });
    const outcomes = await Promise.allSettled([by(3), by(3)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await reopen();
    for (const counter of [0, 2, 3])
      await expect(by(counter)).rejects.toMatchObject({ code: 'passkeyRefused' });
    await by(4);
    for (const _ of [1, 2]) await by(0, 'd'.repeat(22)); // one that counts nothing
    expect(sessions.counterOf('c'.repeat(22))).toBe(4);
  });
});

test('when a token was used last is written once a day', async () => {
  const token = 'b'.repeat(32);
  expect(sessions.tokenDay(token)).toBeUndefined();
  await Promise.all([sessions.tokenUsed(token), sessions.tokenUsed(token)]);
  await sessions.tokenUsed(token);
  const first = sessions.tokenDay(token) ?? '';
  expect(first).toBe(new Date(clock.now()).toISOString().slice(0, 10));
  expect(await store.read('sessions')).toHaveLength(1);
  await clock.advance(86_400_000);
  await sessions.tokenUsed(token);
  await reopen();
  expect((sessions.tokenDay(token) ?? '') > first).toBe(true);
});
