/**
 * The tables of the coordinator in SQLite.
 *
 * `npm run migrations` writes the difference to the last migration into `migrations/sqlite`. drizzle-kit cannot say
 * STRICT or WITHOUT ROWID; both are added to the generated SQL by hand, and `sqlite-store.test.ts` checks them.
 */
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

/** Events of all streams. Rows are added and never changed or removed, so that `position` grows. */
export const events = sqliteTable(
  'events',
  {
    position: integer().primaryKey(),
    stream: text().notNull(),
    sequence: integer().notNull(),
    type: text().notNull(),
    version: integer().notNull(),
    /** ISO 8601 in UTC. */
    at: text().notNull(),
    /** JSON text, exactly as it was encoded: SQLite never interprets it. */
    data: text().notNull(),
  },
  (table) => [uniqueIndex('events_stream_sequence').on(table.stream, table.sequence)],
);

/** Claims that were made, one row each until they have expired. WITHOUT ROWID: the primary key is the table. */
export const claims = sqliteTable(
  'claims',
  {
    scope: text().notNull(),
    key: text().notNull(),
    /** Milliseconds since 1970; the claim is free again from this instant on. */
    until: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.scope, table.key] }), index('claims_until').on(table.until)],
);
