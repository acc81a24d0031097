// covers: server/mailbox.ts, server/mailbox-state.ts, server/mailbox-handlers.ts
import { beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { openLetter, writeLetter } from '../../protocol/letter.ts';
import type { Letter, LetterStatement, WaitingLetter } from '../../schemas/letter.ts';
import type { TaskLine } from '../../schemas/task-stream.ts';
import { decidePost, foldMailbox, MAILBOX_LIMITS, type MailboxState } from '../../server/mailbox-state.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import { HEARTBEAT_MS } from '../../server/task-stream.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { admissionOf, type Node, nodeOf, TestFederation } from '../fixtures/federation.ts';

const HOUR_MS = 3_600_000;
let federation: TestFederation;
let clinic: Node;
let lab: Node;
let count: number;

beforeEach(async () => {
  federation = await TestFederation.open({ participants: 0, store: memoryStore() });
  count = 0;
  clinic = await enrol('a node of the clinic', 'clinic');
  lab = await enrol('a node of the lab', 'lab');
});

async function enrol(name: string, organisationId: string): Promise<Node> {
  const node = await nodeOf(name, 'participant');
  const members = federation.coordinator.federation;
  const request = { role: 'participant', organisationId, lifetimeSeconds: 3600 } as const;
  const { token } = await members.invite(request, federation.operator.nodeId);
  const admission = await admissionOf(node, members.id, organisationId);
  await members.enrol({ token, publicKey: toHex(node.signer.publicKey), name, admission });
  return node;
}

const now = (milliseconds = 0) => new Date(federation.clock.now() + milliseconds).toISOString();

/** Of the clinic for the lab. */
async function write(change: Partial<LetterStatement> & { body?: string } = {}, signer = clinic.signer) {
  count += 1;
  const draft = {
    federationId: federation.coordinator.federation.id,
    letterId: count.toString(16).padStart(32, '0'),
    from: { organisationId: 'clinic', nodeId: clinic.nodeId },
    to: 'lab',
    type: 'greeting',
    createdAt: now(),
    expiresAt: now(HOUR_MS),
    body: `letter ${count}`,
    ...change,
  };
  return writeLetter(draft, signer);
}

const post = (letter: Letter, by: Node = clinic) => federation.call('postLetter', by, { body: letter });
const list = async (by: Node = lab, after?: number): Promise<readonly WaitingLetter[]> =>
  (await federation.call('listLetters', by, { query: after === undefined ? {} : { after: String(after) } }))
    .letters;
const read = (upTo: number, by: Node = lab) => federation.call('ackLetters', by, { body: { upTo } });
const numbers = async (...of: Parameters<typeof list>) => (await list(...of)).map(({ number }) => number);

describe('a letter', () => {
  test('waits for its organisation, in order, until it was read, and can be opened there', async () => {
    const letters = [await write(), await write(), await write()];
    const receipts = [];
    for (const letter of letters) receipts.push(await post(letter));
    expect(receipts.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(await list()).toEqual(letters.map((letter, index) => ({ number: index + 1, letter })));
    const { directory } = await federation.call('getDirectory', lab, { query: {} });
    const reader = { federationId: federation.coordinator.federation.id, organisationId: 'lab', directory };
    for (const { letter } of await list()) await openLetter(letter, reader, now());
    expect(await numbers(lab, 1)).toEqual([2, 3]);
    await read(2);
    expect(await numbers()).toEqual([3]);
    await read(1); // said before
    expect(await numbers()).toEqual([3]);
    expect(await list(clinic)).toEqual([]);
  });

  test('is read by any node of its organisation, for all of them, and by no other', async () => {
    const other = await enrol('another node of the lab', 'lab');
    await post(await write());
    expect(await numbers(other)).toEqual([1]);
    await expect(read(1, clinic)).rejects.toMatchObject({ code: 'invalidFormat' });
    await read(1, other);
    expect(await numbers(lab)).toEqual([]);
  });

  test('and what was read survive a restart', async () => {
    for (let i = 0; i < 3; i += 1) await post(await write());
    await read(1);
    const before = await list();
    await federation.reopen();
    expect(await list()).toEqual(before);
    expect((await post(await write())).number).toBe(4);
  });

  test('that is sent again is the same letter, before it was read and after, and after a restart', async () => {
    const letter = await write();
    const receipt = await post(letter);
    expect(await post(letter)).toEqual(receipt);
    expect(await numbers()).toEqual([1]);
    await read(1);
    await federation.reopen();
    expect(await post(letter)).toEqual(receipt);
    expect(await list()).toEqual([]);
    const { letterId } = letter.statement;
    await expect(post(await write({ letterId, body: 'another' }))).rejects.toMatchObject({
      code: 'messageConflict',
    });
  });

  test('waits until it expires, and cannot be sent again then', async () => {
    const letter = await write();
    await post(letter);
    await post(await write({ expiresAt: now(2 * HOUR_MS) }));
    await federation.clock.advance(HOUR_MS - 1);
    expect(await numbers()).toEqual([1, 2]);
    await federation.clock.advance(1);
    expect(await numbers()).toEqual([2]);
    await expect(post(letter)).rejects.toMatchObject({ code: 'letterExpired' });
    await read(2);
    expect(await numbers()).toEqual([]);
  });

  test('at most sixteen are listed at once', async () => {
    for (let i = 0; i < 18; i += 1) await post(await write());
    expect(await numbers()).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    expect(await numbers(lab, 16)).toEqual([17, 18]);
  });

  test('of the coordinator itself is signed with the key of its organisation', async () => {
    const { signer } = await nodeOf('coordinator', 'operator');
    const from = { organisationId: 'operator', nodeId: null };
    await post(await write({ from }, signer), federation.operator);
    expect(await numbers()).toEqual([1]);
    await expect(post(await write({ from }), federation.operator)).rejects.toMatchObject({
      code: 'letterInvalid',
    });
  });
});

describe('refused', () => {
  test.each<[string, string, () => Promise<Letter>, (() => Node)?]>([
    ['a forged signature', 'letterInvalid', () => write({}, lab.signer)],
    ['a changed body', 'letterInvalid', async () => ({ ...(await write()), body: 'another' })],
    ['a letter that another node wrote', 'letterInvalid', () => write(), () => lab],
    [
      'the name of another organisation',
      'letterInvalid',
      () => write({ from: { organisationId: 'lab', nodeId: clinic.nodeId } }),
    ],
    ['another federation', 'letterInvalid', () => write({ federationId: 'fed-fedcba9876543210' })],
    ['a recipient that there is not', 'nodeUnknown', () => write({ to: 'ghost' })],
    ['an expired letter', 'letterExpired', () => write({ createdAt: now(-HOUR_MS), expiresAt: now(-1) })],
  ])('%s', async (_, code, letter, by = () => clinic) => {
    await expect(post(await letter(), by())).rejects.toMatchObject({ code });
    expect(await list()).toEqual([]);
    await post(await write()); // as it should be
    expect(await numbers()).toEqual([1]);
  });

  test('a sender that was revoked, and a recipient that was', async () => {
    const letter = await write();
    const { operator } = federation;
    const reply = await write(
      { from: { organisationId: 'lab', nodeId: lab.nodeId }, to: 'clinic' },
      lab.signer,
    );
    const body = { reason: 'lost' };
    await federation.call('revokeOrganisation', operator, { params: { organisationId: 'clinic' }, body });
    await expect(post(letter)).rejects.toMatchObject({ code: 'memberRevoked' });
    await expect(post(reply, lab)).rejects.toMatchObject({ code: 'nodeUnknown' });
  });

  test('more letters than one sender may leave at one recipient, until some were read', async () => {
    for (let i = 0; i < MAILBOX_LIMITS.pair; i += 1) await post(await write());
    await expect(post(await write())).rejects.toMatchObject({
      code: 'mailboxFull',
      detail: { whose: 'clinic at lab', letters: MAILBOX_LIMITS.pair },
    });
    const { operator } = federation;
    const { signer } = await nodeOf('coordinator', 'operator');
    await post(await write({ from: { organisationId: 'operator', nodeId: null } }, signer), operator);
    await read(1);
    await post(await write());
    await federation.clock.advance(HOUR_MS);
    await post(await write()); // the others have expired
  });

  test('more letters than an organisation may write for now', async () => {
    const send = async () => {
      const { number } = await post(await write());
      await read(number);
    };
    for (let i = 0; i < 200; i += 1) await send();
    await expect(send()).rejects.toMatchObject({ code: 'overloaded' });
    await federation.clock.advance(30_000);
    await send();
    await expect(send()).rejects.toMatchObject({ code: 'overloaded' });
  });

  test('the number of no letter', async () => {
    await post(await write());
    await expect(read(2)).rejects.toMatchObject({ code: 'invalidFormat' });
    await read(1);
  });
});

test('of all recipients together a sender fills no more than its part', async () => {
  const at = now();
  let state: MailboxState = new Map();
  for (let i = 0; i < MAILBOX_LIMITS.sender; i += 1)
    for (const event of decidePost(state, await write({ to: `lab-${i % 8}` }), at))
      state = foldMailbox(state, event, at);
  const next = await write({ to: 'lab-9' });
  expect(() => decidePost(state, next, at)).toThrow(
    expect.objectContaining({ code: 'mailboxFull', detail: { whose: 'clinic', letters: 256 } }),
  );
  expect(decidePost(state, next, now(HOUR_MS))).toHaveLength(1);
});

test('events that cannot follow are no events of a mailbox', async () => {
  const at = now();
  const posted = { type: 'letterPosted', letter: await write() } as const;
  const state = foldMailbox(new Map(), posted, at);
  expect(() => foldMailbox(state, posted, at)).toThrow(/again/);
  for (const upTo of [0, 2])
    expect(() =>
      foldMailbox(state, { type: 'lettersRead', organisationId: 'lab', upTo, by: lab.nodeId }, at),
    ).toThrow(/does not wait/);
});

describe('nodes are told', () => {
  test('by their stream, as soon as a letter comes, and with every line until it was read', async () => {
    const lines: TaskLine[] = [];
    const stop = new AbortController();
    const stream = await federation.call('taskStream', lab, {}, stop.signal);
    void (async () => {
      for await (const line of stream) lines.push(line);
    })();
    await atRest();
    await post(await write());
    await atRest();
    expect(lines.slice(1)).toEqual([
      expect.not.objectContaining({ letters: expect.anything() }),
      expect.objectContaining({ type: 'tasks', tasks: [], letters: 1 }),
    ]);
    await post(await write());
    await atRest();
    await federation.clock.advance(HEARTBEAT_MS);
    await atRest();
    expect(lines.slice(3)).toMatchObject([
      { type: 'tasks', letters: 2 },
      { type: 'heartbeat', letters: 2 },
    ]);
    stop.abort();
    await atRest();
  });

  test('by the answer to a request that waits, if it is newer than what they know', async () => {
    let told: object | undefined;
    const ask = (query: { wait: string; letters?: string }) =>
      federation.call('nextTasks', lab, { query }).then((answer) => {
        told = answer;
      });
    const waiting = ask({ wait: '20', letters: '0' });
    await atRest();
    expect(told).toBeUndefined();
    await post(await write());
    await waiting;
    expect(told).toMatchObject({ tasks: [], letters: 1 });
    told = undefined;
    const again = [ask({ wait: '20', letters: '1' }), ask({ wait: '20' })];
    await atRest();
    expect(told).toBeUndefined();
    await federation.clock.advance(20_000);
    await Promise.all(again);
    expect(told).toMatchObject({ tasks: [], letters: 1 });
  });
});
