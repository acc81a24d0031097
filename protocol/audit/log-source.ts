/**
 * Where whoever verifies a log has it from: an exported folder, or a server. Nothing of it is believed: all of it is
 * attacker-controlled, and checked against the signature of the log.
 */
import { primitives } from '#primitives';
import { toHex } from '../bytes.ts';
import { HanseError } from '../problem.ts';
import type { Tile } from './tile.ts';

export interface LogSource {
  /** The newest checkpoint, as a signed note. @throws exportMalformed, what the transport throws */
  checkpoint(): Promise<string>;
  /** Of the log of that checkpoint. @throws tileMalformed where there is none, what the transport throws */
  tile(tile: Tile): Promise<Uint8Array>;
  /**
   * What entries name by its hash; undefined if it is not there.
   * @param limitBytes that it may have @throws bodyTooLarge above them
   */
  content(sha256: string, limitBytes: number): Promise<Uint8Array | undefined>;
  /** Lines of `salt-audit.ts` as JSON values, where they were asked for and handed over. Throws invalidFormat, exportMalformed. */
  salts?(): AsyncIterable<unknown>;
}

/**
 * Content of this hash; undefined if it is not there.
 * @param what for messages @throws hashMismatch, bodyTooLarge
 */
export async function findContent(
  source: Pick<LogSource, 'content'>,
  what: string,
  expected: string,
  limitBytes: number,
): Promise<Uint8Array | undefined> {
  const bytes = await source.content(expected, limitBytes);
  if (bytes === undefined) return undefined;
  const got = toHex(await primitives.sha256(bytes));
  if (got !== expected) throw new HanseError('hashMismatch', { what, expected, got });
  return bytes;
}

/** The same, which has to be there. @throws contentMissing, hashMismatch, bodyTooLarge */
export async function contentOf(
  source: Pick<LogSource, 'content'>,
  what: string,
  sha256: string,
  limitBytes: number,
): Promise<Uint8Array> {
  const bytes = await findContent(source, what, sha256, limitBytes);
  if (bytes === undefined) throw new HanseError('contentMissing', { what, sha256 });
  return bytes;
}
