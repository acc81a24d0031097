/**
 * A node as witness of the log of its coordinator: C2SP tlog-witness, over the connection that the node has opened. It is shown a
 * checkpoint, and makes from the tiles the proof that it goes on from the one cosigned before; what it has decided is durable before
 * its cosignature leaves, and nothing else is decided meanwhile. SPEC.md 13.3, 13.13.
 */
import { readCheckpoint } from '../protocol/audit/checkpoint.ts';
import { cosign } from '../protocol/audit/cosignature.ts';
import { signatureLine } from '../protocol/audit/signed-note.ts';
import type { Tile } from '../protocol/audit/tile.ts';
import { consistencyProofOf } from '../protocol/audit/tile-tree.ts';
import { parseVerifierKey, type VerifierKey } from '../protocol/audit/verifier-key.ts';
import { decideWitness } from '../protocol/audit/witness.ts';
import type { Clock } from '../protocol/clock.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import type { WitnessMemory } from './witness-file.ts';

/** The log, as its coordinator serves it; attacker-controlled. */
export interface WitnessedLog {
  /** Asked for once: what it is the first time is pinned. */
  verifierKey(signal?: AbortSignal): Promise<string>;
  /** Of hashes. */
  tile(tile: Tile, signal?: AbortSignal): Promise<Uint8Array>;
}

export interface LogWitnessOptions {
  readonly log: WitnessedLog;
  /** Of type `cosignature`, that of the signer. */
  readonly key: VerifierKey;
  readonly signer: Signer;
  readonly memory: WitnessMemory;
  readonly clock: Clock;
}

export interface Cosignature {
  /** Of the checkpoint, in entries. */
  readonly size: number;
  /** A line of a note, with its line end. */
  readonly line: string;
}

export class LogWitness {
  readonly #options: LogWitnessOptions;
  /** One after the other: between reading and writing nothing else is decided. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LogWitnessOptions) {
    this.#options = options;
  }

  /**
   * @param note a checkpoint, attacker-controlled
   * @param signal ends asking for key and tiles
   * @throws logForked if it does not go on from the one before, with both of them as evidence: also if it is smaller, as that of a
   *   log which was put back; noteMalformed, checkpointMalformed, originUnknown, noteUnsigned, verifierKeyInvalid; tileMalformed, and
   *   what asking for tiles and the memory throw. Then nothing is cosigned
   */
  witness(note: string, signal?: AbortSignal): Promise<Cosignature> {
    const turn = this.#turn.then(() => this.#witness(note, signal));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #witness(note: string, signal: AbortSignal | undefined): Promise<Cosignature> {
    const { log, key, signer, memory, clock } = this.#options;
    const remembered = await memory.read();
    const logKey = remembered?.logKey ?? (await log.verifierKey(signal));
    const pinned = await parseVerifierKey(logKey);
    const { origin, size } = await readCheckpoint(note, pinned);
    const last = remembered?.last;
    const oldSize = last?.size ?? 0;
    if (last && size < oldSize)
      throw new HanseError('logForked', { origin, oldSize, size, evidence: [last.checkpoint, note] });
    const proof =
      oldSize === 0 ? [] : await consistencyProofOf((tile) => log.tile(tile, signal), oldSize, size);
    const { next, checkpoint } = await decideWitness(last, { oldSize, proof, checkpoint: note }, [pinned]);
    if (!last || size > oldSize) await memory.write({ logKey, last: next });
    const seconds = Math.floor(clock.now() / 1000);
    return { size, line: signatureLine(await cosign(checkpoint.note.text, key, signer, seconds)) };
  }
}
