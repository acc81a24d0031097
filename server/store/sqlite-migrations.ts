/**
 * Brings a SQLite file to the tables of this version, and refuses the file of a newer one: it may hold what this
 * version would misread. Migrations ship beside the code, run once each in one transaction, and are never edited.
 */
import { fileURLToPath } from 'node:url';
import type { Database } from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { HanseError } from '../../protocol/problem.ts';

const migrationsFolder = fileURLToPath(new URL('./migrations/sqlite', import.meta.url));
const migrationsTable = 'migrations';

/** Throws `storageCorrupt` for a newer database, before anything is written; what SQLite throws comes through. */
export function migrateSqlite(connection: Database, file: string): void {
  const newestKnown = Math.max(
    ...readMigrationFiles({ migrationsFolder }).map((known) => known.folderMillis),
  );
  if (newestApplied(connection) > newestKnown)
    throw new HanseError('storageCorrupt', {
      path: file,
      reason: 'it was written by a newer version of Hanse: upgrade this one',
    });
  connection.pragma('journal_mode = WAL');
  migrate(drizzle({ client: connection }), { migrationsFolder, migrationsTable });
}

/** When the newest migration of this database was made, in milliseconds since 1970; 0 for an empty database. */
function newestApplied(connection: Database): number {
  const hasTable = connection
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
    .get(migrationsTable);
  if (!hasTable) return 0;
  return Number(connection.prepare(`SELECT max(created_at) FROM ${migrationsTable}`).pluck().get() ?? 0);
}
