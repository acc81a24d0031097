// covers: client/audit/watch-log.ts
/** Rows are shown once they are proved, whoever the log comes from. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  askCoordinator,
  rowsOfCoordinator,
  rowsOfSource,
  type ShownRow,
} from '../../../client/audit/proved-rows.ts';
import { watchLog } from '../../../client/audit/watch-log.ts';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import { encodeLeaf } from '../../../protocol/audit/leaf.ts';
import { checkLogProof, parseLogProof } from '../../../protocol/audit/log-proof.ts';
import type { LogSource } from '../../../protocol/audit/log-source.ts';
import { parseTilePath } from '../../../protocol/audit/tile.ts';
import { NO_WITNESSES, type Trust } from '../../../protocol/audit/verify-head.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { HanseError } from '../../../protocol/problem.ts';
import type { AuditPage, AuditQuery } from '../../../schemas/audit-query.ts';
import { AuditLog } from '../../../server/audit-log.ts';
import { AuditQueries } from '../../../server/audit-queries.ts';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { AGREED, JOB, leafOf, RESEARCHER } from '../../fixtures/asked-log.ts';
import { noteKey } from '../../protocol/audit/notes.ts';

const refusal = (code: string) => expect.objectContaining({ code });
const failed = (round: number) =>
  encodeLeaf(
    leafOf(
      'round.failed',
      { jobId: JOB.jobId, round, attempt: 1, code: 'cohortTooSmall' },
      { place: round + 9 },
    ),
  );

interface World {
  readonly log: AuditLog;
  readonly queries: AuditQueries;
  readonly trust: Trust;
  close(): Promise<void>;
}

let folder: string;
let world: World;
let count = 0;

async function worldOf(rounds: number): Promise<World> {
  count += 1;
  const file = new AuditFile(join(folder, `${count}.sqlite`));
  const by = await noteKey('hanse.example/log');
  const log = await AuditLog.open(file, by);
  const first = [leafOf('agreement.concluded', AGREED), leafOf('job.created', JOB)].map(encodeLeaf);
  const rest = Array.from({ length: rounds }, (_, i) => failed(i + 1));
  await log.append([...first, ...rest].map((bytes) => ({ bytes })));
  const queries = new AuditQueries(log, join(folder, `${count}-index.sqlite`));
  const close = async () => {
    await queries.close();
    file.close();
  };
  return { log, queries, trust: { key: by.key, policy: NO_WITNESSES }, close };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-asked-'));
  world = await worldOf(5);
});
afterEach(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

type Lie = (page: AuditPage) => AuditPage;

/** What handlers of a coordinator do, without HTTP. */
function apiOf(of: () => World, lie: Lie = (page) => page): CoordinatorApi {
  const answer = async (
    name: string,
    { query, params }: { query?: AuditQuery; params?: Record<string, string> },
  ) => {
    const { log, queries } = of();
    if (name === 'queryAudit') return lie(await queries.page(query ?? {}, log.note));
    if (name === 'getCheckpoint') return utf8(log.note);
    if (name === 'getTile') return log.tile(parseTilePath(`tile/${params?.level}/${params?.place}`));
    throw new HanseError('internalError', { reference: name });
  };
  return { call: (name, request) => answer(name, request as never) as never };
}

const sourceOf = ({ log }: World): LogSource => ({
  checkpoint: async () => log.note,
  tile: (tile) => log.tile(tile),
  content: async () => undefined,
});

async function all(rows: AsyncIterable<ShownRow>): Promise<readonly ShownRow[]> {
  const shown: ShownRow[] = [];
  for await (const row of rows) shown.push(row);
  return shown;
}

test('a folder and a coordinator come to the same rows, each with a proof file that stands alone', async () => {
  for (const query of [
    { dataSet: 'scans@v2' },
    { text: 'cohorttoosmall' },
    { actor: RESEARCHER },
    { job: JOB.jobId },
  ]) {
    const served = await all(
      rowsOfCoordinator(
        apiOf(() => world),
        world.trust,
        { ...query, order: 'oldest', limit: '2' },
      ),
    );
    const stored = await all(rowsOfSource(sourceOf(world), world.trust, query));
    expect(served).toEqual(stored);
    expect(served.length).toBeGreaterThan(0);
    for (const { entry, proof } of served)
      expect(await checkLogProof(utf8(entry), parseLogProof(proof), world.trust.key)).toMatchObject({
        size: 7,
      });
  }
});

