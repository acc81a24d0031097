/**
 * One HTTP request and its answer: what `http-coordinator.ts` asks of a platform. This one is made with `fetch` and runs
 * everywhere; `node-exchange.ts` costs a third of it on Node.
 */
import { concatBytes } from '../protocol/bytes.ts';

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
    silence.limit(idleMs + (body?.length ?? 0) / SLOWEST_BYTES_PER_MS);
    try {
      const response = await fetch(url, {
        method,
        headers,
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
        signal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal,
        redirect: 'error',
      });
      silence.limit(idleMs);
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        bytes: (limitBytes = Number.POSITIVE_INFINITY) =>
          readAtMost(response, limitBytes, () => silence.limit(idleMs)).finally(() => silence.end()),
        pieces: () => piecesOf(response, silence, idleMs),
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
  arrived: () => void,
): Promise<Uint8Array | undefined> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    arrived();
    length += next.value.length;
    if (length > limitBytes) {
      await reader?.cancel();
      return undefined;
    }
    parts.push(next.value);
  }
  return concatBytes(...parts);
}

async function* piecesOf(response: Response, silence: Silence, idleMs: number): AsyncIterable<Uint8Array> {
  const reader = response.body?.getReader();
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      silence.limit(idleMs);
      yield next.value;
    }
  } finally {
    silence.end();
    await reader?.cancel().catch(() => {}); // of one that broke, there is nothing to cancel
  }
}
