// covers: server/served-log.ts
/**
 * A log over real HTTP, at the paths that tools of others ask for.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { decodeBundle } from '../../protocol/audit/entry-bundle.ts';
import { encodeLeaf } from '../../protocol/audit/leaf.ts';
import { provePage } from '../../protocol/audit/proven-page.ts';
import { newTiles, parseTilePath, tilePath } from '../../protocol/audit/tile.ts';
import { rootOf } from '../../protocol/audit/tile-tree.ts';
import { parseVerifierKey } from '../../protocol/audit/verifier-key.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { VERSION_HEADER } from '../../protocol/versions.ts';
import type { AuditPage } from '../../schemas/audit-query.ts';
import { AuditLog } from '../../server/audit-log.ts';
import { AuditQueries } from '../../server/audit-queries.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { leafOf, RESEARCHER } from '../fixtures/asked-log.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const SIZE = 300;
const entries = Array.from({ length: SIZE }, (_, at) => utf8(`entry ${at}`));

let folder: string;
let file: AuditFile;
let log: AuditLog;
let listening: ListeningApp;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-served-log-'));
  file = new AuditFile(join(folder, 'audit.sqlite'));
  log = await AuditLog.open(file, await noteKey('hanse.example/log'));
  await log.append(entries.map((bytes) => ({ bytes })));
  listening = await listeningApp({ log, participants: 1 });
});
afterAll(async () => {
  await listening?.close();
  file?.close();
  rmSync(folder, { recursive: true });
});

const get = (path: string) => fetch(`${listening.server}${path}`);
const codeAt = async (path: string) => {
  const answer = await fetch(`${listening.server}${path}`, { headers: { [VERSION_HEADER]: '1' } });
  return [answer.status, ((await answer.json()) as { code: string }).code];
};

test('whoever knows nothing of Hanse follows it: key, checkpoint, and tiles that lead to the signed root', async () => {
  const key = await parseVerifierKey((await (await get('/log.vkey')).text()).trimEnd());
  expect(key).toEqual(log.key);
  const answer = await get('/checkpoint');
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const { size, root } = await readCheckpoint(await answer.text(), key);
  expect(size).toBe(SIZE);

  const asked: string[] = [];
  const served = await rootOf(async (tile) => {
    asked.push(tilePath(tile));
    const got = await get(`/${tilePath(tile)}`);
    expect(got.status).toBe(200);
    expect(got.headers.get('cache-control')).toContain('immutable');
    return new Uint8Array(await got.arrayBuffer());
  }, size);
  expect(served).toEqual(root);
  expect(asked.toSorted()).toEqual(['tile/0/001.p/44', 'tile/1/000.p/1'].toSorted());
});

test('a checkpoint tells of what was appended since', async () => {
  const before = await (await get('/checkpoint')).text();
  const otherFile = new AuditFile(join(folder, 'other.sqlite'));
  const other = await AuditLog.open(otherFile, await noteKey('hanse.example/log'));
  const growing = await listeningApp({ log: other, participants: 0 });
  try {
    const read = async () => (await fetch(`${growing.server}/checkpoint`)).text();
    expect(await read()).toBe(other.note);
    await other.append([{ bytes: utf8('entry 0') }]);
    expect(await read()).toBe(other.note);
    expect(await (await get('/checkpoint')).text()).toBe(before);
  } finally {
    await growing.close();
    otherFile.close();
  }
});

test('entries are for members, who get each of them', async () => {
  const [node] = listening.federation.participants;
  if (!node) expect.fail('no participant');
  const got: Uint8Array[] = [];
  for (const tile of newTiles(0, SIZE)) {
    if (tile.level !== 'entries') continue;
    const path = tilePath(tile);
    expect(await codeAt(`/${path}`)).toEqual([401, 'signatureMissing']);
    const params = { place: path.slice('tile/entries/'.length) };
    const { status, bytes } = await listening.call(node, 'getEntries', { params });
    expect(status).toBe(200);
    got.push(...decodeBundle(bytes, tile.width));
  }
  expect(got).toEqual(entries);
});

test('a tile has every width that the log has had, and no other', async () => {
  for (const path of ['tile/0/000', 'tile/0/000.p/1', 'tile/0/000.p/255', 'tile/0/001.p/44']) {
    const tile = parseTilePath(path);
    expect(new Uint8Array(await (await get(`/${path}`)).arrayBuffer())).toEqual(await log.tile(tile));
  }
  for (const path of [
    'tile/0/001',
    'tile/0/001.p/45',
    'tile/0/002',
    'tile/1/000',
    'tile/6/000',
    'tile/0/x001/000',
  ])
    expect([path, ...(await codeAt(`/${path}`))]).toEqual([path, 404, 'tileUnknown']);
});

test('names that are no tiles are refused, whatever they would lead to', async () => {
  for (const path of ['tile/0/0001', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/00/000', 'tile/0/x01/000'])
    expect([path, ...(await codeAt(`/${path}`))]).toEqual([path, 400, 'tilePathInvalid']);
  for (const path of ['tile/0/..%2f..%2fcheckpoint', 'tile/0/000%00', 'tile/-1/000', 'tile/abc/000'])
    expect([path, (await get(`/${path}`)).status]).toEqual([path, 400]);
  expect((await get('/tile/0/000')).status).toBe(200);
});

test('a coordinator without a log has none of these routes', async () => {
  const without = await listeningApp({ participants: 0 });
  try {
    for (const path of ['/checkpoint', '/log.vkey', '/tile/0/000']) {
      const answer = await fetch(without.server + path);
      expect([path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        path,
        404,
        'routeUnknown',
      ]);
    }
  } finally {
    await without.close();
  }
});

test('operators ask it, others do not; a coordinator without an index says that there is nothing to ask', async () => {
  const otherFile = new AuditFile(join(folder, 'asked.sqlite'));
  const asked = await AuditLog.open(otherFile, await noteKey('hanse.example/log'));
  const reason = leafOf('member.revoked', { nodeId: RESEARCHER, reason: 'left the study', by: RESEARCHER });
  await asked.append([{ bytes: encodeLeaf(reason) }]);
  const queries = new AuditQueries(asked, join(folder, 'asked-index.sqlite'));
  const app = await listeningApp({ log: asked, queries, participants: 1 });
  try {
    const { operator, researcher, participants } = app.federation;
    const query = { text: 'study' };
    const { status, json } = await app.call(operator, 'queryAudit', { query });
    expect(status).toBe(200);
    const page = json as AuditPage;
    const rows = await provePage(page, query, await readCheckpoint(page.checkpoint, asked.key));
    expect(rows.map(({ facts }) => facts.index)).toEqual([0]);
    for (const member of [researcher, ...participants])
      expect((await app.call(member, 'queryAudit', { query })).status).toBe(403);
    for (const wrong of [
      { limit: '101' },
      { since: 'now' },
      { type: 'round' },
      { anything: '1' },
      { text: '*' },
    ])
      expect((await app.call(operator, 'queryAudit', { query: wrong })).status).toBe(400);
    expect((await listening.call(listening.federation.operator, 'queryAudit', { query })).status).toBe(404);
  } finally {
    await app.close();
    await queries.close();
    otherFile.close();
  }
});
