/**
 * Which data sets nodes say that they hold, for the audit log: without it, the log could not tell what a data set was used for. Noted
 * when it changes, and after a start of the coordinator once more. SPEC.md 13.11.
 */
import { canonicalJson } from '../protocol/canonical.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { Capabilities } from '../schemas/member.ts';
import type { AuditNotes } from './audit-notes.ts';

export class DataDeclarations {
  readonly #notes: AuditNotes;
  /** What the log tells of nodes, in canonical form. */
  readonly #noted = new Map<NodeId, string>();

  constructor(notes: AuditNotes) {
    this.#notes = notes;
  }

  /** Resolves once the log tells of it. @throws what `AuditNotes.record` throws; whoever reports again tries again */
  async note(nodeId: NodeId, { dataSets }: Pick<Capabilities, 'dataSets'>): Promise<void> {
    const declared = dataSets.map(({ name, version }) => ({ name, version }));
    const text = canonicalJson(declared);
    const before = this.#noted.get(nodeId);
    // Of a node that holds nothing nothing is to be told, unless it held something.
    if (text === (before ?? '[]')) return;
    await this.#notes.record({
      type: 'data.declared',
      subject: `urn:hanse:node:${nodeId}`,
      data: { dataSets: declared, nodeId },
    });
    this.#noted.set(nodeId, text);
  }
}
