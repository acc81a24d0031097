/**
 * Receipts of the updates that a node has delivered, in a file beside its identity: `identity.json.receipts`, a line of JSON each.
 * By these its owner asks the audit log whether it tells of each (`hanse audit verify --receipts`). SPEC.md 13.8. Node only.
 */
import type { UpdateReceipt } from '../schemas/update-receipt.ts';
import { LineFile } from './line-file.ts';

export class ReceiptFile {
  readonly #file: LineFile;

  constructor(identityFile: string) {
    this.#file = new LineFile(`${identityFile}.receipts`);
  }

  get path(): string {
    return this.#file.path;
  }

  /** Resolves once it is durable. @throws storageFull, storageFailed; the others are kept all the same */
  keep({ jobId, round, attempt, sha256, bytes }: UpdateReceipt): Promise<void> {
    return this.#file.append({ jobId, round, attempt, sha256, bytes });
  }

  /** Resolves when all that was to be kept has been, or has failed. */
  settled(): Promise<void> {
    return this.#file.settled();
  }
}
