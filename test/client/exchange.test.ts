import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { fetchExchange } from '../../client/exchange.ts';
import { answeringServer } from '../fixtures/answering-server.ts';

// What exchanges of both platforms do is in http-coordinator.test.ts.

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('an abort ends the reading of an answer, also where all that was garbage by then is collected', async () => {
  const server = await answeringServer((response) => {
    response.writeHead(200);
    response.write('a line\n');
  });
  const outcomes: string[] = [];
  try {
    const life = new AbortController();
    // As a stream of tasks does: the signal is one of several.
    const read = async () => {
      const ended = AbortSignal.any([life.signal, new AbortController().signal]);
      const answer = await fetchExchange({ url: server.url, method: 'GET', headers: {}, signal: ended });
      for await (const piece of answer.pieces()) outcomes.push(new TextDecoder().decode(piece));
    };
    const reading = Array.from({ length: 20 }, () =>
      read().catch((error: Error) => void outcomes.push(error.name)),
    );
    await expect.poll(() => outcomes.length).toBe(20);
    for (let round = 0; round < 3; round += 1) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    life.abort();
    await Promise.all(reading);
    expect(outcomes).toEqual([...Array(20).fill('a line\n'), ...Array(20).fill('AbortError')]);
  } finally {
    await server.close();
  }
});
