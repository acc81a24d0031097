/**
 * Rows of an audit log that were asked for, each proved before anybody sees it: SPEC.md 13.14. Out of a folder or a data directory,
 * whose entries are all read; or page by page from a coordinator, whose index is believed to leave nothing out, and nothing else.
 */
import { primitives } from '#primitives';
import { type Checkpoint, readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { entriesOf } from '../../protocol/audit/entry-bundle.ts';
import { type EntryFacts, EntryFactsReader } from '../../protocol/audit/entry-facts.ts';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { formatLogProof } from '../../protocol/audit/log-proof.ts';
import type { LogSource } from '../../protocol/audit/log-source.ts';
import { provePage } from '../../protocol/audit/proven-page.ts';
import { compileQuery, isAskedFor } from '../../protocol/audit/query.ts';
import { isSaltOf, SaltLine } from '../../protocol/audit/salt-audit.ts';
import { TILE_WIDTH, tileAt } from '../../protocol/audit/tile.ts';
import { inclusionProofOf } from '../../protocol/audit/tile-tree.ts';
import type { Trust } from '../../protocol/audit/verify-head.ts';
import { readWitnessed } from '../../protocol/audit/witness-policy.ts';
import { isIncluded, leafHash } from '../../protocol/merkle.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { AuditConditions, AuditPage, AuditQuery } from '../../schemas/audit-query.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';

/** Of a proof of one row and of the entries that explain it. */
export interface ShownRow {
  readonly facts: EntryFacts;
  /** The canonical form. */
  readonly entry: string;
  /** A file of C2SP tlog-proof. */
  readonly proof: string;
}

/** @throws noteMalformed, checkpointMalformed, originUnknown, noteUnsigned, quorumMissing */
export async function readTrusted(note: string, { key, policy }: Trust): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(note, key);
  if (policy.witnesses.length > 0) await readWitnessed(note, policy);
  return checkpoint;
}

/**
 * Rows of a log that is at hand, from the first entry on. One reading of all of it.
 * @param source attacker-controlled
 * @throws what the source and `readTrusted` throw; proofInvalid, saltMismatch, leafMalformed
 */
export async function* rowsOfSource(
  source: LogSource,
  trust: Trust,
  conditions: AuditConditions,
): AsyncGenerator<ShownRow> {
  const asked = compileQuery(conditions);
  const note = await source.checkpoint();
  const checkpoint = await readTrusted(note, trust);
  const [reader, prover] = [new EntryFactsReader(), new Prover(source, checkpoint)];
  const salts = new Salts(source);
  try {
    for (let from = 0; from < checkpoint.size; from += TILE_WIDTH) {
      const bundle = await source.tile(tileAt('entries', from, checkpoint.size));
      const entries = [...entriesOf(bundle)].slice(0, checkpoint.size - from);
      for (const [at, bytes] of entries.entries()) {
        const index = from + at;
        const facts = reader.read(index, decodeLeaf(bytes), await salts.of(index, bytes));
        if (!isAskedFor(asked, facts)) continue;
        // What it is about was said by entries before it: those have to be in the log too.
        for (const place of reader.contextOf(facts, { most: Number.POSITIVE_INFINITY }))
          await prover.proveAt(place);
        const hashes = await prover.prove(index, bytes);
        yield {
          facts,
          entry: new TextDecoder().decode(bytes),
          proof: formatLogProof({ index, hashes, checkpoint: note }),
        };
      }
    }
  } finally {
    await salts.close();
  }
}

/** One page of a coordinator, proved. */
export interface ProvedPage {
  readonly checkpoint: Checkpoint;
  readonly note: string;
  readonly rows: readonly ShownRow[];
  readonly next: string | undefined;
}

/** @param api all that it answers is attacker-controlled. Throws what it throws, and as `provePage` and `readTrusted` */
export async function askCoordinator(
  api: CoordinatorApi,
  trust: Trust,
  query: AuditQuery,
): Promise<ProvedPage> {
  const page: AuditPage = await api.call('queryAudit', { query });
  const { checkpoint: note, next } = page;
  const checkpoint = await readTrusted(note, trust);
  const rows = await provePage(page, query, checkpoint);
  const shown = rows.map(({ facts, entry, hashes }) => ({
    ...{ facts, entry },
    proof: formatLogProof({ index: facts.index, hashes, checkpoint: note }),
  }));
  return { checkpoint, note, rows: shown, next };
}

/** Page after page, to the end. */
export async function* rowsOfCoordinator(
  api: CoordinatorApi,
  trust: Trust,
  query: AuditQuery,
): AsyncGenerator<ShownRow> {
  let cursor = query.cursor;
  for (;;) {
    const { rows, next } = await askCoordinator(api, trust, {
      ...query,
      ...(cursor !== undefined && { cursor }),
    });
    yield* rows;
    if (next === undefined) return;
    if (next === cursor) throw new HanseError('coordinatorMisbehaved', { what: 'pages that do not go on' });
    cursor = next;
  }
}

class Prover {
  readonly #source: LogSource;
  readonly #checkpoint: Checkpoint;
  readonly #proved = new Set<number>();

  constructor(source: LogSource, checkpoint: Checkpoint) {
    this.#source = source;
    this.#checkpoint = checkpoint;
  }

  async prove(index: number, bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    const { size, root } = this.#checkpoint;
    const proof = await inclusionProofOf((tile) => this.#source.tile(tile), index, size);
    if (
      !(await isIncluded(primitives, { leaf: await leafHash(primitives, bytes), index, size, proof }, root))
    )
      throw new HanseError('proofInvalid', { what: `that leaf ${index} is among ${size}` });
    this.#proved.add(index);
    return proof;
  }

  async proveAt(index: number): Promise<void> {
    if (this.#proved.has(index)) return;
    const bundle = await this.#source.tile(tileAt('entries', index, this.#checkpoint.size));
    const bytes = [...entriesOf(bundle)][index % TILE_WIDTH];
    await this.prove(index, bytes ?? new Uint8Array());
  }
}

/** What opens hidden fields, in the order of entries. */
class Salts {
  readonly #lines: AsyncIterator<unknown> | undefined;
  #next: SaltLine | undefined;

  constructor(source: LogSource) {
    this.#lines = source.salts?.()[Symbol.asyncIterator]();
  }

  async of(index: number, bytes: Uint8Array): Promise<ReadonlyMap<string, string>> {
    const opened = new Map<string, string>();
    for (let line = await this.#peek(); line && line.index <= index; line = await this.#peek()) {
      this.#next = undefined;
      const { pointer, value } = line;
      if (line.index !== index || !(await isSaltOf(line, bytes)))
        throw new HanseError('saltMismatch', { pointer: pointer.slice(0, 200) });
      opened.set(pointer, value);
    }
    return opened;
  }

  async close(): Promise<void> {
    await this.#lines?.return?.();
  }

  async #peek(): Promise<SaltLine | undefined> {
    if (this.#next || !this.#lines) return this.#next;
    const { done, value } = await this.#lines.next();
    this.#next = done ? undefined : parse(SaltLine, value, 'salt');
    return this.#next;
  }
}
