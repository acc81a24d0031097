/**
 * Whether the salts that were handed over with a log are those of its salted fields: SPEC.md 13.5, 13.8. They come in the order of
 * entries, and are compared as entries go by. Nobody has signed them: what they open is signed.
 */
import { type Static, Type } from 'typebox';
import { Salted } from '../../schemas/audit-event.ts';
import { fromHex } from '../bytes.ts';
import { parse } from '../parse.ts';
import { HanseError, isProblem } from '../problem.ts';
import type { Findings } from './findings.ts';
import { isOf } from './salted-field.ts';

/** A line of `salts.jsonl`. */
export const SaltLine = Type.Object(
  {
    /** Of the entry. */
    index: Type.Integer({ minimum: 0 }),
    /** RFC 6901, within the entry. */
    pointer: Type.String({ maxLength: 1000 }),
    /** Hex, 16 bytes. */
    salt: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    /** JCS. */
    value: Type.String(),
  },
  { additionalProperties: false },
);
export type SaltLine = Static<typeof SaltLine>;

export class SaltAudit {
  readonly #lines: AsyncIterator<unknown>;
  readonly #findings: Findings;
  #next: SaltLine | undefined;
  #isEnded = false;

  /** @param lines of JSON; attacker-controlled */
  constructor(lines: AsyncIterable<unknown>, findings: Findings) {
    this.#lines = lines[Symbol.asyncIterator]();
    this.#findings = findings;
  }

  /** Compares what belongs to this entry. @param bytes of the entry, JSON @returns what holds */
  async add(leaf: number, bytes: Uint8Array): Promise<readonly SaltLine[]> {
    const held: SaltLine[] = [];
    for (let line = await this.#peek(); line && line.index <= leaf; line = await this.#peek()) {
      this.#next = undefined;
      if (line.index === leaf && (await isSaltOf(line, bytes))) {
        held.push(line);
        continue;
      }
      const { index, pointer } = line;
      this.#findings.add(new HanseError('saltMismatch', { pointer: pointer.slice(0, 200) }), index);
    }
    return held;
  }

  /** When all entries have gone by: there is nothing left. */
  async end(): Promise<void> {
    const line = await this.#peek();
    if (!line) return;
    const { index, pointer } = line;
    this.#findings.add(new HanseError('saltMismatch', { pointer: pointer.slice(0, 200) }), index);
  }

  /** Ends the reading of lines, wherever it is. */
  async close(): Promise<void> {
    await this.#lines.return?.();
  }

  /** Undefined at the end, and after a line that is none, which is told once. */
  async #peek(): Promise<SaltLine | undefined> {
    if (this.#next || this.#isEnded) return this.#next;
    try {
      const { done, value } = await this.#lines.next();
      this.#isEnded = done === true;
      this.#next = done ? undefined : parse(SaltLine, value, 'salt');
    } catch (error) {
      this.#isEnded = true;
      this.#findings.add(error);
    }
    return this.#next;
  }
}

export async function isSaltOf({ pointer, salt, value }: SaltLine, bytes: Uint8Array): Promise<boolean> {
  let at: unknown = JSON.parse(new TextDecoder().decode(bytes));
  for (const name of pointer.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return false;
    at = (at as Record<string, unknown>)[name];
  }
  try {
    const hash = parse(Salted, at, 'salted field');
    return await isOf(hash, { salt: fromHex(salt) ?? new Uint8Array(), value });
  } catch (error) {
    if (isProblem(error, 'invalidFormat')) return false;
    throw error;
  }
}
