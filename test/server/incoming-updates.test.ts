import { expect, test } from 'vitest';
import { IncomingUpdates } from '../../server/incoming-updates.ts';

test('of one place one update at a time; the same one twice; other places are free', async () => {
  const incoming = new IncomingUpdates();
  const release: (() => void)[] = [];
  const receive = (place: string, sha256: string) =>
    incoming.receive(
      place,
      sha256,
      () => new Promise<string>((resolve) => release.push(() => resolve(`${place} ${sha256}`))),
    );
  const overloaded = { code: 'overloaded' };
  const first = receive('a', '1');
  await expect(receive('a', '2')).rejects.toMatchObject(overloaded);
  const again = receive('a', '1');
  const elsewhere = receive('b', '2');
  await expect(receive('a', '1')).rejects.toMatchObject(overloaded);
  release[0]?.();
  expect(await first).toBe('a 1');
  await expect(receive('a', '2')).rejects.toMatchObject(overloaded); // the repetition is still there
  release[1]?.();
  expect(await again).toBe('a 1');
  const second = receive('a', '2');
  for (const one of release.slice(2)) one();
  expect(await Promise.all([second, elsewhere])).toEqual(['a 2', 'b 2']);
});

test('a failure frees the place', async () => {
  const incoming = new IncomingUpdates();
  const failing = incoming.receive('a', '1', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await incoming.receive('a', '2', async () => 'yes')).toBe('yes');
});
