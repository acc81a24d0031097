/**
 * One HTTP request and its answer: what `http-coordinator.ts` asks of a platform. This one is made with `fetch` and runs
 * everywhere; `node-exchange.ts` costs a third of it on Node.
 */
import { concatBytes } from '../protocol/bytes.ts';
import { unlessAborted } from './unless-aborted.ts';

export interface ExchangeRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Ends the exchange, also while the body of the answer is read. */
  readonly signal?: AbortSignal;
}

/** All of it is attacker-controlled. */
export interface ExchangeAnswer {
  readonly status: number;
  /** @param name in lower case */
  header(name: string): string | undefined;
  /**
   * The body, which can be read once and belongs to the caller. Undefined as soon as it is longer than `limitBytes`; the
   * rest is not read. Rejects when the connection breaks.
   */
  bytes(limitBytes?: number): Promise<Uint8Array | undefined>;
  /**
   * The body piece by piece, in place of `bytes`; a piece is valid until the next one is asked for. Who stops breaks the
   * connection. Rejects when the connection breaks: pieces that came before are what was sent.
   */
  pieces(): AsyncIterable<Uint8Array>;
}

/** Rejects when there is no answer, or one that sends elsewhere: a redirection is never followed. */
export type Exchange = (request: ExchangeRequest) => Promise<ExchangeAnswer>;

/**
 * How long nothing at all may come before the other side counts as gone: twice as long as a coordinator may hold a
 * request (SPEC.md 9.1). A connection that was cut without a word says nothing for ever.
 */
export const IDLE_MS = 60_000;

/** `fetch` does not tell how far a body has got on its way: so much longer may a long one take. */
const SLOWEST_BYTES_PER_MS = 8;

export const fetchExchange: Exchange = fetchExchangeWithin(IDLE_MS);

/** @param idleMs longest silence */
export function fetchExchangeWithin(idleMs: number): Exchange {
  return async ({ url, method, headers, body, signal }) => {
    const silence = new Silence();
    const ended = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
    silence.limit(idleMs + (body?.length ?? 0) / SLOWEST_BYTES_PER_MS);
    try {
      const fetched = fetch(url, {
        method,
        headers,
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
        signal: ended,
        redirect: 'error',
        // Whoever runs a node in a page may be signed in there: a request has one of the two.
        credentials: 'omit',
      });
      const response = await unlessAborted(fetched, ended);
      silence.limit(idleMs);
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        bytes: (limitBytes = Number.POSITIVE_INFINITY) =>
          readAtMost(response, limitBytes, ended, () => silence.limit(idleMs)).finally(() => silence.end()),
        pieces: () => piecesOf(response, ended, silence, idleMs),
      };
    } catch (error) {
      silence.end();
      throw error;
    }
  };
}

/** Aborts its signal when nothing has put it off for long enough. */
class Silence {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  limit(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(silent(milliseconds)), milliseconds);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Why an exchange was given up. */
export function silent(milliseconds: number): Error {
  return new Error(`nothing came for ${Math.round(milliseconds / 1000)} s`);
}

async function readAtMost(
  response: Response,
  limitBytes: number,
  ended: AbortSignal,
  arrived: () => void,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bodyOf(response, ended)) {
    arrived();
    length += piece.length;
    if (length > limitBytes) return undefined;
    parts.push(piece);
  }
  return concatBytes(...parts);
}

async function* piecesOf(
  response: Response,
  ended: AbortSignal,
  silence: Silence,
  idleMs: number,
): AsyncIterable<Uint8Array> {
  try {
    for await (const piece of bodyOf(response, ended)) {
      silence.limit(idleMs);
      yield piece;
    }
  } finally {
    silence.end();
  }
}

/**
 * Ends with the signal by itself: the `fetch` of Node hears of it no more once the request has been collected as garbage, which may
 * happen as soon as the answer has begun.
 */
async function* bodyOf(response: Response, ended: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const read = () => unlessAborted(reader.read(), ended);
  try {
    for (let next = await read(); !next.done; next = await read()) yield next.value;
  } finally {
    reader.cancel().catch(() => {}); // of one that broke, there is nothing to cancel
  }
}
