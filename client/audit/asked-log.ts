/**
 * The log that a question is put to: an exported folder, the data directory of a coordinator, or what a coordinator serves; with what
 * it is verified by. SPEC.md 13.15. Node only.
 */
import { parseCheckpoint } from '../../protocol/audit/checkpoint.ts';
import type { ExportSource } from '../../protocol/audit/export-source.ts';
import type { LogSource } from '../../protocol/audit/log-source.ts';
import type { SaltLine } from '../../protocol/audit/salt-audit.ts';
import {
  type ReadOptions,
  readVerified,
  type TakeVerified,
  type VerifiedLog,
} from '../../protocol/audit/verified-entries.ts';
import { parseVerifierKey, type VerifierKey } from '../../protocol/audit/verifier-key.ts';
import { NO_WITNESSES } from '../../protocol/audit/verify-head.ts';
import { parseWitnessPolicy, type WitnessPolicy } from '../../protocol/audit/witness-policy.ts';
import { toHex } from '../../protocol/bytes.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { FolderSource } from './folder-source.ts';
import { ServedSource } from './served-source.ts';
import { keyOf, lineOf, pinnedOf, policyOf } from './verify-export.ts';

/** What somebody pins: SPEC.md 13.8. */
export interface Pins {
  /** The key of the log, or a file that holds it. */
  readonly key?: string | undefined;
  /** A file. */
  readonly policy?: string | undefined;
}

/** Of one checkpoint, the newest when it was opened. */
export interface AskedLog {
  readonly source: LogSource;
  /** Whether the key is pinned, or the log's own word. */
  readonly isPinned: boolean;
  /** All entries, in order. May be called again. Throws as `readVerified`. */
  read(take: TakeVerified, options?: ReadOptions): Promise<VerifiedLog>;
}

interface OwnWord {
  key(): Promise<VerifierKey>;
  policy(): Promise<WitnessPolicy | undefined>;
}

/** @param path attacker-controlled, all that lies there. Throws dataFileMissing, exportMalformed, and for what is pinned as `pinnedOf` */
export async function folderLog(path: string, pins: Pins): Promise<AskedLog> {
  const pinned = await pinnedOf(pins);
  const folder = await FolderSource.open(path);
  return askedLog(folder, { key: () => keyOf(folder), policy: () => policyOf(folder) }, pinned);
}

/** @param api of a member; all that it answers is attacker-controlled */
export async function servedLog(api: CoordinatorApi, pins: Pins): Promise<AskedLog> {
  const pinned = await pinnedOf(pins);
  const source = new ServedSource(api);
  const key = async () => parseVerifierKey(lineOf(await source.verifierKey()));
  return askedLog(source, { key, policy: async () => undefined }, pinned);
}

/** @param source of a data directory @param hasSalts whether what stands behind salted fields is told, too */
export async function exportedLog(source: ExportSource, pins: Pins, hasSalts: boolean): Promise<AskedLog> {
  const pinned = await pinnedOf(pins);
  const note = await source.checkpoint();
  const { size } = parseCheckpoint(note);
  const log: LogSource = {
    checkpoint: async () => note,
    tile: (tile) => source.tile(tile),
    content: async () => undefined,
    ...(hasSalts && { salts: () => saltLines(source, size) }),
  };
  const key = async () => parseVerifierKey(await source.verifierKey());
  return askedLog(log, { key, policy: async () => parseWitnessPolicy(await source.policy()) }, pinned);
}

function askedLog(source: LogSource, own: OwnWord, pinned: Awaited<ReturnType<typeof pinnedOf>>): AskedLog {
  return {
    source,
    isPinned: pinned.key !== undefined,
    async read(take, options) {
      const key = pinned.key ?? (await own.key());
      const policy = pinned.policy ?? (await own.policy()) ?? NO_WITNESSES;
      return readVerified(source, { key, policy }, take, options);
    },
  };
}

async function* saltLines(source: ExportSource, size: number): AsyncGenerator<SaltLine> {
  for await (const { index, pointer, salt, value } of source.saltedFields(size))
    yield { index, pointer, salt: toHex(salt), value };
}
