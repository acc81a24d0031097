// covers: server/store/audit-index.ts, protocol/audit/query.ts, protocol/audit/proven-page.ts, schemas/audit-query.ts
/** Answers against the slow obvious way to them: all entries, one after the other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { encodeLeaf } from '../../protocol/audit/leaf.ts';
import { provePage } from '../../protocol/audit/proven-page.ts';
import { salted } from '../../protocol/audit/salted-field.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import type { AuditEvent } from '../../schemas/audit-event.ts';
import type { AuditPage, AuditQuery } from '../../schemas/audit-query.ts';
import { AuditLog, type LogEntry } from '../../server/audit-log.ts';
import { AuditQueries } from '../../server/audit-queries.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { AGREED, JOB, leafOf, NODES, RESEARCHER } from '../fixtures/asked-log.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const refusal = (code: string) => expect.objectContaining({ code });
const ORGANISATIONS = ['clinic-a', 'clinic-b', 'lab'];
const REASONS = ['left the study', 'key lost', 'Schlüssel verloren', 'left'];
const SALT = new Uint8Array(16).fill(7);
const START = Date.parse('2026-01-01T00:00:00Z');
const at = (minute: number) => new Date(START + 60_000 * minute).toISOString();

let folder: string;
let count = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-queries-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What happens, one of few kinds, so that questions meet answers. */
const happening = fc.record({
  kind: fc.constantFrom('revoked', 'declined', 'failed', 'denied', 'ended'),
  node: fc.nat({ max: 2 }),
  round: fc.integer({ min: 1, max: 3 }),
  reason: fc.constantFrom(...REASONS),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

interface Told {
  readonly entry: LogEntry;
  /** What it is to be found by, written down by hand. */
  readonly is: Readonly<Record<string, readonly string[]>>;
  readonly minute: number;
}

const plain = (event: AuditEvent): LogEntry => ({ bytes: encodeLeaf(event) });

async function told({ kind, node, round, reason }: Happening, minute: number): Promise<Told> {
  const time = { time: at(minute), place: minute + 1 };
  const [nodeId, organisation] = [NODES[node] as string, ORGANISATIONS[node] as string];
  const ofJob = {
    purpose: [JOB.purpose],
    dataSet: ['slides', 'scans', 'scans@v2'],
    agreement: JOB.agreements,
  };
  const inRound = { jobId: JOB.jobId, round, attempt: 1 };
  switch (kind) {
    case 'revoked': {
      const event = leafOf('member.revoked', { nodeId, reason, by: RESEARCHER }, time);
      const is = { type: ['member.revoked', 'member.*'], outcome: ['success'], actor: [nodeId, RESEARCHER] };
      return { entry: plain(event), minute, is: { ...is, organisation: [organisation], text: [reason] } };
    }
    case 'declined': {
      const data = { ...inRound, code: 'policyRefused', node: await salted(SALT, nodeId) };
      const field = { pointer: '/data/node', salt: SALT, value: canonicalJson(nodeId) };
      const is = { type: ['round.declined', 'round.*'], outcome: ['refused'], text: ['policyRefused'] };
      const more = { ...ofJob, job: [JOB.jobId], round: [String(round)], actor: [nodeId] };
      return {
        entry: { bytes: encodeLeaf(leafOf('round.declined', data, time)), salted: [field] },
        ...{ minute, is: { ...is, ...more, organisation: [organisation] } },
      };
    }
    case 'failed': {
      const event = leafOf('round.failed', { ...inRound, code: 'cohortTooSmall' }, time);
      const is = { type: ['round.failed', 'round.*'], outcome: ['failed'], text: ['cohortTooSmall'] };
      const more = { ...ofJob, job: [JOB.jobId], round: [String(round)] };
      return { entry: plain(event), minute, is: { ...is, ...more } };
    }
    case 'denied': {
      const data = { actor: 'anonymous', since: at(0), count: 1, codes: { signatureMissing: 1 } };
      const is = { type: ['access.denied', 'access.*'], outcome: ['refused'], actor: ['anonymous'] };
      return {
        entry: plain(leafOf('access.denied', data, time)),
        ...{ minute, is: { ...is, text: ['signatureMissing'] } },
      };
    }
    default: {
      const { expiresAt: _, ...agreement } = AGREED;
      const is = {
        type: ['agreement.ended', 'agreement.*'],
        outcome: ['success'],
        text: [reason, JOB.purpose],
      };
      const more = {
        organisation: ['clinic-a', 'lab'],
        purpose: [JOB.purpose],
        dataSet: ['scans', 'scans@v2'],
      };
      return {
        entry: plain(leafOf('agreement.ended', { ...agreement, reason }, time)),
        ...{ minute, is: { ...is, ...more, agreement: JOB.agreements } },
      };
    }
  }
}

/** Who is there, an agreement, and a job by it. */
async function beginning(): Promise<LogEntry[]> {
  const members = NODES.map((nodeId, i) =>
    leafOf('member.enrolled', {
      ...{ nodeId, organisationId: ORGANISATIONS[i], role: 'participant', name: { salted: '5'.repeat(64) } },
      ...{ publicKey: 'a'.repeat(64), organisationKey: 'b'.repeat(64) },
    }),
  );
  return [...members, leafOf('agreement.concluded', AGREED), leafOf('job.created', JOB)].map(plain);
}

interface World {
  readonly log: AuditLog;
  readonly queries: AuditQueries;
  readonly index: string;
  readonly told: readonly Told[];
  readonly first: number;
  close(): Promise<void>;
}

async function worldOf(happened: readonly Happening[]): Promise<World> {
  count += 1;
  const file = new AuditFile(join(folder, `${count}.sqlite`));
  const log = await AuditLog.open(file, await noteKey('hanse.example/log'));
  const begun = await beginning();
  await log.append(begun);
  const all = await Promise.all(happened.map(told));
  if (all.length > 0) await log.append(all.map(({ entry }) => entry));
  const index = join(folder, `${count}-index.sqlite`);
  const queries = new AuditQueries(log, index);
  const close = async () => {
    await queries.close();
    file.close();
  };
  return { log, queries, index, told: all, first: begun.length, close };
}

/** The slow obvious way. */
function expected(
  { told: all, first }: World,
  { since, until, order, text, ...asked }: AuditQuery,
): number[] {
  const words = (said: string) => said.toLowerCase().split(/[^a-zü0-9]+/);
  const found = all.flatMap(({ is, minute }, i) => {
    if (since !== undefined && at(minute) < since) return [];
    if (until !== undefined && at(minute) >= until) return [];
    const isIn = ([name, value]: [string, string]) => is[name]?.includes(value) ?? false;
    if (!Object.entries(asked).every(([name, value]) => isIn([name, String(value)]))) return [];
    const has = (is.text ?? []).flatMap(words);
    if (text !== undefined && !words(text).every((word) => has.includes(word))) return [];
    return [first + i];
  });
  return order === 'oldest' ? found : found.reverse();
}

/** All pages, each proved. */
async function answers({ log, queries }: World, query: AuditQuery): Promise<number[]> {
  const found: number[] = [];
  let cursor: string | undefined;
  do {
    const asked = { ...query, ...(cursor !== undefined && { cursor }) };
    const page = await queries.page(asked, log.note);
    const rows = await provePage(page, asked, await readCheckpoint(page.checkpoint, log.key));
    found.push(...rows.map(({ facts }) => facts.index));
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

const asking: fc.Arbitrary<AuditQuery> = fc.record(
  {
    since: fc.nat({ max: 20 }).map(at),
    until: fc.integer({ min: 21, max: 40 }).map(at),
    actor: fc.constantFrom(...NODES, RESEARCHER, 'anonymous', 'nobody'),
    organisation: fc.constantFrom(...ORGANISATIONS, 'elsewhere'),
    dataSet: fc.constantFrom('slides', 'scans', 'scans@v2', 'scans@v3'),
    agreement: fc.constant(AGREED.agreementId),
    purpose: fc.constantFrom(JOB.purpose, 'marketing'),
    job: fc.constantFrom(JOB.jobId, 'job-ffffffffffffffff'),
    round: fc.constantFrom('1', '2'),
    type: fc.constantFrom('round.*', 'round.failed', 'member.revoked', 'agreement.*', 'access.denied'),
    outcome: fc.constantFrom('success' as const, 'refused' as const, 'failed' as const),
    text: fc.constantFrom('left', 'study LEFT', 'schlüssel', 'signatureMissing', 'lef'),
    order: fc.constantFrom('newest' as const, 'oldest' as const),
  },
  { requiredKeys: [] },
);

test('answers are those of the slow obvious way, each with a proof that holds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { maxLength: 30 }),
      fc.array(asking, { minLength: 3, maxLength: 6 }),
      fc.constantFrom('1', '3', '100'),
      async (happened, asked, limit) => {
        const world = await worldOf(happened);
        for (const query of asked) {
          const narrowed = Object.keys(query).length > 0 ? query : { type: 'round.*' };
          // Of what was there before, the obvious way knows nothing.
          const found = (await answers(world, { ...narrowed, limit })).filter(
            (place) => place >= world.first,
          );
          expect(found).toEqual(expected(world, narrowed));
        }
        await world.close();
      },
    ),
    { numRuns: 5 },
  );
});

const SOME: readonly Happening[] = Array.from({ length: 12 }, (_, i) => ({
  kind: (['revoked', 'declined', 'failed', 'denied'] as const)[i % 4] ?? 'ended',
  ...{ node: i % 3, round: 1 + (i % 3), reason: REASONS[i % 4] as string },
}));

test('an index that is gone, damaged, behind, or of another log is made anew', async () => {
  const world = await worldOf(SOME);
  const other = await worldOf(SOME.slice(3));
  const query = { type: 'round.declined' };
  const right = await answers(world, query);
  expect(right.length).toBe(3);
  await other.queries.catchUp();
  await other.close();
  await world.queries.close();
  const damages: readonly ((path: string) => void)[] = [
    (path) => rmSync(path),
    (path) => writeFileSync(path, 'no index'.repeat(1000)),
    (path) => {
      const connection = new Database(path);
      connection.exec('DROP TABLE postings');
      connection.close();
    },
    (path) => {
      const connection = new Database(path);
      connection.exec("UPDATE state SET size = 4, last = 'another'");
      connection.close();
    },
  ];
  for (const damage of damages) {
    damage(world.index);
    const queries = new AuditQueries(world.log, world.index);
    expect(await answers({ ...world, queries }, query)).toEqual(right);
    await queries.close();
  }
  const swapped = new AuditQueries(world.log, other.index);
  expect(await answers({ ...world, queries: swapped }, query)).toEqual(right);
  await swapped.close();
});

test('an index that was left while it was made is gone on with', async () => {
  const world = await worldOf(SOME);
  await world.log.append(Array.from({ length: 1200 }, () => (world.told[2] as Told).entry));
  const left = new AuditQueries(world.log, `${world.index}-left`);
  const making = left.catchUp();
  await new Promise((resolve) => setImmediate(resolve));
  await left.close();
  await making;
  const again = new AuditQueries(world.log, `${world.index}-left`);
  expect(again.indexed).toBeGreaterThan(0);
  expect(again.indexed).toBeLessThan(world.log.size);
  const query = { text: 'study', limit: '100' };
  expect(await answers({ ...world, queries: again }, query)).toEqual(await answers(world, query));
  expect(again.indexed).toBe(world.log.size);
  await again.close();
  await world.close();
});

test('what is appended is found, and what is not yet under the checkpoint is not', async () => {
  const world = await worldOf(SOME);
  const before = world.log.note;
  const [one] = world.told;
  const query = { type: 'member.revoked' };
  const right = await answers(world, query);
  const place = await world.log.append([(one as Told).entry]);
  expect(await answers(world, query)).toEqual([place, ...right]);
  const older = await world.queries.page(query, before);
  expect(older.rows.map(({ index }) => index)).toEqual(right);
  await world.close();
});

test('a field that is erased is found no more, and its value is off the medium', async () => {
  const world = await worldOf(SOME);
  const query = { actor: NODES[1], type: 'round.declined' };
  const [place] = await answers(world, query);
  if (place === undefined) expect.fail('nothing is found');
  world.queries.startAnew();
  world.log.eraseField(place, '/data/node');
  expect(await answers(world, query)).not.toContain(place);
  expect(await answers(world, { type: 'round.declined' })).toContain(place);
  await world.close();
});

test('a page that says something else than the log is refused', async () => {
  const world = await worldOf(SOME);
  const query = { organisation: 'clinic-b', type: 'round.declined' };
  const page = await world.queries.page(query, world.log.note);
  const checkpoint = await readCheckpoint(page.checkpoint, world.log.key);
  const proved = (lied: AuditPage, asked: AuditQuery = query) => provePage(lied, asked, checkpoint);
  expect((await proved(page)).length).toBe(1);
  const [row] = page.rows;
  if (!row) expect.fail('no row');
  const rows = (...changed: AuditPage['rows']) => ({ ...page, rows: changed });
  const other = row.entry.replace('policyRefused', 'policyrefused');
  await expect(proved(rows({ ...row, entry: other }))).rejects.toEqual(refusal('proofInvalid'));
  await expect(proved(rows({ ...row, index: row.index + 1 }))).rejects.toEqual(refusal('proofInvalid'));
  const opened = row.opened.map((field) => ({ ...field, value: canonicalJson(NODES[0]) }));
  await expect(proved(rows({ ...row, opened }))).rejects.toEqual(refusal('saltMismatch'));
  await expect(proved(rows(row, row))).rejects.toEqual(refusal('answerNotAsked'));
  await expect(proved(page, { ...query, round: '9' })).rejects.toEqual(refusal('answerNotAsked'));
  // Whose node it is follows from the entry of its enrolment alone.
  await expect(proved({ ...page, context: [] })).rejects.toEqual(refusal('answerNotAsked'));
  await world.close();
});

test('questions that nothing could answer are refused', async () => {
  const world = await worldOf(SOME);
  for (const query of [{ text: '"*" -' }, { since: at(3), until: at(3) }])
    await expect(world.queries.page(query, world.log.note)).rejects.toEqual(refusal('invalidFormat'));
  // What would mean something elsewhere are words here.
  expect(await answers(world, { text: 'left* OR (study' })).toEqual([]);
  expect(await answers(world, { text: '"left" the-study' })).not.toEqual([]);
  await world.close();
});

test('one page looks at a bounded number of entries, and the next one goes on', async () => {
  const world = await worldOf([]);
  const [revoked, failed] = [SOME[0], SOME[2]].map((one) => told(one as Happening, 1));
  const [rare, usual] = [(await revoked)?.entry as LogEntry, (await failed)?.entry as LogEntry];
  await world.log.append([rare, ...Array.from({ length: 2100 }, () => usual)]);
  await world.queries.catchUp();
  // Of a time that the block has, but none of these entries: each of them is looked at.
  const page = await world.queries.page({ type: 'round.failed', until: at(1) }, world.log.note);
  expect(page.rows).toEqual([]);
  expect(page.next).toBeDefined();
  expect(await answers(world, { type: 'round.failed', until: at(1) })).toEqual([]);
  expect(await answers(world, { type: 'member.revoked' })).toEqual([world.first]);
  await world.close();
});
