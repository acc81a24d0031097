/**
 * A client of `bare-exchange.ts`: gets and puts until the server is gone. Arguments: origin, bytes to put.
 */
import { Agent, request } from 'node:http';

/** Resolves when the server has gone. */
export async function exchangeUntilGone(origin: string, bytesUp: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const update = Buffer.alloc(bytesUp, 2);
  try {
    for (;;) {
      await exchange(origin, agent, 'GET');
      await exchange(origin, agent, 'PUT', update);
    }
  } catch {
    agent.destroy(); // the measurement is over
  }
}

/** Resolves when the whole answer has been read and dropped. */
function exchange(origin: string, agent: Agent, method: 'GET' | 'PUT', body?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-length': body.length } : {};
    const sent = request(origin, { method, agent, headers }, (response) => {
      response.resume();
      response.on('end', resolve);
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const [, script = '', origin, bytesUp] = process.argv;
if (script.endsWith('bare-client.js') && origin !== undefined)
  await exchangeUntilGone(origin, Number(bytesUp));
