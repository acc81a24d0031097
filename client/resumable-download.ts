/**
 * Content of any size over connections that break: what has arrived stays, and the rest is asked for. RFC 9110, 13 and
 * 14; SPEC.md 9.3.
 *
 * All of it goes straight into one buffer. No length that an answer states is believed: it only says how much memory to
 * take at first, of what the caller permits, and what arrives is counted. Whether it is the content that was asked for
 * shows its hash, which the caller compares (`prepared-job.ts`).
 *
 * A request that brought something on is followed by the next at once. One that brought next to nothing ends the call;
 * what is there by then waits for a call that asks for the same content, which `retrying-coordinator.ts` makes.
 */
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { ExchangeAnswer } from './exchange.ts';

/** A connection that brings less than that before it breaks is no progress: pauses are in order. */
const PROGRESS_BYTES = 65_536;

/** Memory for content whose length nobody has stated. */
const FIRST_BYTES = 65_536;

/** Headers to add to a request. */
type Headers = Readonly<Record<string, string>>;

export interface Download {
  /** Names the content among others that may be asked for. */
  readonly key: string;
  /** The most that is taken into memory. */
  readonly limitBytes: number;
  /** Sends the request, signed afresh. Throws the problem of an answer that is none of success. */
  ask(headers: Headers): Promise<ExchangeAnswer>;
  /** What a broken connection is called. */
  broken(error: unknown): HanseError;
  readonly signal?: AbortSignal | undefined;
}

/** What has arrived of a content that is not there yet. */
interface Arrived {
  readonly key: string;
  /** Of what is being fetched; opaque. */
  etag: string | undefined;
  bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

export class ResumableDownloads {
  /** The last one that broke off. */
  #waiting: Arrived | undefined;

  /**
   * The whole content; it belongs to the caller.
   * @throws what `ask` throws; `coordinatorMisbehaved` for more than is permitted, or for a part that was not asked for
   */
  async fetch(download: Download): Promise<Uint8Array<ArrayBuffer>> {
    const { key, broken, signal } = download;
    const arrived = this.#take(key);
    for (;;) {
      const before = arrived.filled;
      try {
        await receive(arrived, await this.#ask(download, arrived), download.limitBytes);
        const { bytes, filled } = arrived;
        return filled === bytes.length ? bytes : bytes.slice(0, filled);
      } catch (error) {
        const problem = error instanceof HanseError ? error : broken(error);
        if (isProblem(problem, 'coordinatorMisbehaved')) throw problem;
        if (arrived.filled > 0 && arrived.etag !== undefined) this.#waiting = arrived;
        const hasProgressed = arrived.filled - before >= PROGRESS_BYTES && !signal?.aborted;
        if (!isProblem(problem, 'coordinatorUnreachable') || !hasProgressed) throw problem;
        this.#waiting = undefined; // it is ours again
      }
    }
  }

  async #ask({ ask }: Download, arrived: Arrived): Promise<ExchangeAnswer> {
    const { filled, etag } = arrived;
    if (filled === 0 || etag === undefined) return ask({});
    try {
      return await ask({ range: `bytes=${filled}-`, 'if-range': etag });
    } catch (error) {
      if (!isProblem(error, 'rangeInvalid')) throw error;
      arrived.filled = 0; // what is there cannot be a beginning of it
      return ask({});
    }
  }

  /** A content that two ask for at once is fetched twice: they may have different limits. */
  #take(key: string): Arrived {
    const waiting = this.#waiting;
    if (waiting?.key !== key) return { key, etag: undefined, bytes: new Uint8Array(0), filled: 0 };
    this.#waiting = undefined;
    return waiting;
  }
}

async function receive(arrived: Arrived, answer: ExchangeAnswer, limitBytes: number): Promise<void> {
  const start = startOf(answer, arrived);
  arrived.etag = answer.header('etag');
  arrived.filled = start;
  const stated = start + Number(answer.header('content-length') ?? FIRST_BYTES);
  grow(arrived, stated <= limitBytes ? stated : Math.min(limitBytes, start + FIRST_BYTES));
  for await (const piece of answer.pieces()) {
    const end = arrived.filled + piece.length;
    if (end > limitBytes) throw misbehaved(`an answer of more than ${limitBytes} bytes`);
    if (end > arrived.bytes.length) grow(arrived, Math.min(limitBytes, 2 * end));
    arrived.bytes.set(piece, arrived.filled);
    arrived.filled = end;
  }
}

/** Where what the answer brings belongs. */
function startOf(answer: ExchangeAnswer, { etag, filled }: Arrived): number {
  if (answer.status !== 206) return 0;
  const [, start] = /^bytes (\d{1,16})-\d{1,16}\/\d{1,16}$/.exec(answer.header('content-range') ?? '') ?? [];
  if (filled > 0 && Number(start) === filled && answer.header('etag') === etag) return filled;
  throw misbehaved('a part that was not asked for');
}

function grow(arrived: Arrived, length: number): void {
  if (length <= arrived.bytes.length) return;
  const larger = new Uint8Array(length);
  larger.set(arrived.bytes.subarray(0, arrived.filled));
  arrived.bytes = larger;
}

function misbehaved(what: string): HanseError<'coordinatorMisbehaved'> {
  return new HanseError('coordinatorMisbehaved', { what });
}
