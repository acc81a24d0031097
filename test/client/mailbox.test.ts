import { beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { DirectoryWatch } from '../../client/directory-watch.ts';
import { connect, enrol } from '../../client/enrol.ts';
import type { DealtWith } from '../../client/letter-log.ts';
import { type LetterEvent, Mailbox, sendLetter } from '../../client/mailbox.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { TaskFeed } from '../../client/task-feed.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { writeLetter } from '../../protocol/letter.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { Directory } from '../../schemas/directory.ts';
import type { Letter, LetterStatement, WaitingLetter } from '../../schemas/letter.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { directoryOf, keyOf, organisationOf } from '../fixtures/directory-maker.ts';
import { runCoordinator } from '../fixtures/running-coordinator.ts';
import { type ScriptedCoordinator, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';

const FEDERATION = 'fed-0123456789abcdef';
const HOUR_MS = 3_600_000;
const reader = { federationId: FEDERATION, organisationId: 'lab', nodeId: '0'.repeat(32) };
const { signal } = new AbortController();

let clock: VirtualClock;
let small: Directory;
let large: Directory;
/** What the coordinator hands out, and what it was told. */
let waiting: WaitingLetter[];
let acknowledged: number[];
let stored: readonly DealtWith[];
let received: string[];
let events: string[];
let api: ScriptedCoordinator;
/** Letters, by type, that cannot be acted upon now. */
let busy: Set<string>;

beforeEach(async () => {
  clock = new VirtualClock();
  const clinic = await organisationOf('clinic', ['a']);
  const lab = await organisationOf('lab', ['b']);
  small = await directoryOf([clinic, lab]);
  large = await directoryOf([clinic, lab, await organisationOf('ward', ['w'])], small);
  [waiting, acknowledged, stored, received, events, busy] = [[], [], [], [], [], new Set()];
  api = scriptedCoordinator({
    listLetters: ({ query }) => ({
      letters: waiting.filter(({ number }) => number > Number(query.after)).slice(0, 2),
    }),
    ackLetters: ({ body }) => {
      acknowledged.push(body.upTo);
      return {};
    },
  });
});

async function letter(type: string, change: Partial<LetterStatement> = {}, key = 'a'): Promise<Letter> {
  const [id] = [...type].map((character) => character.charCodeAt(0).toString(16).padStart(32, '0'));
  const now = clock.now();
  const draft = {
    federationId: FEDERATION,
    letterId: id ?? '',
    from: { organisationId: 'clinic', nodeId: small.organisations[0]?.nodes[0]?.nodeId ?? '' },
    to: 'lab',
    type,
    createdAt: new Date(now).toISOString(),
    expiresAt: new Date(now + HOUR_MS).toISOString(),
    body: type,
    ...change,
  };
  return writeLetter(draft, await keyOf(key));
}

const hand = (...letters: Letter[]) => {
  waiting = letters.map((one, index) => ({ number: index + 1, letter: one }));
};

/** A node that has just been started. */
function mailbox(): Mailbox {
  const directory = {
    pinned: small,
    follow: async () => {
      directory.pinned = large;
    },
    settled: async () => {},
  };
  return new Mailbox({
    api,
    reader,
    directory,
    clock,
    log: {
      read: async () => stored,
      write: async (dealtWith) => {
        stored = dealtWith;
      },
    },
    receive: async ({ statement }) => {
      if (busy.has(statement.type)) throw new HanseError('overloaded');
      received.push(statement.type);
    },
    observe: (event: LetterEvent) => events.push(`${event.type} ${event.letter.type}`),
  });
}

describe('letters', () => {
  test('are acted upon in order, all that wait, and reported as read', async () => {
    hand(await letter('a'), await letter('b'), await letter('c'));
    await mailbox().read(signal);
    expect(received).toEqual(['a', 'b', 'c']);
    expect(acknowledged).toEqual([2, 3]);
    expect(events).toEqual(['letterReceived a', 'letterReceived b', 'letterReceived c']);
  });

  test('that are handed out again are acted upon once, after a restart too, until they have long expired', async () => {
    const first = await letter('a');
    hand(first, first);
    await mailbox().read(signal);
    await mailbox().read(signal);
    expect(received).toEqual(['a']);
    expect(acknowledged).toEqual([2, 2]);
    await clock.advance(26 * HOUR_MS);
    hand(await letter('b'));
    await mailbox().read(signal);
    expect(stored.map(({ letterId }) => letterId)).toEqual([waiting[0]?.letter.statement.letterId]);
    hand(first);
    await mailbox().read(signal);
    expect(received).toEqual(['a', 'b']);
    expect(events.at(-1)).toBe('letterRefused a');
  });

  test('that cannot be acted upon stay, and hold up those behind them', async () => {
    hand(await letter('a'), await letter('b'), await letter('c'));
    busy.add('b');
    const box = mailbox();
    await box.read(signal);
    expect([received, acknowledged]).toEqual([['a'], [1]]);
    expect(events.at(-1)).toBe('letterDelayed b');
    busy.clear();
    await box.read(signal);
    expect(received).toEqual(['a', 'b', 'c']);
    expect(acknowledged).toEqual([1, 2, 3]);
  });

  test.each<[string, () => Promise<Letter>]>([
    ['forged', () => letter('x', {}, 'b')],
    ['for somebody else', () => letter('x', { to: 'clinic' })],
    ['of a sender that nobody knows', () => letter('x', { from: { organisationId: 'ghost', nodeId: null } })],
    ['expired', () => letter('x', { createdAt: at(-2 * HOUR_MS), expiresAt: at(0) })],
  ])('%s are acted upon by nobody, and hold up no other', async (_, bad) => {
    hand(await bad(), await letter('b'));
    await mailbox().read(signal);
    expect(received).toEqual(['b']);
    expect(events[0]).toBe('letterRefused x');
    expect(acknowledged).toEqual([2]);
  });

  test('of a sender that is newer than the pinned directory are believed once that is followed', async () => {
    hand(await letter('a', { from: { organisationId: 'ward', nodeId: null } }, 'ward'));
    await mailbox().read(signal);
    expect(received).toEqual(['a']);
  });

  test('of a coordinator that counts backwards are not read', async () => {
    hand(await letter('a'), await letter('b'));
    waiting = waiting.map((one) => ({ ...one, number: 3 }));
    await expect(mailbox().read(signal)).rejects.toMatchObject({ code: 'coordinatorMisbehaved' });
    expect(received).toEqual(['a']);
    expect(acknowledged).toEqual([]);
  });

  test('are read once, however many ask at the same time', async () => {
    hand(await letter('a'));
    const box = mailbox();
    await Promise.all([box.read(signal), box.read(signal)]);
    await box.settled();
    expect(received).toEqual(['a']);
  });
});

const at = (milliseconds: number) => new Date(clock.now() + milliseconds).toISOString();

test('a letter that is sent is one that its reader believes; the receipt of another is none', async () => {
  const nodeId = small.organisations[0]?.nodes[0]?.nodeId ?? '';
  const sender = { federationId: FEDERATION, organisationId: 'clinic', nodeId };
  const posted: Letter[] = [];
  const receiving = (letterId?: string) =>
    scriptedCoordinator({
      postLetter: ({ body }) => {
        posted.push(body);
        return { letterId: letterId ?? body.statement.letterId, number: 1 };
      },
    });
  const draft = { to: 'lab', type: 'greeting', body: '{}', lifetimeMs: HOUR_MS };
  const key = await keyOf('a');
  expect(await sendLetter(draft, sender, key, { api: receiving(), clock })).toMatchObject({ number: 1 });
  hand(...posted);
  await mailbox().read(signal);
  expect(received).toEqual(['greeting']);
  await expect(
    sendLetter(draft, sender, key, { api: receiving('0'.repeat(32)), clock }),
  ).rejects.toMatchObject({ code: 'coordinatorMisbehaved' });
});

test('over HTTP a node is told of a letter by its stream, reads it, and it does not come again', async () => {
  const running = await runCoordinator();
  const life = new AbortController();
  try {
    const members = [];
    for (const name of ['sender', 'receiver']) {
      const identity = await enrol(parseInviteLink(await running.invite()), name, systemClock);
      members.push({ identity, api: await connect(identity, systemClock, { exchange: nodeExchange }) });
    }
    const [sender, receiver] = members as [(typeof members)[0], (typeof members)[0]];
    let pin: Directory | undefined;
    const directory = await DirectoryWatch.open({
      api: receiver.api,
      member: receiver.identity,
      pin: {
        read: async () => pin,
        write: async (version) => {
          pin = version;
        },
      },
      observe: () => {},
    });
    await directory.follow(undefined, life.signal);
    const read: string[] = [];
    const box = new Mailbox({
      ...{ api: receiver.api, reader: receiver.identity, directory, clock: systemClock },
      log: { read: async () => [], write: async () => {} },
      receive: async ({ body }) => {
        read.push(body);
      },
      observe: () => {},
    });
    const reading: Promise<void>[] = [];
    const feed = new TaskFeed({
      ...{ api: receiver.api, clock: systemClock, random: primitives.random, waitSeconds: 20 },
      signal: life.signal,
      onLetters: () => reading.push(box.read(life.signal)),
    });
    await feed.next();
    const next = feed.next();
    const key = await primitives.signer(sender.identity.seed.reveal());
    const draft = { type: 'greeting', body: 'moin', lifetimeMs: HOUR_MS };
    const to = receiver.identity.organisationId;
    await sendLetter({ ...draft, to }, sender.identity, key, { api: sender.api, clock: systemClock });
    await next;
    await Promise.all(reading);
    expect(read).toEqual(['moin']);
    expect((await receiver.api.call('listLetters', { query: {} })).letters).toEqual([]);
    await expect(
      sendLetter({ ...draft, to: 'ghost' }, sender.identity, key, { api: sender.api, clock: systemClock }),
    ).rejects.toMatchObject({ code: 'nodeUnknown' });
  } finally {
    life.abort();
    await running.close();
  }
});
