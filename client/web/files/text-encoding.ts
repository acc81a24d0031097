/**
 * The text in the bytes of a file of unknown origin. WHATWG Encoding Standard.
 *
 * A byte order mark decides; without one, what is UTF-8 to the last byte is taken for it, as other texts hardly ever are
 * by accident; else GB18030, of which GBK and GB2312 are parts, if all of it is. That last is a guess, and said to be.
 */
import { HanseError } from '../../../protocol/problem.ts';
import type { PreviewNote } from '../data-preview.ts';

export interface DecodedText {
  readonly text: string;
  readonly notes: readonly PreviewNote[];
}

const MARKS: readonly (readonly [encoding: string, mark: readonly number[]])[] = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];

/**
 * @param bytes attacker-controlled
 * @param asked an encoding by a label of the standard; absent: guessed
 * @throws `dataMalformed` where the bytes are not of the encoding, or of none that is known
 */
export function decodeText(bytes: Uint8Array, file: string, asked?: string): DecodedText {
  const marked = MARKS.find(([, mark]) => mark.every((byte, i) => bytes[i] === byte));
  const mark: PreviewNote[] = marked ? [{ type: 'byteOrderMark' }] : [];
  if (asked !== undefined) {
    const text = decoded(bytes, asked);
    if (text === undefined) throw malformed(file, `it is not ${asked}`);
    return { text, notes: [...mark, { type: 'encoding', encoding: asked, isGuess: false }] };
  }
  for (const encoding of marked ? [marked[0]] : ['utf-8', 'gb18030']) {
    const text = decoded(bytes, encoding);
    if (text === undefined || looksBinary(text)) continue;
    const isGuess = encoding === 'gb18030';
    return { text, notes: [...mark, { type: 'encoding', encoding: isGuess ? 'gbk' : encoding, isGuess }] };
  }
  throw malformed(file, 'it is text neither in UTF-8 nor in GBK: choose its encoding, or save it as UTF-8');
}

/** Undefined where the bytes do not fit. */
function decoded(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** No table holds the zero character. */
function looksBinary(text: string): boolean {
  return text.includes('\0');
}

function malformed(file: string, reason: string): HanseError {
  return new HanseError('dataMalformed', { file, reason });
}
