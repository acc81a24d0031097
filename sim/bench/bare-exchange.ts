/**
 * The least that a round over HTTP can cost on this machine: each client gets so many bytes and puts so many, and the
 * next round begins when all have. `node:http` on both sides; the bytes are counted and dropped.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StartChild } from './child.ts';

export interface BareOrder {
  readonly clients: number;
  readonly rounds: number;
  readonly bytesDown: number;
  readonly bytesUp: number;
}

export interface BareRound {
  /** Wall time from the end of the round before it. */
  readonly milliseconds: number;
}

/** Serves the exchange from this process to clients in processes of their own; resolves after the last round. */
export async function exchangeBytes(order: BareOrder, start: StartChild): Promise<BareRound[]> {
  const { clients, rounds: wanted, bytesDown, bytesUp } = order;
  const content = Buffer.alloc(bytesDown, 1);
  const rounds: BareRound[] = [];
  const waiting: ServerResponse[] = [];
  let delivered = 0;
  let begun = performance.now();
  const ended = new AbortController();
  const answer = () => {
    for (const response of waiting.splice(0)) response.end(content);
  };
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      waiting.push(response);
      if (waiting.length === clients) answer();
      return;
    }
    if ((await countBytes(request)) !== bytesUp) throw new Error('an update of another size');
    response.end();
    delivered += 1;
    if (delivered < clients) return;
    delivered = 0;
    const now = performance.now();
    rounds.push({ milliseconds: now - begun });
    begun = now;
    if (rounds.length === wanted) ended.abort();
  });
  const port = await listen(server);
  for (let client = 0; client < clients; client += 1)
    start('./bare-client.js', [`http://127.0.0.1:${port}`, String(bytesUp)]);
  if (!ended.signal.aborted) await once(ended.signal, 'abort');
  server.close();
  server.closeAllConnections();
  return rounds;
}

async function countBytes(request: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const piece of request) bytes += (piece as Buffer).length;
  return bytes;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
