/**
 * Words as numbers, without a dictionary that participants would have to share: the hashing trick of Weinberger et
 * al., ICML 2009. Token 0 is padding; a word is 1 + FNV-1a(word) mod (V - 1).
 *
 * FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
 */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export interface TokenizerOptions {
  /** V >= 2: tokens are in 0..V-1. */
  readonly vocabulary: number;
  /** Tokens of one text; longer ones are cut, shorter ones padded with 0. */
  readonly length: number;
}

/** Words are runs of Latin letters, two to twenty of them, in lower case. Linear in the length of the text. */
export function tokenize(text: string, { vocabulary, length }: TokenizerOptions): Int32Array {
  const tokens = new Int32Array(length);
  let count = 0;
  for (const [word] of text.toLowerCase().matchAll(/[a-z]+/g)) {
    if (count === length) break;
    if (word.length < 2 || word.length > 20) continue;
    tokens[count] = 1 + (fnv1a(word) % (vocabulary - 1));
    count += 1;
  }
  return tokens;
}

/** @param word of ASCII characters */
function fnv1a(word: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < word.length; at += 1) hash = Math.imul(hash ^ word.charCodeAt(at), FNV_PRIME) >>> 0;
  return hash;
}
