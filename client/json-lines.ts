/**
 * Values of JSON, one a line, out of bytes that come in pieces of any size.
 */
import { HanseError } from '../protocol/problem.ts';

const NEWLINE = 0x0a;

/**
 * Yields each line that a newline ends, without it; what comes after the last newline was cut off and is dropped.
 * @param parts attacker-controlled
 * @throws `invalidFormat` for a line of more than `limitBytes`, one that is not UTF-8 or no JSON; nothing of it is told
 */
export async function* jsonLines(
  parts: AsyncIterable<Uint8Array>,
  limitBytes: number,
): AsyncGenerator<unknown, void, undefined> {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  for await (const part of parts) {
    let start = 0;
    for (let end = part.indexOf(NEWLINE); end >= 0; end = part.indexOf(NEWLINE, start)) {
      if (begunBytes + end - start > limitBytes) throw tooLong(limitBytes);
      yield parsed([...begun, part.subarray(start, end)]);
      begun = [];
      begunBytes = 0;
      start = end + 1;
    }
    begun.push(part.slice(start));
    begunBytes += part.length - start;
    if (begunBytes > limitBytes) throw tooLong(limitBytes);
  }
}

function parsed(pieces: readonly Uint8Array[]): unknown {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return JSON.parse(
      pieces.map((piece) => decoder.decode(piece, { stream: true })).join('') + decoder.decode(),
    );
  } catch {
    throw new HanseError('invalidFormat', { where: 'line', expected: 'JSON in UTF-8' });
  }
}

function tooLong(limitBytes: number): HanseError {
  return new HanseError('invalidFormat', { where: 'line', expected: `at most ${limitBytes} bytes` });
}
