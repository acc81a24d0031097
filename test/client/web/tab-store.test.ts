import { expect, test } from 'vitest';
import { tabStorageProblem } from '../../../client/web/tab-store.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { tabStoreFaults } from '../../contract/tab-store.ts';
import { memoryTabStore } from '../../fixtures/memory-tab-store.ts';

test('the storage of the tests keeps the contract', async () => {
  const records = new Map<string, unknown>();
  expect(await tabStoreFaults(async () => memoryTabStore(records))).toEqual([]);
});

test('the contract catches a storage that adds twice, and one that forgets', async () => {
  const records = new Map<string, unknown>();
  const twice = await tabStoreFaults(async () => {
    const store = memoryTabStore(records);
    return { ...store, add: (name, value) => store.write(name, value).then(() => true) };
  });
  expect(twice).toContain('added where there is something: true where false was due');
  const forgetful = await tabStoreFaults(async () => memoryTabStore());
  expect(forgetful.join()).toContain('after a reload');
});

test.each([
  ['QuotaExceededError', 'browserStorageFull'],
  ['VersionError', 'browserStorageNewer'],
  ['SecurityError', 'browserStorageBlocked'],
  ['InvalidStateError', 'browserStorageBlocked'],
])('a browser that says %s is %s', (name, code) => {
  const problem = tabStorageProblem(new DOMException('no', name), 'the key');
  expect(problem).toMatchObject({ code, detail: { what: 'the key' } });
});

test('a problem stays what it is; what has no name is said to have none', () => {
  const problem = new HanseError('storageConflict', { stream: 's', expected: 1, got: 2 });
  expect(tabStorageProblem(problem, 'x')).toBe(problem);
  expect(tabStorageProblem(undefined, 'x').message).toContain('no reason given');
});
