/**
 * Changes of an identity file, or of what lies beside it, that a running node must not meet: made only while no node runs with
 * it. Node only.
 *
 * Two things are asked, since each knows what the other does not: the lock also holds for a copy of the file, the
 * control socket also for a node whose key has been replaced and which still finishes its work with the old one.
 */
import { HanseError, isProblem } from '../protocol/problem.ts';
import { askNode } from './control-socket.ts';
import { type IdentityLock, lockIdentity } from './identity-lock.ts';

/**
 * No node starts with this identity before `work` has ended.
 * @param nodeId of the key in the file
 * @throws `identityInUse`, and what `work` throws
 */
export async function whileUnused<T>(file: string, nodeId: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockUnused(file, nodeId);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/**
 * No node starts with this identity before the lock is released.
 * @param nodeId of the key in the file
 * @throws `identityInUse`
 */
export async function lockUnused(file: string, nodeId: string): Promise<IdentityLock> {
  const lock = await lockIdentity(nodeId, file);
  try {
    if (await isAnswered(file)) throw new HanseError('identityInUse', { file });
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function isAnswered(file: string): Promise<boolean> {
  try {
    await askNode(file, { command: 'status' });
    return true;
  } catch (error) {
    if (isProblem(error, 'nodeNotRunning') || isProblem(error, 'storageFailed')) return false; // no socket, or none possible
    throw error;
  }
}
