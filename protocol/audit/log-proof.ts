/**
 * A file that proves offline that something stands in a log: C2SP tlog-proof. The name of such a file ends in `.tlog-proof`.
 *
 *   c2sp.org/tlog-proof@v1\n[extra <base64>\n]index <index>\n<hash>\n...\n\n<checkpoint>
 */
import { primitives } from '#primitives';
import { fromBase64, toBase64 } from '../bytes.ts';
import { isIncluded, leafHash } from '../merkle.ts';
import { HanseError } from '../problem.ts';
import { type Checkpoint, parseSize, readCheckpoint } from './checkpoint.ts';
import type { VerifierKey } from './verifier-key.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';
/** Hashes from a leaf to the root, at most. */
const HASHES_MAX = 63;

export interface LogProof {
  /** Of the leaf, from 0 on. */
  readonly index: number;
  /** From the bottom to the top, 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
  /** A signed note, as it is. */
  readonly checkpoint: string;
  /** Whatever the application puts beside it; nobody has signed it. */
  readonly extra?: Uint8Array;
}

export function formatLogProof({ index, hashes, checkpoint, extra }: LogProof): string {
  const lines = [
    HEADER,
    ...(extra ? [`extra ${toBase64(extra)}`] : []),
    `index ${index}`,
    ...hashes.map(toBase64),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/**
 * @param file attacker-controlled
 * @throws logProofMalformed; what stands in its checkpoint is not looked at
 */
export function parseLogProof(file: string): LogProof {
  const end = file.indexOf('\n\n');
  const [header, ...lines] = file.slice(0, Math.max(0, end)).split('\n');
  if (header !== HEADER) throw malformed('no first line of a proof');
  const extraLine = lines[0]?.startsWith('extra ') ? lines.shift() : undefined;
  const extra = extraLine === undefined ? undefined : fromBase64(extraLine.slice('extra '.length));
  if (extraLine !== undefined && extra === undefined) throw malformed('extra data that are not base64');
  const [indexLine = '', ...hashLines] = lines;
  const index = indexLine.startsWith('index ') ? parseSize(indexLine.slice('index '.length)) : undefined;
  const hashes = parseHashes(hashLines);
  if (index === undefined) throw malformed('no index');
  if (hashes === undefined) throw malformed('a line that is no hash, or too many of them');
  return {
    index,
    hashes,
    checkpoint: file.slice(end + 2),
    ...(extra && { extra }),
  };
}

/** Hashes of a proof, one a line; undefined if one is none, or there are more than a log can need. */
export function parseHashes(lines: readonly string[]): readonly Uint8Array[] | undefined {
  if (lines.length > HASHES_MAX) return undefined;
  const hashes = lines.map(fromBase64).filter((hash) => hash?.length === 32) as Uint8Array[];
  return hashes.length === lines.length ? hashes : undefined;
}

/**
 * That the content is the leaf of this index in the log that the key is of.
 * @param proof attacker-controlled
 * @returns the checkpoint in which it is; who else has signed it is for the caller to ask (`witness-policy.ts`)
 * @throws originUnknown, noteMalformed, noteUnsigned, checkpointMalformed; proofInvalid
 */
export async function checkLogProof(
  content: Uint8Array,
  { index, hashes, checkpoint }: LogProof,
  key: VerifierKey,
): Promise<Checkpoint> {
  const read = await readCheckpoint(checkpoint, key);
  const leaf = await leafHash(primitives, content);
  const { size, root } = read;
  if (!(await isIncluded(primitives, { leaf, index, size, proof: hashes }, root)))
    throw new HanseError('proofInvalid', { what: `that leaf ${index} is among ${size}` });
  return read;
}

function malformed(reason: string): HanseError<'logProofMalformed'> {
  return new HanseError('logProofMalformed', { reason });
}
