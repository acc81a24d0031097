/**
 * What a tab keeps between visits, as records under names, and how a browser says that it keeps nothing.
 *
 * The durability contract: what was written is there after a reload, a crash of the tab, and a closed browser, once the
 * promise resolves. `indexed-db-store.ts` keeps it in IndexedDB; tests keep it in memory.
 */
import { HanseError } from '../../protocol/problem.ts';

/** Where a problem says that a record lies. */
export const TAB_STORAGE = 'the storage of this browser';

export interface TabStore {
  /** Undefined where there is nothing under the name. */
  read(name: string): Promise<unknown>;
  /** @param value can be cloned; a `CryptoKey` too */
  write(name: string, value: unknown): Promise<void>;
  /** Several records as one step: all of them, or none. Undefined removes. */
  writeAll(records: Readonly<Record<string, unknown>>): Promise<void>;
  /** Writes unless there is a record of this name, as one step among all tabs. @returns whether there was none */
  add(name: string, value: unknown): Promise<boolean>;
  /** Names that begin so, in ascending order. */
  names(prefix: string): Promise<readonly string[]>;
  remove(names: readonly string[]): Promise<void>;
  /** Everything, also the database itself. */
  forget(): Promise<void>;
}

/** Of the DOMExceptions of IndexedDB those that a full disk or a quota raises. */
const FULL: ReadonlySet<string> = new Set(['QuotaExceededError', 'NS_ERROR_FILE_NO_DEVICE_SPACE']);

/** The problem behind what IndexedDB or the file system of a browser has failed with. @param what for people */
export function tabStorageProblem(error: unknown, what: string): HanseError {
  if (error instanceof HanseError) return error;
  const { name = '', message = '' } = (error ?? {}) as Partial<Error>;
  if (FULL.has(name)) return new HanseError('browserStorageFull', { what }, { cause: error });
  if (name === 'VersionError')
    return new HanseError('browserStorageNewer', { what, got: 'a newer database' }, { cause: error });
  const reason = [name, message].filter((part) => part !== '').join(': ') || 'no reason given';
  return new HanseError('browserStorageBlocked', { what, reason }, { cause: error });
}
