import { beforeEach, describe, expect, test } from 'vitest';
import type { Identity } from '../../client/identity.ts';
import { KeyHandover, throughKeys } from '../../client/key-handover.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { HanseError } from '../../protocol/problem.ts';
import { Secret } from '../../protocol/secret.ts';
import type { TrainTask } from '../../schemas/task.ts';
import { atRest, VirtualClock } from '../../sim/virtual-clock.ts';

const identityOf = (digit: string): Identity => ({
  server: 'http://127.0.0.1:9',
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: 'ab'.repeat(32),
  nodeId: digit.repeat(32),
  organisationId: 'clinic',
  role: 'participant',
  name: 'node',
  seed: new Secret(new Uint8Array(32)),
});
const [first, second, third] = [identityOf('1'), identityOf('2'), identityOf('3')];
const task = { type: 'train', jobId: 'job-0123456789abcdef', round: 1, attempt: 1 } as TrainTask;
const problem = new HanseError('dataSingleClass', { source: 'x', label: 1 });
let clock: VirtualClock;

beforeEach(() => {
  clock = new VirtualClock();
});

describe('a key is handed over', () => {
  const handover = (found: Identity | undefined = second) => new KeyHandover(first, async () => found, clock);

  test('at once where nothing is under way, and to the one that was announced alone', async () => {
    const idle = handover();
    await idle.announced(third.nodeId);
    expect([idle.signal.aborted, idle.successor]).toEqual([false, undefined]);
    await idle.announced(second.nodeId);
    expect([idle.signal.aborted, idle.successor]).toEqual([true, second]);
    const without = new KeyHandover(first, async () => undefined, clock);
    await without.announced(second.nodeId);
    expect(without.signal.aborted).toBe(false);
  });

  test.each<[end: ParticipantEvent, afterMs: number]>([
    [{ type: 'contributed', task } as ParticipantEvent, 0],
    [{ type: 'missed', task, problem }, 0],
    [{ type: 'declined', task, problem }, 2000],
  ])('while a task is under way, after its end: %o', async (end, afterMs) => {
    const busy = handover();
    busy.observe({ type: 'ready' });
    busy.observe({ type: 'preparing', task });
    busy.observe({ type: 'preparing', task: { ...task, round: 2 } });
    await busy.announced(second.nodeId);
    busy.observe({ type: 'training', task });
    busy.observe({ type: 'missed', task: { ...task, round: 2 }, problem });
    await clock.advance(10_000);
    expect(busy.signal.aborted).toBe(false);
    busy.observe(end);
    await atRest();
    if (afterMs > 0) {
      await clock.advance(afterMs - 1);
      expect(busy.signal.aborted).toBe(false);
      await clock.advance(1);
    }
    expect(busy.signal.aborted).toBe(true);
  });
});

describe('through keys', () => {
  const life = { current: new AbortController() };
  const retired = new HanseError('keyRetired', { since: '2026-01-01T00:00:00.000Z' });
  beforeEach(() => {
    life.current = new AbortController();
  });

  /** A node that ends when it has lived with all keys for which there is an end. */
  async function lived(
    ends: Readonly<Record<string, 'announced' | 'retired' | 'revoked'>>,
    found: Readonly<Record<string, Identity>>,
  ) {
    const keys: string[] = [];
    const find = async ({ nodeId }: Identity) => found[nodeId];
    const last = await throughKeys(first, {
      find,
      clock,
      signal: life.current.signal,
      live: async ({ nodeId }, handover) => {
        keys.push(nodeId.slice(0, 1));
        const end = ends[nodeId];
        if (end === 'retired') throw retired;
        if (end === 'revoked') throw new HanseError('memberRevoked', { what: 'it', since: '' });
        if (end === 'announced') await handover.announced(found[nodeId]?.nodeId ?? '');
        else life.current.abort();
      },
    }).then(
      ({ nodeId }) => nodeId.slice(0, 1),
      (error: HanseError) => error.code,
    );
    return { keys: keys.join(''), last };
  }
  const successors = { [first.nodeId]: second, [second.nodeId]: third };

  test('a node lives with one after the other, whether it was told or refused', async () => {
    const ends = { [first.nodeId]: 'announced', [second.nodeId]: 'retired' } as const;
    expect(await lived(ends, successors)).toEqual({ keys: '123', last: '3' });
  });

  test('a key that is retired without a successor at hand ends the node, as everything else does', async () => {
    expect(await lived({ [first.nodeId]: 'retired' }, {})).toEqual({ keys: '1', last: 'keyRetired' });
    expect(await lived({ [first.nodeId]: 'revoked' }, successors)).toEqual({
      keys: '1',
      last: 'memberRevoked',
    });
  });

  test('a node that is to end does, and takes up no other key', async () => {
    expect(await lived({}, successors)).toEqual({ keys: '1', last: '1' });
    life.current.abort();
    expect(await lived({ [first.nodeId]: 'announced' }, successors)).toEqual({ keys: '1', last: '1' });
  });
});
