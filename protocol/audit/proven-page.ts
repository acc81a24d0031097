/**
 * Whether a page of answers is what was asked for: each entry in the log by its proof, each opened field what its hash is of, and
 * each row one that the query asks for, by facts that are made here. SPEC.md 13.14.
 *
 * That nothing was left out, a page does not prove: whoever wants to know that reads the whole log.
 */

import { primitives } from '#primitives';
import type { AuditPage, AuditQuery, ProvenEntry } from '../../schemas/audit-query.ts';
import { fromBase64, fromHex, utf8 } from '../bytes.ts';
import { isIncluded, leafHash } from '../merkle.ts';
import { HanseError } from '../problem.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type EntryFacts, EntryFactsReader } from './entry-facts.ts';
import { decodeLeaf } from './leaf.ts';
import { compileQuery, isAskedFor } from './query.ts';
import { isSaltOf } from './salt-audit.ts';

export interface ProvenRow {
  readonly facts: EntryFacts;
  /** The canonical form. */
  readonly entry: string;
  /** From the bottom to the top, 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
}

/**
 * @param page attacker-controlled
 * @param checkpoint of the page, which the caller has verified
 * @returns its rows
 * @throws proofInvalid, saltMismatch, leafMalformed; answerNotAsked for rows that are not asked for, or not in their order
 */
export async function provePage(
  page: AuditPage,
  query: AuditQuery,
  checkpoint: Checkpoint,
): Promise<readonly ProvenRow[]> {
  const [asked, reader] = [compileQuery(query), new EntryFactsReader()];
  for (const entry of page.context) await proveEntry(entry, checkpoint, reader);
  const rows: ProvenRow[] = [];
  const isNewest = query.order !== 'oldest';
  let last = query.cursor === undefined ? undefined : Number(query.cursor);
  for (const entry of page.rows) {
    const row = await proveEntry(entry, checkpoint, reader);
    const { index } = entry;
    if (last !== undefined && (isNewest ? index >= last : index <= last))
      throw notAsked(index, 'it is out of order');
    if (!isAskedFor(asked, row.facts)) throw notAsked(index, 'it does not fit');
    rows.push(row);
    last = index;
  }
  if (page.next !== undefined) requireOnward(Number(page.next), last, isNewest);
  return rows;
}

/** A page that does not go on would be asked for again without end. */
function requireOnward(next: number, last: number | undefined, isNewest: boolean): void {
  if (last === undefined) return;
  if (isNewest ? next > last : next < last) throw notAsked(next, 'the next page lies behind this one');
}

async function proveEntry(
  { index, entry, proof, opened }: ProvenEntry,
  { size, root }: Checkpoint,
  reader: EntryFactsReader,
): Promise<ProvenRow> {
  const bytes = utf8(entry);
  const hashes = proof.map((hash) => fromBase64(hash) ?? new Uint8Array());
  const leaf = await leafHash(primitives, bytes);
  if (!(await isIncluded(primitives, { leaf, index, size, proof: hashes }, root)))
    throw new HanseError('proofInvalid', { what: `that leaf ${index} is among ${size}` });
  for (const field of opened)
    if (fromHex(field.salt) === undefined || !(await isSaltOf({ index, ...field }, bytes)))
      throw new HanseError('saltMismatch', { pointer: field.pointer.slice(0, 200) });
  const values = new Map(opened.map(({ pointer, value }) => [pointer, value]));
  return { facts: reader.read(index, decodeLeaf(bytes), values), entry, hashes };
}

function notAsked(index: number, reason: string): HanseError<'answerNotAsked'> {
  return new HanseError('answerNotAsked', { index, reason });
}
