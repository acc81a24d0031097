import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askNode, type ControlSocket, serveControl } from '../../client/control-socket.ts';

let folder: string;
let socket: ControlSocket;
let identity: string;
const asked: string[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-control-'));
  identity = join(folder, 'identity.json');
  await writeFile(`${identity}.sock`, 'left behind by a process that was killed');
  socket = await serveControl(identity, async ({ command }) => {
    asked.push(command);
    if (command === 'leave') throw new Error('planted');
    return { command, text: 'x'.repeat(100_000) };
  });
});
afterAll(async () => {
  await socket.close();
  await rm(folder, { recursive: true, force: true });
});

/** What comes back for these bytes, until the connection ends. */
function send(text: string): Promise<string> {
  return new Promise((resolve) => {
    const connection = connect(`${identity}.sock`);
    let got = '';
    connection.on('data', (part) => {
      got += part;
    });
    connection.on('error', () => {});
    connection.once('close', () => resolve(got));
    connection.write(text);
  });
}

test('a question and its answer, however long; nobody else may open the socket', async () => {
  expect((await stat(`${identity}.sock`)).mode & 0o777).toBe(0o600);
  expect(await askNode(identity, { command: 'status' })).toEqual({
    command: 'status',
    text: 'x'.repeat(100_000),
  });
  const both = await Promise.all([1, 2].map(() => askNode(identity, { command: 'pause' })));
  expect(both).toHaveLength(2);
});

test('what is no question is not answered, and does no harm', async () => {
  asked.length = 0;
  for (const text of [
    '{"command":"explode"}\n',
    'no json\n',
    '{"command":"pause","__proto__":1}\n',
    'x'.repeat(5000),
  ])
    expect(await send(text)).toBe('');
  expect(asked).toEqual([]);
  expect(await send('{"command":"pause"}\n')).toContain('"command":"pause"');
});

test('no node, a node that fails, and one that was stopped', async () => {
  const code = 'nodeNotRunning';
  await expect(askNode(join(folder, 'other.json'), { command: 'status' })).rejects.toMatchObject({ code });
  await expect(askNode(identity, { command: 'leave' })).rejects.toMatchObject({ code });
  const second = await serveControl(join(folder, 'second.json'), async () => ({}));
  expect(await askNode(join(folder, 'second.json'), { command: 'status' })).toEqual({});
  await second.close();
  await second.close();
  await expect(askNode(join(folder, 'second.json'), { command: 'status' })).rejects.toMatchObject({ code });
});

test('a path that is too long for a socket is told', async () => {
  const long = join(folder, 'x'.repeat(120), 'identity.json');
  await expect(serveControl(long, async () => ({}))).rejects.toMatchObject({ code: 'storageFailed' });
});
