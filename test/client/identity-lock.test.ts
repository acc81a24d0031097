import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { identitySocket, lockIdentity } from '../../client/identity-lock.ts';

const nodeId = `${process.pid}`.padStart(32, 'a');
const another = nodeId.replace('a', 'b');
const FILE = 'identity.json';

test('one holder at a time, of each identity', async () => {
  const first = await lockIdentity(nodeId, FILE);
  await expect(lockIdentity(nodeId, FILE)).rejects.toMatchObject({
    code: 'identityInUse',
    detail: { file: FILE },
  });
  const other = await lockIdentity(another, FILE);
  await first.release();
  await first.release();
  const second = await lockIdentity(nodeId, FILE);
  await second.release();
  await other.release();
});

test('a process that is killed holds nothing', async () => {
  const path = identitySocket(nodeId);
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('holds'))`;
  const holder = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  await expect(lockIdentity(nodeId, FILE)).rejects.toMatchObject({ code: 'identityInUse' });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const lock = await lockIdentity(nodeId, FILE);
  await lock.release();
});
