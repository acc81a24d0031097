/**
 * What a log says of itself: its name, how many leaves it has, and their root. C2SP tlog-checkpoint.
 *
 *   <origin>\n<size>\n<base64 of the root>\n
 *
 * Lines beyond these three are permitted to others; we write none, and keep those of others as they are, for they are signed.
 */
import { fromBase64, toBase64 } from '../bytes.ts';
import type { Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { checkNote, formatNote, parseNote, type SignedNote, signText } from './signed-note.ts';
import type { VerifierKey } from './verifier-key.ts';

export interface TreeHead {
  /** In leaves; 0 or more. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

export interface Checkpoint extends TreeHead {
  /** Which log. */
  readonly origin: string;
  readonly note: SignedNote;
}

export function checkpointText(origin: string, { size, root }: TreeHead): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Signed by the key of the log, whose name is its origin. */
export async function signCheckpoint(head: TreeHead, key: VerifierKey, signer: Signer): Promise<string> {
  const text = checkpointText(key.name, head);
  return formatNote({ text, signatures: [await signText(text, key, signer)] });
}

/**
 * Without a look at who has signed it.
 * @param note attacker-controlled
 * @throws noteMalformed, checkpointMalformed
 */
export function parseCheckpoint(note: string): Checkpoint {
  const parsed = parseNote(note);
  const [origin = '', digits = '', base64 = '', ...more] = parsed.text.slice(0, -1).split('\n');
  const size = parseSize(digits);
  const root = fromBase64(base64);
  if (origin === '' || size === undefined || root?.length !== 32 || more.includes(''))
    throw new HanseError('checkpointMalformed', { reason: 'not the lines of a checkpoint' });
  return { origin, size, root, note: parsed };
}

/**
 * One that the log has signed.
 * @param note attacker-controlled
 * @param key of the log, pinned
 * @throws noteMalformed, checkpointMalformed, originUnknown for another log, noteUnsigned
 */
export async function readCheckpoint(note: string, key: VerifierKey): Promise<Checkpoint> {
  const checkpoint = parseCheckpoint(note);
  if (checkpoint.origin !== key.name)
    throw new HanseError('originUnknown', {
      expected: key.name,
      got: checkpoint.origin.slice(0, 200),
    });
  await checkNote(checkpoint.note, [key]);
  return checkpoint;
}

/**
 * A number of leaves, in decimal digits without leading zeros. Undefined for anything else, and above 2^53 - 1: no log of ours
 * or of anybody grows to that.
 */
export function parseSize(digits: string): number | undefined {
  const size = /^(0|[1-9]\d{0,15})$/.test(digits) ? Number(digits) : Number.NaN;
  return Number.isSafeInteger(size) ? size : undefined;
}
