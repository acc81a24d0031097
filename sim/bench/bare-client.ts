/**
 * A client of `bare-exchange.ts`: gets and puts until the server is gone. Arguments: origin, bytes to put.
 */
import { Agent, request } from 'node:http';

const [origin = '', bytesUp = '0'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const update = Buffer.alloc(Number(bytesUp), 2);

/** Resolves to the number of bytes of the answer. */
function exchange(method: 'GET' | 'PUT', body?: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-length': body.length } : {};
    const sent = request(origin, { method, agent, headers }, (response) => {
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      response.on('end', () => resolve(bytes));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

try {
  for (;;) {
    await exchange('GET');
    await exchange('PUT', update);
  }
} catch {
  process.exitCode = 0; // the server has closed: the measurement is over
}
