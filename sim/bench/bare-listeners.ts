/**
 * The clients of `bare-heartbeats.ts`: each keeps an answer open and posts once for every line after the first, until
 * the server is gone. Arguments: origin, number of clients.
 */
import { Agent, request } from 'node:http';

/** Resolves when the server has gone. */
export async function listenUntilGone(origin: string, clients: number): Promise<void> {
  await Promise.all(Array.from({ length: clients }, () => listen(origin)));
}

function listen(origin: string): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  return new Promise((resolve) => {
    const gone = () => {
      agent.destroy();
      resolve();
    };
    let isFirst = true;
    const opened = request(origin, { agent }, (response) => {
      response.on('data', () => {
        if (!isFirst) answer(origin, agent);
        isFirst = false;
      });
      response.on('close', gone);
      response.on('error', gone);
    });
    opened.on('error', gone);
    opened.end();
  });
}

function answer(origin: string, agent: Agent): void {
  const posted = request(origin, { method: 'POST', agent }, (response) => response.resume());
  posted.on('error', () => {}); // the measurement is over
  posted.end();
}

const [, script = '', origin, clients] = process.argv;
if (script.endsWith('bare-listeners.js') && origin !== undefined)
  await listenUntilGone(origin, Number(clients));
