/**
 * A body on its way in, judged piece by piece before all of it is there.
 *
 * What makes a piece malformed may be that it was altered on its way: then the sender is to hear that the body is not
 * the one it has signed (SPEC.md 4.4), and not that it sends malformed updates. Which of the two it is shows only at
 * the end, so after a refusal the rest is read as well, up to the size that was expected.
 */
import { createHash } from 'node:crypto';
import { HanseError, isProblem } from '../protocol/problem.ts';

export class SignedBody {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #sha256: string;
  readonly #limitBytes: number;
  readonly #buffer: Uint8Array | undefined;
  /** Where there is no buffer. */
  readonly #hash = createHash('sha256');
  #length = 0;

  /**
   * @param source attacker-controlled
   * @param sha256 that the sender has signed, hex
   * @param limitBytes of a body as it should be
   * @param buffer of that length, to be filled; absent: nothing is kept
   */
  constructor(
    source: AsyncIterable<Uint8Array> | Uint8Array,
    sha256: string,
    limitBytes: number,
    buffer?: Uint8Array,
  ) {
    this.#iterator = piecesOf(source)[Symbol.asyncIterator]();
    this.#sha256 = sha256;
    this.#limitBytes = limitBytes;
    this.#buffer = buffer;
  }

  /** Each piece as it comes. Who stops does not end the source: `close` does. */
  async *pieces(): AsyncIterable<Uint8Array> {
    for (let next = await this.#next(); next; next = await this.#next()) yield next;
  }

  /**
   * What to answer after this refusal: `hashMismatch` if the body is not the signed one, else the refusal.
   * Where the rest does not come, or goes on beyond the limit, that stays open, and the refusal stands.
   */
  async answerTo(refusal: unknown): Promise<unknown> {
    if (!isProblem(refusal, 'updateMalformed') && !isProblem(refusal, 'invalidLength')) return refusal;
    try {
      while (this.#length <= this.#limitBytes && (await this.#next()));
    } catch {
      return refusal;
    }
    if (this.#length > this.#limitBytes) return refusal;
    if (this.#buffer) this.#hash.update(this.#buffer.subarray(0, this.#length));
    const got = this.#hash.digest('hex');
    if (got === this.#sha256) return refusal;
    return new HanseError('hashMismatch', { what: 'body', expected: this.#sha256, got }, { cause: refusal });
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#iterator.next();
    if (done) return undefined;
    const piece: Uint8Array = value;
    const end = this.#length + piece.length;
    if (!this.#buffer) this.#hash.update(piece);
    else if (end <= this.#buffer.length) this.#buffer.set(piece, this.#length);
    this.#length = end;
    return piece;
  }
}

async function* piecesOf(source: AsyncIterable<Uint8Array> | Uint8Array): AsyncIterable<Uint8Array> {
  if (source instanceof Uint8Array) yield source;
  else yield* source;
}
