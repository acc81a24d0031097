/**
 * Which versions of data sets were given up because rows of them were withdrawn: `identity.json.withdrawals`, SPEC.md 6.7.
 * What it says holds at once, for every process of this node. Node only.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../protocol/clock.ts';
import { parseJson } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { DataSetChange } from '../../schemas/data-set-change.ts';
import { WithdrawalLine, type WithdrawalReplaced } from '../../schemas/withdrawal-line.ts';
import { fileProblem } from '../file-problem.ts';
import { LineFile } from '../line-file.ts';
import type { Withdrawals } from './data-use.ts';

export class WithdrawalJournal implements Withdrawals {
  readonly #file: LineFile;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(identityFile: string, clock: Pick<Clock, 'now'>) {
    this.#file = new LineFile(`${identityFile}.withdrawals`);
    this.#clock = clock;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Resolves once it is durable: from then on the old version is used no more. @throws storageFull, storageFailed */
  replaced(line: Omit<WithdrawalReplaced, 'type' | 'at'>): Promise<void> {
    return this.#file.append({ type: 'replaced', at: this.#now(), ...line });
  }

  /** The coordinator knows of it. @throws storageFull, storageFailed */
  told({ name, oldVersion }: Pick<DataSetChange, 'name' | 'oldVersion'>): Promise<void> {
    return this.#file.append({ type: 'told', at: this.#now(), name, oldVersion });
  }

  /** What took the place of a version; undefined while it is the present one. @throws storageCorrupt, storageFailed */
  async successorOf(name: string, version: string): Promise<WithdrawalReplaced | undefined> {
    const lines = await this.#lines();
    return lines.find(
      (line): line is WithdrawalReplaced => line.type === 'replaced' && isOf(line, name, version),
    );
  }

  async isReplaced(name: string, version: string): Promise<boolean> {
    return (await this.successorOf(name, version)) !== undefined;
  }

  /** Changes of which the coordinator does not know yet, in their order. @throws storageCorrupt, storageFailed */
  async untold(): Promise<DataSetChange[]> {
    const lines = await this.#lines();
    return lines.flatMap((line) => {
      if (line.type === 'told') return [];
      const { name, oldVersion, newVersion, reason, removed } = line;
      const isTold = lines.some((other) => other.type === 'told' && isOf(other, name, oldVersion));
      return isTold ? [] : [{ name, oldVersion, newVersion, reason, removed }];
    });
  }

  async #lines(): Promise<WithdrawalLine[]> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw fileProblem(this.path, error);
    });
    try {
      // What comes behind the last end of a line was torn.
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => parseJson(WithdrawalLine, line, 'withdrawal'));
    } catch (error) {
      const reason = 'a line is no entry of the journal of withdrawals';
      throw new HanseError('storageCorrupt', { path: this.path, reason }, { cause: error });
    }
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

function isOf(line: Pick<DataSetChange, 'name' | 'oldVersion'>, name: string, version: string): boolean {
  return line.name === name && line.oldVersion === version;
}
