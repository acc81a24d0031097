/**
 * The records of a tab in IndexedDB: one database of the origin, one object store, names as keys. W3C Indexed Database
 * API 3.0. Writes ask for `durability: 'strict'`, so that what resolves is on the disk and not only on its way there.
 */
import { type TabStore, tabStorageProblem } from './tab-store.ts';

const DATABASE = 'hanse';
const RECORDS = 'records';
/** Of the layout of the database; each record has a version of its own. */
const VERSION = 1;

/**
 * @param factory absent where a browser has none, as in some private windows
 * @throws `browserStorageBlocked`, `browserStorageFull`, `browserStorageNewer`
 */
export async function openIndexedDbStore(
  factory: IDBFactory | undefined = globalThis.indexedDB,
  database = DATABASE,
): Promise<TabStore> {
  const guarded = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw tabStorageProblem(error, what);
    }
  };
  const db = await guarded('the database of this page', () => open(factory, database));
  const transact = <T>(
    what: string,
    mode: IDBTransactionMode,
    use: (records: IDBObjectStore) => IDBRequest<T> | undefined,
  ) => guarded(what, () => committed(db, mode, use));
  const writeAll: TabStore['writeAll'] = async (all) => {
    await transact(Object.keys(all).join(', '), 'readwrite', (records) => {
      for (const [name, value] of Object.entries(all)) {
        if (value === undefined) records.delete(name);
        else records.put(value, name);
      }
      return undefined;
    });
  };
  return {
    read: (name) => transact<unknown>(name, 'readonly', (records) => records.get(name)),
    write: (name, value) => writeAll({ [name]: value }),
    writeAll,
    add: (name, value) =>
      guarded(name, async () => {
        try {
          await committed(db, 'readwrite', (records) => records.add(value, name));
          return true;
        } catch (error) {
          if ((error as Error | null)?.name === 'ConstraintError') return false;
          throw error;
        }
      }),
    names: async (prefix) => {
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const keys = await transact(prefix, 'readonly', (records) => records.getAllKeys(range));
      return (keys ?? []).map(String);
    },
    remove: (names) => writeAll(Object.fromEntries(names.map((name) => [name, undefined]))),
    forget: async () => {
      // Emptied first: a database that another tab has open is deleted only once that tab lets it go.
      await transact('all', 'readwrite', (records) => records.clear());
      db.close();
      factory?.deleteDatabase(database);
    },
  };
}

function open(factory: IDBFactory | undefined, database: string): Promise<IDBDatabase> {
  if (!factory) throw new DOMException('this browser has no IndexedDB here', 'NotSupportedError');
  return new Promise((resolve, reject) => {
    const request = factory.open(database, VERSION);
    request.onupgradeneeded = () => request.result.createObjectStore(RECORDS);
    request.onerror = () => reject(request.error);
    request.onblocked = () =>
      reject(new DOMException('another tab has an older version open', 'InvalidStateError'));
    request.onsuccess = () => {
      const db = request.result;
      // A newer page must not wait for this one.
      db.onversionchange = () => db.close();
      resolve(db);
    };
  });
}

/** Resolves once the transaction is on the disk, with what the request has found. */
function committed<T>(
  db: IDBDatabase,
  mode: IDBTransactionMode,
  use: (records: IDBObjectStore) => IDBRequest<T> | undefined,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(RECORDS, mode, { durability: 'strict' });
    let request: IDBRequest<T> | undefined;
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error ?? request?.error);
    request = use(transaction.objectStore(RECORDS));
  });
}
