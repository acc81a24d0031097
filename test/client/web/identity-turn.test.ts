import { expect, test } from 'vitest';
import { identityTurn } from '../../../client/web/identity-turn.ts';
import { locksInMemory } from '../../fixtures/locks-in-memory.ts';

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
