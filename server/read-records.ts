/**
 * The records of a data directory and the audit log over them, to be read: by whoever has the host of a coordinator, which may be
 * running. `records.ts` opens them for the coordinator.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { utf8 } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { AuditFile } from './store/audit-file.ts';
import { openSqliteStore, type SqliteStore } from './store/sqlite-store.ts';
import { storageProblem } from './store/storage-problem.ts';
import { parseWitnessed, WITNESSED_FILE, type WitnessedNote } from './witnessed-log.ts';

export interface ReadRecords {
  readonly store: SqliteStore;
  readonly log: AuditFile;
  /** Text of `keys/audit.vkey`. */
  readonly verifierKey: string;
  /** What its witnesses have cosigned last; undefined where there has been no quorum. */
  readonly witnessed: WitnessedNote | undefined;
  /** Folder. */
  readonly blobs: string;
  close(): Promise<void>;
}

/** @throws dataDirMissing where it is no data directory with a log; storageCorrupt, storageFailed */
export function readRecords(path: string): ReadRecords {
  const root = resolve(path);
  const [database, audit, key] = ['hanse.sqlite', 'audit.sqlite', 'keys/audit.vkey'].map((name) => {
    const file = join(root, name);
    if (!existsSync(file)) throw new HanseError('dataDirMissing', { folder: root, lacks: name });
    return file;
  }) as [string, string, string];
  const verifierKey = readText(key).trimEnd();
  const witnessedFile = join(root, WITNESSED_FILE);
  const witnessed = existsSync(witnessedFile) ? parseWitnessed(utf8(readText(witnessedFile))) : undefined;
  const log = new AuditFile(audit, { readOnly: true });
  try {
    const store = openSqliteStore(database, { readOnly: true });
    const close = async () => {
      await store.close();
      log.close();
    };
    return { store, log, verifierKey, witnessed, blobs: join(root, 'blobs'), close };
  } catch (error) {
    log.close();
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw storageProblem(file, error);
  }
}
