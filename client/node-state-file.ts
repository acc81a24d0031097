/**
 * What a node remembers over restarts, in a file beside its identity: `identity.json.state`. Node only.
 */
import { HanseError } from '../protocol/problem.ts';
import { NodeState } from '../schemas/node-status.ts';
import { readPrivately, unlessMissing, writePrivately } from './private-file.ts';

const NEW: NodeState = { version: 1, paused: false, jobs: {} };

export interface NodeStateFile {
  /** Of a new node where there is no file. Throws `storageCorrupt`: whether the owner has paused it cannot be guessed. */
  read(): Promise<NodeState>;
  /** Throws `storageFull`, `storageFailed`. */
  write(state: NodeState): Promise<void>;
}

/** @param identityFile path of the file beside which it lies */
export function nodeStateFile(identityFile: string): NodeStateFile {
  const path = `${identityFile}.state`;
  return {
    read: async () => {
      const corrupt = (reason: string, cause?: unknown) =>
        new HanseError('storageCorrupt', { path, reason }, { cause });
      return (
        (await readPrivately(NodeState, path, 'the state of a node', corrupt).catch(unlessMissing)) ?? NEW
      );
    },
    write: (state) =>
      writePrivately(
        path,
        state,
        (reason, cause) => new HanseError('storageFailed', { path, reason }, { cause }),
      ),
  };
}
