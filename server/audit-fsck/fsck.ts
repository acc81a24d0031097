/**
 * `hanse audit fsck`: everything of a stored log, checked against the key that it is verified with, against itself, and against the
 * records that it tells of. SPEC.md 13.7.
 *
 * One pass over the entries, a tile of them in memory at a time. Only reads; a coordinator may be running, of which what it adds
 * meanwhile is not looked at.
 */
import { parseCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { TILE_WIDTH } from '../../protocol/audit/tile.ts';
import { HASH_BYTES } from '../../protocol/audit/tile-tree.ts';
import { parseVerifierKey, type VerifierKey } from '../../protocol/audit/verifier-key.ts';
import { toHex } from '../../protocol/bytes.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { type AuditEvent, NOTES } from '../../schemas/audit-event.ts';
import type { FsckReport } from '../../schemas/fsck-report.ts';
import { STORE_SOURCE } from '../audit-sequencer.ts';
import { PRIVACY_SOURCE } from '../privacy-entries.ts';
import { readRecords } from '../read-records.ts';
import { AuditRows, type PlacedSalt, type RowsHead } from '../store/audit-rows.ts';
import type { Store } from '../store/store.ts';
import { CheckpointCheck } from './checkpoint-check.ts';
import { EventCheck } from './event-check.ts';
import { Findings } from './findings.ts';
import { NoteCheck } from './note-check.ts';
import { checkSalts } from './salt-check.ts';
import { leafHashNow, leafHashOfText } from './sync-tree.ts';
import { TreeCheck } from './tree-check.ts';

export interface FsckOptions {
  /** After each tile. */
  readonly progress?: (entries: number, of: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * @param path of the data directory of a coordinator
 * @throws dataDirMissing where it is none with a log; verifierKeyInvalid; storageCorrupt where a file is no database, or an event
 *   no JSON; storageFailed; interrupted
 */
export async function fsckDataDir(path: string, options: FsckOptions = {}): Promise<FsckReport> {
  const { store, log, verifierKey, close } = readRecords(path);
  let rows: AuditRows | undefined;
  try {
    rows = new AuditRows(log.path);
    return await fsck(rows, store, await parseVerifierKey(verifierKey), options);
  } finally {
    rows?.close();
    await close();
  }
}

async function fsck(
  rows: AuditRows,
  store: Store,
  key: VerifierKey,
  { progress, signal }: FsckOptions,
): Promise<FsckReport> {
  const findings = new Findings();
  const head = rows.head();
  const size = Math.max(0, head.last?.size ?? 0);
  tellStrays(head, findings);
  const checkpoints = new CheckpointCheck(rows, key, size, findings);
  const tree = new TreeCheck(findings, (level, place) => rows.hashes(level, place, 1)[0]?.hash);
  const cursor = (name: string) => head.cursors.find(({ source }) => source === name)?.position ?? 0;
  const privacyFrom = cursor(PRIVACY_SOURCE) || Number.POSITIVE_INFINITY;
  const events = await EventCheck.open(store, { cursor: cursor(STORE_SOURCE), privacyFrom }, findings);
  const notes = new NoteCheck(cursor(NOTES), findings);
  const none = await checkpoints.rootAt(0);
  if (none) tree.reach(0, toHex(none));
  for (let from = 0; from < size; from += TILE_WIDTH) {
    if (signal?.aborted) throw new HanseError('interrupted');
    const width = Math.min(TILE_WIDTH, size - from);
    const page = readPage(rows, from, width);
    if (page.isEmpty) {
      // What comes after so large a gap cannot have a root that was signed.
      findings.add('entryMissing', { index: from, count: size - from });
      await checkpoints.rootAt(size);
      tree.end();
      return reportOf(head, findings);
    }
    for (let index = from; index < from + width; index += 1) {
      const text = page.textAt(index);
      const entry = text === undefined ? entryAt(rows, index) : undefined;
      const hash = page.hashAt(index);
      if (text === undefined && !entry) findings.add('entryMissing', { index });
      if (!hash) findings.add('hashMissing', { level: 0, index });
      tree.add(index, text === undefined ? entry && leafHashNow(entry) : leafHashOfText(text), hash);
      const salts = page.salts.get(index) ?? [];
      let goesOn = text !== undefined && events.goesOn(text, salts);
      if (typeof goesOn !== 'boolean') goesOn = await goesOn;
      if (!goesOn) {
        const bytes = entry ?? entryAt(rows, index);
        const event = bytes && readLeaf(bytes, index, findings);
        const kept = checkSalts(salts, index, event, findings);
        if (!notes.take(index, event)) await events.check(index, event, kept);
      }
      if (index + 1 < checkpoints.nextSize) continue;
      const root = await checkpoints.rootAt(index + 1);
      if (root) tree.reach(index + 1, toHex(root));
    }
    progress?.(from + width, size);
  }
  tree.end();
  await events.end();
  notes.end();
  return reportOf(head, findings);
}

function reportOf(head: RowsHead, { listed, unlisted, isEmpty }: Findings): FsckReport {
  const size = head.last?.size ?? 0;
  return { size, root: rootOf(head), findings: listed, unlisted, ok: isEmpty };
}

function tellStrays({ last, strays }: RowsHead, findings: Findings): void {
  if (!last) findings.add('checkpointMissing');
  for (const { what, place, level } of strays)
    findings.add('behindSize', { index: place, ...(level !== undefined && { level }), detail: what });
}

/** As the note says it, whoever has signed it. */
function rootOf({ last }: RowsHead): string {
  if (!last) return '';
  try {
    return toHex(parseCheckpoint(last.note).root);
  } catch (error) {
    if (!isProblem(error, 'noteMalformed') && !isProblem(error, 'checkpointMalformed')) throw error;
    return '';
  }
}

/** A tile of entries, and what belongs to them. */
function readPage(rows: AuditRows, from: number, width: number) {
  const salts = new Map<number, PlacedSalt[]>();
  for (const salt of rows.salts(from, width)) {
    const together = salts.get(salt.place);
    if (together) together.push(salt);
    else salts.set(salt.place, [salt]);
  }
  const { hashAt, areNone } = readHashes(rows, from, width);
  const texts = rows.entryTexts(from, width);
  const areNoEntries = !texts && rows.entries(from, width).length === 0;
  /** Undefined for what is missing, or no text to be sure. */
  const textAt = (place: number) => {
    const text = texts?.[place - from];
    return text?.includes('\ufffd') ? undefined : text;
  };
  return { textAt, hashAt, salts, isEmpty: areNone && areNoEntries };
}

function entryAt(rows: AuditRows, place: number): Uint8Array | undefined {
  return rows.entries(place, 1)[0]?.entry;
}

/** Those of leaves. */
function readHashes(rows: AuditRows, from: number, width: number) {
  const text = rows.hashText(from, width);
  const digits = 2 * HASH_BYTES;
  if (text !== undefined) {
    const hashAt = (place: number) => text.slice(digits * (place - from), digits * (place - from + 1));
    return { hashAt, areNone: false };
  }
  const hashes = new Map(rows.hashes(0, from, width).map(({ place, hash }) => [place, hash]));
  return { hashAt: (place: number) => hashes.get(place), areNone: hashes.size === 0 };
}

function readLeaf(entry: Uint8Array, index: number, findings: Findings): AuditEvent | undefined {
  try {
    return decodeLeaf(entry);
  } catch (error) {
    if (!isProblem(error, 'leafMalformed')) throw error;
    findings.add('leafMalformed', { index, detail: error.detail.reason });
    return undefined;
  }
}
