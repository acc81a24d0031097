/**
 * Bytes that do not show themselves: in logs, JSON and error messages they read `[secret]`.
 */

export class Secret {
  readonly #bytes: Uint8Array;

  /** Takes the bytes over: the caller keeps no other reference. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes themselves, not a copy; for the one place that uses them. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** Overwrites the bytes. JavaScript cannot promise that no copy remains elsewhere in memory. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