test('rows that fail are an error', async () => {
  const query = { type: 'round.failed' };
  const asked = (lie: Lie) =>
    askCoordinator(
      apiOf(() => world, lie),
      world.trust,
      query,
    );
  expect((await asked((page) => page)).rows.length).toBe(5);
  const changed =
    (change: (row: AuditPage['rows'][number]) => AuditPage['rows'][number]): Lie =>
    (page) => ({
      ...page,
      rows: page.rows.map((row, at) => (at === 2 ? change(row) : row)),
    });
  const lies: readonly (readonly [string, Lie])[] = [
    ['proofInvalid', changed((row) => ({ ...row, entry: row.entry.replace('TooSmall', 'TooLarge') }))],
    ['proofInvalid', changed((row) => ({ ...row, proof: row.proof.toReversed() }))],
    ['proofInvalid', changed((row) => ({ ...row, proof: row.proof.slice(1) }))],
    ['answerNotAsked', (page) => ({ ...page, rows: page.rows.toReversed() })],
    ['answerNotAsked', (page) => ({ ...page, next: '6' })],
    ['noteUnsigned', (page) => ({ ...page, checkpoint: page.checkpoint.replace('\n7\n', '\n8\n') })],
  ];
  for (const [code, lie] of lies) await expect(asked(lie)).rejects.toEqual(refusal(code));
  const other = await noteKey('hanse.example/log', 'note', 9);
  const trust = { ...world.trust, key: other.key };
  await expect(
    askCoordinator(
      apiOf(() => world),
      trust,
      query,
    ),
  ).rejects.toEqual(refusal('noteUnsigned'));
});

test('of a folder, an entry that was changed is not shown', async () => {
  const source = sourceOf(world);
  const changed: LogSource = {
    ...source,
    tile: async (tile) => {
      const bytes = await source.tile(tile);
      if (tile.level !== 'entries') return bytes;
      return new Uint8Array(
        Buffer.from(Buffer.from(bytes).toString('latin1').replace('TooSmall', 'TooLarge'), 'latin1'),
      );
    },
  };
  await expect(all(rowsOfSource(changed, world.trust, { round: '1' }))).rejects.toEqual(
    refusal('proofInvalid'),
  );
  expect((await all(rowsOfSource(changed, world.trust, { round: '2' }))).length).toBe(1);
});

/** Watches while each pause lets one more thing happen; the last ends it. */
async function watched(api: CoordinatorApi, happen: readonly (() => Promise<void>)[]) {
  const [rounds, notes, controller, left] = [
    [] as unknown[],
    [] as string[],
    new AbortController(),
    [...happen],
  ];
  const last = await watchLog({
    ...{ api, trust: world.trust, conditions: { type: 'round.failed' }, signal: controller.signal },
    pause: async () => {
      const next = left.shift();
      if (next) await next();
      else controller.abort();
    },
    show: ({ facts }) => void rounds.push(facts.round),
    note: (line) => void notes.push(line),
  });
  return { rounds, notes, size: last.size };
}

test('what is appended is shown as it comes, also after the coordinator was away', async () => {
  let isAway = false;
  const there = apiOf(() => world);
  const api: CoordinatorApi = {
    call: (...given) => {
      if (isAway)
        throw new HanseError('coordinatorUnreachable', { url: 'https://hanse.example', reason: 'away' });
      return there.call(...given);
    },
  };
  const append = async (round: number) => void (await world.log.append([{ bytes: failed(round) }]));
  const seen = await watched(api, [
    () => append(6),
    async () => {
      isAway = true;
      await append(7);
    },
    async () => {
      isAway = false;
    },
    async () => void (await world.log.append([{ bytes: encodeLeaf(leafOf('job.created', JOB)) }])),
    () => append(8),
  ]);
  expect(seen).toMatchObject({ rounds: [6, 7, 8], size: 11 });
  expect(seen.notes.length).toBe(2);
});

test('a log that does not go on from what was seen ends it', async () => {
  const other = await worldOf(1);
  await other.log.append(Array.from({ length: 20 }, (_, i) => ({ bytes: failed(40 + i) })));
  let shown = world;
  const swap = async () => {
    shown = other;
  };
  await expect(
    watched(
      apiOf(() => shown),
      [swap],
    ),
  ).rejects.toEqual(refusal('logForked'));
  await other.close();
});
