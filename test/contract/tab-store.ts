/**
 * What every storage of a tab does. Needs nothing of a test runner, so that it also runs inside a page.
 */
import type { TabStore } from '../../client/web/tab-store.ts';

/**
 * @param reopen the same storage, as a reload of the page finds it
 * @returns what is wrong; nothing if all is well
 */
export async function tabStoreFaults(reopen: () => Promise<TabStore>): Promise<string[]> {
  const faults: string[] = [];
  const expect = (what: string, got: unknown, wanted: unknown) => {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (a !== b) faults.push(`${what}: ${a} where ${b} was due`);
  };
  const store = await reopen();
  expect('nothing under a new name', (await store.read('a')) === undefined, true);
  await store.write('a', { version: 1, bytes: [1, 2] });
  expect('added where there is something', await store.add('a', 2), false);
  expect('added where there is nothing', await store.add('b/1', 'one'), true);
  const atOnce = await Promise.all([1, 2, 3, 4].map((value) => store.add('b/2', value)));
  expect('of four at the same time one adds', atOnce.filter((added) => added).length, 1);
  await store.writeAll({ 'b/3': 3, c: 4 });
  expect('names of a prefix', await store.names('b/'), ['b/1', 'b/2', 'b/3']);
  await store.remove(['b/2', 'gone']);

  const again = await reopen();
  expect('after a reload', await again.read('a'), { version: 1, bytes: [1, 2] });
  expect('removed after a reload', await again.names(''), ['a', 'b/1', 'b/3', 'c']);
  await again.writeAll({ a: 5, c: undefined });
  expect('put in the place of', await again.read('a'), 5);
  expect('undefined removes', await again.names(''), ['a', 'b/1', 'b/3']);
  await again.forget();

  const after = await reopen();
  expect('forgotten', await after.names(''), []);
  return faults;
}
