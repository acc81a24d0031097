/**
 * How the owner of a node talks to it while it runs: a local socket beside its identity, `identity.json.sock`, which its
 * user alone may open (mode 600). One line of JSON in, one line out. Node only.
 */
import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { relative, resolve } from 'node:path';
import { parseJson } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import { ControlRequest } from '../schemas/node-status.ts';

export interface ControlSocket {
  /** Idempotent. */
  close(): Promise<void>;
}

/** Longest request, and how long it may take to arrive. */
const REQUEST_BYTES = 1024;
const PATIENCE_MS = 5000;
/** Longest answer, and how long it may take: a pause is on the disk before it is answered. */
const ANSWER_BYTES = 4_194_304;
const ANSWER_MS = 30_000;

/** sun_path of unix(7) on macOS, with the zero at its end; Linux has four bytes more. */
const PATH_BYTES = 103;

/**
 * @param identityFile must be locked (`client/identity-lock.ts`): a socket that is there is then left behind by a process
 *   that was killed
 * @param answer to what was asked; an object
 * @throws `storageFailed` where there can be no socket
 */
export async function serveControl(
  identityFile: string,
  answer: (request: ControlRequest) => Promise<object>,
): Promise<ControlSocket> {
  const path = controlPath(identityFile);
  await rm(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    void converse(socket, answer);
  });
  await listen(server, path);
  await chmod(path, 0o600);
  server.unref();
  return {
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of open) if (!socket.writableEnded) socket.destroy();
      }),
  };
}

/** Asks the node with this identity. Throws `nodeNotRunning`. */
export async function askNode(identityFile: string, request: ControlRequest): Promise<unknown> {
  const gone = (cause?: unknown) => new HanseError('nodeNotRunning', { identity: identityFile }, { cause });
  const socket = connect(controlPath(identityFile));
  // A process that is stopped takes connections and says nothing.
  socket.setTimeout(ANSWER_MS, () => socket.destroy());
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const line = await readLine(socket, ANSWER_BYTES);
    if (line === undefined) throw gone();
    return JSON.parse(line);
  } catch (error) {
    throw error instanceof HanseError ? error : gone(error);
  } finally {
    socket.destroy();
  }
}

/** The shorter of two ways to write it: the length is bounded. */
function controlPath(identityFile: string): string {
  if (process.platform === 'win32')
    return `\\\\.\\pipe\\hanse-node-${Buffer.from(resolve(identityFile)).toString('hex').slice(-200)}`;
  const absolute = `${resolve(identityFile)}.sock`;
  const short = relative(process.cwd(), absolute);
  const path = short.length < absolute.length ? short : absolute;
  if (Buffer.byteLength(path) <= PATH_BYTES) return path;
  const reason = `the path of a socket has at most ${PATH_BYTES} bytes: start it in another folder`;
  throw new HanseError('storageFailed', { path: absolute, reason });
}

/** With the mode from the first moment on: nobody else can open it before it is set. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((listening, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new HanseError('storageFailed', { path, reason: cause.code ?? cause.message }, { cause })),
    );
    const before = process.umask(0o177);
    server.listen(path, listening);
    process.umask(before);
  });
}

async function converse(socket: Socket, answer: (request: ControlRequest) => Promise<object>): Promise<void> {
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  try {
    const line = await readLine(socket, REQUEST_BYTES);
    if (line === undefined) return void socket.destroy();
    socket.setTimeout(0);
    const said = await answer(parseJson(ControlRequest, line, 'request'));
    socket.end(`${JSON.stringify(said)}\n`);
  } catch {
    socket.destroy(); // the asker is told that nobody answered
  }
}

/** Undefined where the other side ends, or sends too much, without one. Rejects where the connection fails. */
function readLine(socket: Socket, limitBytes: number): Promise<string | undefined> {
  return new Promise((done, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end >= 0) done(text.slice(0, end));
      else if (text.length > limitBytes) done(undefined);
    });
    socket.once('error', reject);
    socket.once('close', () => done(undefined));
  });
}
