/**
 * The data directory of a coordinator that has logged many events: accepted updates, of which a log has most, each with a salted
 * field. Entries are made of one that the code of production has made; what differs is put in its place.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { primitives } from '#primitives';
import { formatVerifierKey, verifierKey } from '../../protocol/audit/verifier-key.ts';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { auditEntriesOf } from '../../server/audit-entries.ts';
import { AuditLog, type LogEntry } from '../../server/audit-log.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { openSqliteStore } from '../../server/store/sqlite-store.ts';
import type { NewEvent, Store, StoredEvent } from '../../server/store/store.ts';

/** Events of one append, and so of one checkpoint. */
const TOGETHER = 1000;
const JOB = 'job/job-0123456789abcdef';
const AT = new Date('2026-01-01T00:00:00.000Z');
const FEDERATION = 'federation';

/** @param folder that is there and empty @param size of the log, at least 1 */
export async function writeLoggedRecords(folder: string, size: number): Promise<void> {
  const signer = await primitives.signer(new Uint8Array(32));
  const key = await verifierKey('hanse.example/log', 'note', signer.publicKey);
  mkdirSync(join(folder, 'keys'));
  mkdirSync(join(folder, 'blobs'));
  writeFileSync(join(folder, 'keys', 'audit.vkey'), `${formatVerifierKey(key)}\n`);
  const store = openSqliteStore(join(folder, 'hanse.sqlite'));
  const file = new AuditFile(join(folder, 'audit.sqlite'));
  try {
    const log = await AuditLog.open(file, { key, signer });
    const coordinatorKey = toHex(signer.publicKey);
    const founded = { federationId: 'fed-0123456789abcdef', coordinatorKey };
    const source = { coordinatorKey, federationStream: FEDERATION, random: primitives.random };
    const [first] = await store.append(FEDERATION, 0, [event('federationCreated', founded)], AT);
    if (first) await log.append(await auditEntriesOf(first, source), cursorAt(first));
    const entryOf = await entryMaker(source);
    for (let from = 1; from < size; from += TOGETHER) {
      const events = Array.from({ length: Math.min(TOGETHER, size - from) }, (_, at) => accepted(from + at));
      const stored = await store.append(JOB, from - 1, events, AT);
      await log.append(stored.map(entryOf), cursorAt(stored.at(-1) as StoredEvent));
    }
    await log.settled();
  } finally {
    await store.close();
    file.close();
  }
}

interface Accepted {
  readonly node: string;
  readonly sha256: string;
}

function event(type: string, data: object): NewEvent {
  return { type, version: 1, data };
}

function accepted(index: number): NewEvent {
  const sha256 = createHash('sha256').update(String(index)).digest('hex');
  return event('updateAccepted', { round: 1, attempt: 1, node: sha256.slice(32), sha256, bytes: 100_000 });
}

function cursorAt({ position }: StoredEvent) {
  return { source: 'store', position };
}

async function entryMaker(source: Parameters<typeof auditEntriesOf>[1]) {
  const model = { ...accepted(0), stream: JOB, sequence: 1, position: 1, at: AT.toISOString() };
  const { sha256 } = model.data as Accepted;
  const [entry] = await auditEntriesOf(model, source);
  const text = new TextDecoder().decode(entry?.bytes);
  const salted = /"salted":"([0-9a-f]{64})"/.exec(text)?.[1] ?? '';
  return ({ data, sequence }: Awaited<ReturnType<Store['append']>>[number]): LogEntry => {
    const said = data as Accepted;
    const salt = new Uint8Array(Buffer.from(said.sha256, 'hex').subarray(0, 16));
    const value = JSON.stringify(said.node);
    const hash = createHash('sha256').update(salt).update(value).digest('hex');
    const bytes = utf8(
      text.replaceAll(sha256, said.sha256).replace(salted, hash).replace(`${JOB}/1"`, `${JOB}/${sequence}"`),
    );
    return { bytes, salted: [{ pointer: '/data/node', salt, value }] };
  };
}
