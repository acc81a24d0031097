/**
 * A log as its coordinator serves it, at the paths of C2SP tlog-tiles, and what its entries name, by the routes of members. SPEC.md
 * 13.8, 13.9. Masked updates are served to nobody: sums are not made again from here.
 */
import { primitives } from '#primitives';
import type { LogSource } from '../../protocol/audit/log-source.ts';
import { type Tile, tilePath } from '../../protocol/audit/tile.ts';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';

/** Of checkpoint, key, and a bundle of the longest entries. */
const TEXT_BYTES_MAX = 1 << 20;
const TILE_BYTES_MAX = 1 << 25;

/** Content that other routes give than the one of content. */
type Fetch = () => Promise<Uint8Array>;

export class ServedSource implements LogSource {
  readonly #api: CoordinatorApi;
  /** The first one counts: the log grows while it is verified. */
  #checkpoint: Promise<string> | undefined;
  #named: Promise<ReadonlyMap<string, Fetch>> | undefined;

  constructor(api: CoordinatorApi) {
    this.#api = api;
  }

  checkpoint(): Promise<string> {
    this.#checkpoint ??= this.#text('getCheckpoint');
    return this.#checkpoint;
  }

  /** Of the log, by the word of whoever serves it. */
  async verifierKey(signal?: AbortSignal): Promise<string> {
    return (await this.#text('getLogKey', signal)).trimEnd();
  }

  async tile(tile: Tile, signal?: AbortSignal): Promise<Uint8Array> {
    const [, level = '', ...places] = tilePath(tile).split('/');
    const place = places.join('/');
    const options = { limitBytes: TILE_BYTES_MAX, ...(signal && { signal }) };
    try {
      return await (tile.level === 'entries'
        ? this.#api.call('getEntries', { params: { place } }, options)
        : this.#api.call('getTile', { params: { level, place } }, options));
    } catch (error) {
      if (!isProblem(error, 'tileUnknown')) throw error;
      throw new HanseError(
        'tileMalformed',
        { tile: tilePath(tile), reason: 'it is not there' },
        { cause: error },
      );
    }
  }

  async content(sha256: string, limitBytes: number): Promise<Uint8Array | undefined> {
    this.#named ??= this.#manifestsAndRecords();
    const fetch = (await this.#named).get(sha256);
    if (fetch) return fetch();
    try {
      return await this.#api.call('getBlob', { params: { sha256 } }, { limitBytes });
    } catch (error) {
      if (isProblem(error, 'blobUnknown')) return undefined;
      throw error;
    }
  }

  async #text(name: 'getCheckpoint' | 'getLogKey', signal?: AbortSignal): Promise<string> {
    const bytes = await this.#api.call(name, {}, { limitBytes: TEXT_BYTES_MAX, ...(signal && { signal }) });
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new HanseError('coordinatorMisbehaved', { what: `${name} without UTF-8` });
    }
  }

  /** By their hashes. */
  async #manifestsAndRecords(): Promise<ReadonlyMap<string, Fetch>> {
    const named = new Map<string, Fetch>();
    const { jobs } = await this.#api.call('listJobs', {});
    for (const { jobId } of jobs) {
      const { manifest, rounds } = await this.#api.call('getJob', { params: { jobId }, query: {} });
      const bytes = utf8(canonicalJson(manifest));
      named.set(toHex(await primitives.sha256(bytes)), async () => bytes);
      for (const { round, secure } of rounds) {
        if (!secure?.record) continue;
        const params = { jobId, round: String(round) };
        named.set(secure.record, async () =>
          utf8(canonicalJson(await this.#api.call('getRecord', { params }))),
        );
      }
    }
    return named;
  }
}
