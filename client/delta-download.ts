/**
 * Models as their difference from the last one of the same job, where the coordinator offers it. SPEC.md 9.3.
 *
 * Callers need not know: whoever names a `series` in the options of `getBlob` gets the content all the same. The last
 * one of each series is kept until the next; asked for again it is not fetched at all. Nothing that comes is believed:
 * what a difference leads to must have the hash that was asked for, else the whole is fetched.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import { decodeDelta, isDelta } from '../protocol/model-delta.ts';
import { isProblem } from '../protocol/problem.ts';
import type { RouteRequest } from '../protocol/routes.ts';
import type { Sha256 } from '../schemas/ids.ts';
import type { CallOptions, CoordinatorApi } from './coordinator-api.ts';

/** All that is kept between rounds. A model that is longer is fetched whole, as a coordinator would send it. */
const KEPT_BYTES = 67_108_864;

interface Content {
  readonly sha256: Sha256;
  readonly bytes: Uint8Array;
}

/** @param keptBytes the most that is kept of all series together */
export function deltaDownloads(api: CoordinatorApi, keptBytes: number = KEPT_BYTES): CoordinatorApi {
  const latest = new LatestContent(keptBytes);
  const fetchBlob = async (sha256: Sha256, series: string, options: CallOptions): Promise<Uint8Array> => {
    const last = latest.of(series);
    if (last?.sha256 === sha256) return last.bytes;
    const bytes =
      (last && (await fromLast(api, last, sha256, options))) ??
      (await api.call('getBlob', { params: { sha256 } }, options));
    if (await isContent(bytes, sha256)) latest.keep(series, { sha256, bytes });
    return bytes;
  };
  return {
    async call(name, request, options) {
      if (name !== 'getBlob' || options?.series === undefined) return api.call(name, request, options);
      const { params } = request as unknown as RouteRequest<'getBlob'>;
      const bytes = await fetchBlob(params.sha256, options.series, options);
      return bytes as Awaited<ReturnType<typeof api.call<typeof name>>>;
    },
  };
}

/** Undefined if the whole has to be asked for. */
async function fromLast(
  api: CoordinatorApi,
  last: Content,
  sha256: Sha256,
  options: CallOptions,
): Promise<Uint8Array | undefined> {
  try {
    const params = { sha256, base: last.sha256 };
    const answer = await api.call('getBlobFrom', { params }, options);
    if (!isDelta(answer)) return answer;
    const bytes = await decodeDelta(answer, last.bytes, inflate);
    return (await isContent(bytes, sha256)) ? bytes : undefined;
  } catch (error) {
    if (isProblem(error) && WHOLE_INSTEAD.has(error.code)) return undefined;
    throw error;
  }
}

/** A coordinator that has no differences, or sends none that can be read. */
const WHOLE_INSTEAD: ReadonlySet<string> = new Set([
  'routeUnknown',
  'invalidFormat',
  'invalidLength',
  'updateMalformed',
]);

async function isContent(bytes: Uint8Array, sha256: Sha256): Promise<boolean> {
  return toHex(await primitives.sha256(bytes)) === sha256;
}

/** Stops at the first byte too many: who sends little must not fill the memory. */
async function inflate(deflated: Uint8Array, length: number): Promise<Uint8Array> {
  const inflated = new Uint8Array(length);
  const source = new Blob([deflated as Uint8Array<ArrayBuffer>]).stream();
  const reader = source.pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  let filled = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (filled + next.value.length > length) {
      await reader.cancel().catch(() => {});
      throw new RangeError('more than was stated');
    }
    inflated.set(next.value, filled);
    filled += next.value.length;
  }
  return inflated.subarray(0, filled);
}

/** The last content of each series. */
class LatestContent {
  readonly #keptBytes: number;
  /** The least recently used comes first. */
  readonly #contents = new Map<string, Content>();
  #bytes = 0;

  constructor(keptBytes: number) {
    this.#keptBytes = keptBytes;
  }

  of(series: string): Content | undefined {
    return this.#contents.get(series);
  }

  keep(series: string, content: Content): void {
    this.#forget(series);
    this.#contents.set(series, content);
    this.#bytes += content.bytes.length;
    for (const oldest of this.#contents.keys()) {
      if (this.#bytes <= this.#keptBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(series: string): void {
    this.#bytes -= this.#contents.get(series)?.bytes.length ?? 0;
    this.#contents.delete(series);
  }
}
