/**
 * The receiving end of an answer that does not end: values that somebody pushes, in their order, until it ends or
 * breaks. What came before is read first.
 */
export class StreamEnd implements AsyncIterable<unknown> {
  /** Called once, when the reader stops before the end. */
  onClose: () => void = () => {};
  readonly #values: unknown[] = [];
  #isOver = false;
  #failure: { readonly error: unknown } | undefined;
  #arrived = () => {};

  push(value: unknown): void {
    if (this.#isOver) return;
    this.#values.push(value);
    this.#arrived();
  }

  end(): void {
    this.#isOver = true;
    this.#arrived();
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    try {
      for (;;) {
        while (this.#values.length > 0) yield this.#values.shift();
        if (this.#failure) throw this.#failure.error;
        if (this.#isOver) return;
        await new Promise<void>((resolve) => {
          this.#arrived = resolve;
        });
      }
    } finally {
      if (!this.#isOver) this.onClose();
    }
  }
}
