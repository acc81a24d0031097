// That it keeps the contract is shown in a browser: test/browser/.
import { expect, test } from 'vitest';
import { openIndexedDbStore } from '../../../client/web/indexed-db-store.ts';

/** A database that fails to open. */
function failing(name: string): IDBFactory {
  return {
    open: () => {
      const request = { error: new DOMException('no', name), onerror: () => {} };
      queueMicrotask(() => request.onerror());
      return request;
    },
  } as unknown as IDBFactory;
}

test('a browser without IndexedDB, or that forbids it, says so', async () => {
  await expect(openIndexedDbStore(undefined)).rejects.toMatchObject({ code: 'browserStorageBlocked' });
  const forbidding = {
    open: () => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    },
  } as unknown as IDBFactory;
  await expect(openIndexedDbStore(forbidding)).rejects.toMatchObject({
    code: 'browserStorageBlocked',
    detail: { reason: 'SecurityError: The operation is insecure.' },
  });
});

test.each([
  ['QuotaExceededError', 'browserStorageFull'],
  ['VersionError', 'browserStorageNewer'],
  ['UnknownError', 'browserStorageBlocked'],
])('a database that opens with %s is %s', async (name, code) => {
  await expect(openIndexedDbStore(failing(name))).rejects.toMatchObject({ code });
});
