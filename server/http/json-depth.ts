/**
 * How deep a JSON text is nested, found without building it: a megabyte of brackets becomes half a million arrays,
 * which cost a coordinator some tenths of a second before any schema can refuse them.
 */

/** Far more than any message has. */
export const MOST_LEVELS = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const CURLY = 0x20;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** @param text UTF-8, attacker-controlled; of one that is no JSON the answer means nothing */
export function isDeeperThan(levels: number, text: Uint8Array): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] as number;
    if (isInString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if ((byte & ~CURLY) === OPEN) {
      depth += 1;
      if (depth > levels) return true;
    } else if ((byte & ~CURLY) === CLOSE) depth -= 1;
  }
  return false;
}
