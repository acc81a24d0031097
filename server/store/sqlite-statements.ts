/**
 * The statements of the SQLite store, prepared once for each connection. All are single look-ups or writes in an
 * index; none scans a table.
 */
import type Database from 'better-sqlite3';
import { and, asc, eq, gt, gte, inArray, lt, lte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { claims, events } from './schema.sqlite.ts';

const { placeholder } = sql;

// The types of prepared statements spell out the whole query; they are inferred here and used by `ReturnType`.
/** For the connection that writes events. */
export function prepareEventStatements(connection: Database.Database) {
  const db = drizzle({ client: connection });
  return {
    /** Number of events of `stream`: the sequence of the last. */
    length: db
      .select({ length: sql<number>`coalesce(max(${events.sequence}), 0)` })
      .from(events)
      .where(eq(events.stream, placeholder('stream')))
      .prepare(),
    insert: db
      .insert(events)
      .values({
        stream: placeholder('stream'),
        sequence: placeholder('sequence'),
        type: placeholder('type'),
        version: placeholder('version'),
        at: placeholder('at'),
        data: placeholder('data'),
      })
      .prepare(),
    /** Up to `limit` events of `stream` after sequence `after`, in order. */
    read: db
      .select()
      .from(events)
      .where(and(eq(events.stream, placeholder('stream')), gt(events.sequence, placeholder('after'))))
      .orderBy(asc(events.sequence))
      .limit(placeholder('limit'))
      .prepare(),
    /**
     * Up to `limit` events of all streams after position `after`, in order. Who reads all events reads millions: rows are taken as
     * SQLite gives them.
     */
    readAll: connection.prepare(
      `SELECT position, stream, sequence, type, version, at, data FROM events
       WHERE position > :after ORDER BY position LIMIT :limit`,
    ) as Database.Statement<[{ after: number; limit: number }], typeof events.$inferSelect>,
    /** The first stream from `from` (inclusive) to `before` (exclusive). */
    firstStream: db
      .select({ stream: events.stream })
      .from(events)
      .where(and(gte(events.stream, placeholder('from')), lt(events.stream, placeholder('before'))))
      .orderBy(asc(events.stream))
      .limit(1)
      .prepare(),
  };
}

/** For the connection that writes claims. */
export function prepareClaimStatements(connection: Database.Database) {
  const db = drizzle({ client: connection });
  return {
    /** Changes one row if the claim is free: there was none, or it has expired at `now`. Otherwise changes nothing. */
    claim: db
      .insert(claims)
      .values({ scope: placeholder('scope'), key: placeholder('key'), until: placeholder('until') })
      .onConflictDoUpdate({
        target: [claims.scope, claims.key],
        set: { until: sql`excluded.${sql.identifier(claims.until.name)}` },
        setWhere: lte(claims.until, placeholder('now')),
      })
      .prepare(),
    /** Removes up to `limit` claims that have expired at `now`, the oldest first. */
    sweep: db
      .delete(claims)
      .where(
        inArray(
          sql`(${claims.scope}, ${claims.key})`,
          db
            .select({ scope: claims.scope, key: claims.key })
            .from(claims)
            .where(lte(claims.until, placeholder('now')))
            .orderBy(asc(claims.until))
            .limit(placeholder('limit')),
        ),
      )
      .prepare(),
  };
}
