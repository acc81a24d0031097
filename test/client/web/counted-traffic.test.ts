import { expect, test } from 'vitest';
import { countedTraffic, type Traffic } from '../../../client/web/counted-traffic.ts';

const answer = {
  status: 200,
  header: (name: string) => name,
  bytes: async (limit = 99) => (limit < 3 ? undefined : new Uint8Array(3)),
  async *pieces() {
    yield new Uint8Array(2);
    yield new Uint8Array(5);
  },
};

test('bytes of bodies are counted both ways, and passed on', async () => {
  const told: Traffic[] = [];
  const exchange = countedTraffic(
    async () => answer,
    (total) => told.push(total),
  );
  const ask = (body?: Uint8Array) =>
    exchange({ url: 'u', method: 'GET', headers: {}, ...(body && { body }) });
  const first = await ask(new Uint8Array(10));
  expect([first.status, first.header('x')]).toEqual([200, 'x']);
  expect(await first.bytes()).toHaveLength(3);
  expect(await (await ask()).bytes(2)).toBeUndefined();
  const pieces: number[] = [];
  for await (const piece of (await ask()).pieces()) pieces.push(piece.length);
  expect(pieces).toEqual([2, 5]);
  expect(told.at(-1)).toEqual({ bytesUp: 10, bytesDown: 10 });
});
