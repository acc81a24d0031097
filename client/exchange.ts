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
}

/** Rejects when there is no answer, or one that sends elsewhere: a redirection is never followed. */
export type Exchange = (request: ExchangeRequest) => Promise<ExchangeAnswer>;

export const fetchExchange: Exchange = async ({ url, method, headers, body, signal }) => {
  const response = await fetch(url, {
    method,
    headers,
    ...(body && { body: body as Uint8Array<ArrayBuffer> }),
    ...(signal && { signal }),
    redirect: 'error',
  });
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    bytes: (limitBytes) =>
      limitBytes === undefined
        ? response.arrayBuffer().then((buffer) => new Uint8Array(buffer))
        : readAtMost(response, limitBytes),
  };
};

async function readAtMost(response: Response, limitBytes: number): Promise<Uint8Array | undefined> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    length += next.value.length;
    if (length > limitBytes) {
      await reader?.cancel();
      return undefined;
    }
    parts.push(next.value);
  }
  return concatBytes(...parts);
}
