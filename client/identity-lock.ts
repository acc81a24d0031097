/**
 * One process per identity: two nodes with one key would take each other's tasks and send two updates where the
 * protocol permits one.
 *
 * The lock is a local socket on which the process listens, because the kernel takes it from a dead process: no lock is
 * ever stale, and nothing has to guess from a process id. It holds for one user on one machine; a key that was copied
 * to another machine is beyond its reach. Node only.
 */
import { rm } from 'node:fs/promises';
import { createServer, connect as dial, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HanseError } from '../protocol/problem.ts';

export interface IdentityLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * @param file for messages
 * @throws `identityInUse` while another holder lives, in this process or another
 */
export async function lockIdentity(nodeId: string, file: string): Promise<IdentityLock> {
  const path = identitySocket(nodeId);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const server = await tryListen(path);
    if (server) return { release: () => new Promise((resolve) => server.close(() => resolve())) };
    if (await answers(path)) throw new HanseError('identityInUse', { file });
    if (path.endsWith('.sock')) await rm(path, { force: true }); // left behind by a process that was killed
  }
  throw new HanseError('identityInUse', { file });
}

/** Where a process with this identity listens. On Linux and Windows that is no file, so that nothing is left behind. */
export function identitySocket(nodeId: string): string {
  const user = process.getuid?.() ?? '';
  switch (process.platform) {
    case 'linux':
      return `\0hanse-${user}-${nodeId}`;
    case 'win32':
      return `\\\\.\\pipe\\hanse-${nodeId}`;
    default:
      return join(tmpdir(), `hanse-${user}-${nodeId}.sock`); // 104 bytes at most
  }
}

/** Undefined if the path is taken. */
function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Whether a process listens. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = dial(path);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}
