/**
 * A YAML text (1.2, core schema; JSON is a part of it) as a plain value, and the line of every place in it.
 *
 * Of YAML only what JSON can say: no anchors and aliases, no tags, no keys but text. So a value is a tree no larger than
 * its file, and means the same to every reader.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** A place as a JSON pointer (RFC 6901), and what is the matter there. Never the value. */
export interface PlacedFault {
  readonly pointer: string;
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

export interface PlacedValue {
  /** Undefined where the text is no YAML. */
  readonly value: unknown;
  /** Line of a place; of the innermost one around it that is there. */
  lineOf(pointer: string): number;
  readonly faults: readonly PlacedFault[];
}

export function parsePlacedYaml(text: string): PlacedValue {
  const lines = new LineCounter();
  const reader = new Reader(lines);
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      version: '1.2',
      schema: 'core',
      logLevel: 'error',
    });
    for (const { pos, message } of [...document.errors, ...document.warnings])
      reader.fault('', lines.linePos(pos[0]).line, `is no valid YAML: ${message}`);
    const value = document.errors.length > 0 ? undefined : reader.read(document.contents, '');
    return { value, lineOf: (pointer) => reader.lineOf(pointer), faults: reader.faults };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the stack: the text nests thousands of brackets
    return {
      value: undefined,
      lineOf: () => 1,
      faults: [{ pointer: '', line: 1, reason: 'is nested too deeply' }],
    };
  }
}

/** A step of a JSON pointer. */
export function pointerTo(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

class Reader {
  readonly faults: PlacedFault[] = [];
  readonly #lines: LineCounter;
  readonly #places = new Map<string, number>();

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  fault(pointer: string, line: number, reason: string): void {
    this.faults.push({ pointer, line, reason });
  }

  lineOf(pointer: string): number {
    for (let place = pointer; ; place = place.slice(0, place.lastIndexOf('/'))) {
      const line = this.#places.get(place);
      if (line !== undefined || place === '') return line ?? 1;
    }
  }

  read(node: unknown, pointer: string): unknown {
    if (node === null) return null;
    this.#note(node as Node, pointer);
    const { tag, anchor } = node as { tag?: string; anchor?: string };
    const isPlain = tag === undefined || tag === '!' || tag.startsWith('tag:yaml.org,2002:');
    if (isAlias(node) || anchor !== undefined || !isPlain)
      this.fault(pointer, this.lineOf(pointer), 'must be written out: no anchors, aliases and tags');
    if (isMap(node)) return this.#readMap(node.items, pointer);
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, pointerTo(pointer, index)));
    return isScalar(node) ? node.value : null;
  }

  #readMap(items: readonly { readonly key: unknown; readonly value: unknown }[], pointer: string): object {
    const entries: [string, unknown][] = [];
    for (const { key, value } of items) {
      if (!isScalar(key)) {
        this.fault(pointer, this.lineOf(pointer), 'must have text for keys');
        continue;
      }
      const place = pointerTo(pointer, String(key.value));
      const read = this.read(value, place);
      this.#note(key, place); // the line of the key, not that of what follows it
      entries.push([String(key.value), read]);
    }
    return Object.fromEntries(entries);
  }

  #note({ range }: Pick<Node, 'range'>, pointer: string): void {
    if (range) this.#places.set(pointer, this.#lines.linePos(range[0]).line);
  }
}
