/**
 * The directory that a member has pinned, in a file beside its identity: `identity.json.directory`. SPEC.md section 4.6.
 * It holds no secret, but whoever can change it can make the member believe in another past: mode 600, as the identity.
 */
import type { PinnedFederation } from '../protocol/admission.ts';
import { checkDirectory } from '../protocol/directory.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { Directory } from '../schemas/directory.ts';
import type { DirectoryPin } from './directory-watch.ts';
import { readPrivately, unlessMissing, writePrivately } from './private-file.ts';

/**
 * Reading throws `directoryUnreadable` for a file that was not written like this, writing also `storageFull` and
 * `storageFailed`.
 * @param identityFile path of the file beside which it lies
 */
export function directoryFile(identityFile: string, federation: PinnedFederation): DirectoryPin {
  const file = `${identityFile}.directory`;
  const unreadable = (reason: string, cause?: unknown) =>
    new HanseError('directoryUnreadable', { file, reason }, { cause });
  return {
    read: async () => {
      const pinned = await readPrivately(Directory, file, 'a directory', unreadable).catch(unlessMissing);
      // The proofs of its nodes were verified before it was written.
      if (pinned)
        await checkDirectory(pinned, federation, () => true).catch((error: unknown) => {
          throw isProblem(error) ? unreadable(error.message, error) : error;
        });
      return pinned;
    },
    write: (directory) => writePrivately(file, directory, unreadable),
  };
}
