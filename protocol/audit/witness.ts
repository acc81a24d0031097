/**
 * What a witness is asked and decides: C2SP tlog-witness, `add-checkpoint`. Pure: whoever runs a witness gives it what it
 * has cosigned last, stores what it decides, and only then hands out its cosignature. Between reading and storing nothing else
 * may be decided for the same log.
 *
 *   old <size>\n<hash>\n...\n\n<checkpoint>
 */
import { primitives } from '#primitives';
import { equalBytes, toBase64 } from '../bytes.ts';
import { isConsistent } from '../merkle-consistency.ts';
import { HanseError } from '../problem.ts';
import { type Checkpoint, parseCheckpoint, parseSize, type TreeHead } from './checkpoint.ts';
import { parseHashes } from './log-proof.ts';
import { checkNote } from './signed-note.ts';
import type { VerifierKey } from './verifier-key.ts';

export interface WitnessRequest {
  /** Of the checkpoint that the witness is thought to have cosigned last; 0: of none. */
  readonly oldSize: number;
  /** That the checkpoint goes on from that one, RFC 6962, 2.1.2; none from 0. */
  readonly proof: readonly Uint8Array[];
  /** A signed note, as it is. */
  readonly checkpoint: string;
}

export function formatWitnessRequest({ oldSize, proof, checkpoint }: WitnessRequest): string {
  return `${[`old ${oldSize}`, ...proof.map(toBase64)].join('\n')}\n\n${checkpoint}`;
}

/**
 * @param body attacker-controlled
 * @throws witnessRequestMalformed; the checkpoint is not looked at
 */
export function parseWitnessRequest(body: string): WitnessRequest {
  const end = body.indexOf('\n\n');
  const [first = '', ...lines] = body.slice(0, Math.max(0, end)).split('\n');
  const oldSize = first.startsWith('old ') ? parseSize(first.slice('old '.length)) : undefined;
  const proof = parseHashes(lines);
  if (oldSize === undefined || proof === undefined) throw new HanseError('witnessRequestMalformed');
  return { oldSize, proof, checkpoint: body.slice(end + 2) };
}

/** The last checkpoint of a log that a witness has cosigned. */
export interface Witnessed extends TreeHead {
  /** With the signature of the log: evidence, should the log ever sign another one. */
  readonly checkpoint: string;
}

export interface WitnessDecision {
  /** What is to be stored, and then to be cosigned. */
  readonly next: Witnessed;
  readonly checkpoint: Checkpoint;
}

/**
 * @param last undefined if none was cosigned
 * @param request attacker-controlled
 * @param logs trusted, by their keys
 * @throws noteMalformed, checkpointMalformed; originUnknown (404); noteUnsigned (403); witnessRequestMalformed (400);
 *   witnessBehind (409) if it is about another old size; logForked (422) if the checkpoint does not go on from the last one,
 *   with both of them as evidence
 */
export async function decideWitness(
  last: Witnessed | undefined,
  { oldSize, proof, checkpoint: note }: WitnessRequest,
  logs: readonly VerifierKey[],
): Promise<WitnessDecision> {
  const checkpoint = parseCheckpoint(note);
  const { origin, size, root } = checkpoint;
  const keys = logs.filter(({ name }) => name === origin);
  if (keys.length === 0)
    throw new HanseError('originUnknown', {
      expected: logs.map(({ name }) => name).join(', '),
      got: origin.slice(0, 200),
    });
  await checkNote(checkpoint.note, keys);
  if (oldSize > size) throw new HanseError('witnessRequestMalformed');
  const known = last ?? { size: 0, root: await emptyRoot(), checkpoint: '' };
  if (oldSize !== known.size) throw new HanseError('witnessBehind', { size: known.size });

  const forked = () =>
    new HanseError('logForked', { origin, oldSize: known.size, size, evidence: [known.checkpoint, note] });
  if (size === 0 && !equalBytes(root, await emptyRoot())) throw forked();
  const goesOn =
    oldSize === 0
      ? proof.length === 0
      : await isConsistent(primitives, { oldSize, oldRoot: known.root, size, root, proof });
  if (!goesOn) throw forked();
  return { next: { size, root, checkpoint: note }, checkpoint };
}

function emptyRoot(): Promise<Uint8Array> {
  return primitives.sha256(new Uint8Array());
}
