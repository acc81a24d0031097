/**
 * Answers that wait behind others on a connection, on plain servers of Node: each hears once that it is over.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tellOfClosing } from '../../../server/http/pipelined-response.ts';

const COUNT = 20;
const REQUESTS = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(COUNT);

let isTold = true;
let answers: ServerResponse[];
let closings: ServerResponse[];
let accepted: Socket;
let server: Server;
let client: Socket;
beforeEach(async () => {
  isTold = true;
  answers = [];
  closings = [];
  server = createServer(({ socket }, response) => {
    accepted = socket;
    if (isTold) tellOfClosing(socket, response);
    answers.push(response);
    response.once('close', () => closings.push(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.resume();
});
afterEach(() => {
  client.destroy();
  server.close();
});

async function arrive(): Promise<void> {
  client.write(REQUESTS);
  await expect.poll(() => answers.length).toBe(COUNT);
}

test('when the connection breaks, all of them', async () => {
  await arrive();
  answers[0]?.end();
  answers[3]?.end();
  client.destroy();
  await expect.poll(() => new Set(closings)).toEqual(new Set(answers));
  expect(closings.length).toBe(COUNT);
});

test('Node by itself tells the first alone', async () => {
  isTold = false;
  await arrive();
  client.destroy();
  await expect.poll(() => accepted.destroyed).toBe(true);
  await expect.poll(() => closings.length).toBe(1);
});

test('when all are answered nothing is left on the connection', async () => {
  await arrive();
  const before = accepted.listenerCount('close');
  for (const answer of answers) answer.end();
  await expect.poll(() => closings.length).toBe(COUNT);
  expect(before - accepted.listenerCount('close')).toBeGreaterThanOrEqual(COUNT - 1);
  expect(accepted.destroyed).toBe(false);
});
