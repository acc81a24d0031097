/**
 * As much of Node's `Buffer` as suites of the protocol use, for a page in which they run. Oracles of tests, and no code of
 * the product, are written with it.
 */
type Encoding = 'utf8' | 'hex' | 'base64';

export class PageBuffer extends Uint8Array<ArrayBuffer> {
  static override from(given: Iterable<number> | ArrayLike<number> | string, encoding?: unknown): PageBuffer {
    const bytes =
      typeof given === 'string'
        ? bytesOf(given, encoding as Encoding)
        : Uint8Array.from(given as ArrayLike<number>);
    return new PageBuffer(bytes.buffer);
  }

  static alloc(length: number): PageBuffer {
    return new PageBuffer(new ArrayBuffer(length));
  }

  static override of(...values: number[]): PageBuffer {
    return PageBuffer.from(values);
  }

  static concat(parts: readonly Uint8Array[]): PageBuffer {
    return PageBuffer.from(parts.flatMap((part) => [...part]));
  }

  equals(other: Uint8Array): boolean {
    return this.length === other.length && this.every((value, i) => value === other[i]);
  }

  override toString(encoding: Encoding = 'utf8'): string {
    switch (encoding) {
      case 'hex':
        return Array.from(this, (value) => value.toString(16).padStart(2, '0')).join('');
      case 'base64':
        return btoa(String.fromCharCode(...this));
      default:
        return new TextDecoder().decode(this);
    }
  }
}

function bytesOf(text: string, encoding: Encoding = 'utf8'): Uint8Array<ArrayBuffer> {
  switch (encoding) {
    case 'hex':
      return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    case 'base64':
      return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    default:
      return new TextEncoder().encode(text);
  }
}

Object.assign(globalThis, { Buffer: PageBuffer });
