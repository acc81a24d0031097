import { expect, test } from 'vitest';
import { identityTurn, type Locks } from '../../../client/web/identity-turn.ts';

/** Web Locks in memory, exclusive, in the order of asking. */
function locksInMemory(): Locks {
  const queues = new Map<string, Promise<unknown>>();
  const request = async (name: string, options: LockOptions, use: (lock: unknown) => unknown) => {
    const before = queues.get(name);
    if (before && options.ifAvailable) return use(null);
    options.signal?.throwIfAborted();
    let free = () => {};
    const mine = new Promise<void>((resolve) => {
      free = resolve;
    });
    queues.set(name, mine);
    const aborted = new Promise<never>((_, reject) =>
      options.signal?.addEventListener('abort', () => reject(options.signal?.reason), { once: true }),
    );
    try {
      if (before) await Promise.race([before, aborted]);
      return await use({ name });
    } finally {
      if (queues.get(name) === mine) queues.delete(name);
      free();
    }
  };
  return { request } as unknown as Locks;
}

const life = () => new AbortController();

test('the second waits, and says so, until the first ends', async () => {
  const locks = locksInMemory();
  const told: string[] = [];
  const first = await identityTurn(locks, 'a', life().signal, () => told.push('first'));
  const second = identityTurn(locks, 'a', life().signal, () => told.push('second')).then((turn) => {
    told.push('turn');
    return turn;
  });
  const other = await identityTurn(locks, 'b', life().signal, () => told.push('other'));
  await new Promise(setImmediate);
  expect(told).toEqual(['second']);
  first.end();
  first.end();
  (await second).end();
  expect(told).toEqual(['second', 'turn']);
  other.end();
});

test('who gives up while waiting waits no longer', async () => {
  const locks = locksInMemory();
  const first = await identityTurn(locks, 'a', life().signal, () => {});
  const waiting = life();
  const second = identityTurn(locks, 'a', waiting.signal, () => waiting.abort(new Error('left')));
  await expect(second).rejects.toThrow('left');
  await expect(identityTurn(locks, 'a', AbortSignal.abort(new Error('gone')), () => {})).rejects.toThrow(
    'gone',
  );
  first.end();
});

test('a browser without locks makes nobody wait', async () => {
  const turn = await identityTurn(undefined, 'a', life().signal, () => {});
  expect(() => turn.end()).not.toThrow();
});
