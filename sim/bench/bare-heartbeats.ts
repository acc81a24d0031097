/**
 * The least that open answers cost a server on this machine: it writes a line to each of them, and each client says by a
 * request that it has read it. `node:http` on both sides; the server is this process, the clients are another.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StartChild } from './child.ts';
import { cpuSeconds } from './measure.ts';

export interface HeartbeatOrder {
  readonly clients: number;
  readonly beats: number;
}

/** Of a heartbeat in our own form. */
const LINE = '{"type":"heartbeat","spreadMs":10000}\n';

/** Seconds of this process's own processor time, heartbeat by heartbeat. */
export async function heartbeatSeconds(
  { clients, beats }: HeartbeatOrder,
  start: StartChild,
): Promise<number[]> {
  const open: ServerResponse[] = [];
  let answers = 0;
  let complete = () => {};
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.write(LINE);
      open.push(response);
      if (open.length === clients) complete();
      return;
    }
    request.resume();
    response.end();
    answers += 1;
    if (answers === clients) complete();
  });
  const completed = () =>
    new Promise<void>((resolve) => {
      complete = resolve;
    });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const allOpen = completed();
  start('./bare-listeners.js', [`http://127.0.0.1:${port}`, String(clients)]);
  await allOpen;
  const seconds: number[] = [];
  for (let beat = 0; beat < beats; beat += 1) {
    answers = 0;
    const spent = await cpuSeconds(async () => {
      const allAnswered = completed();
      for (const response of open) response.write(LINE);
      await allAnswered;
    });
    seconds.push(spent);
  }
  server.close();
  server.closeAllConnections();
  return seconds;
}
