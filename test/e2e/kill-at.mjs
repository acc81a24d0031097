/**
 * Loaded into a coordinator before its own code (`node --import`): the process kills itself in the middle of an append.
 *
 * HANSE_KILL_AT=<event type>:<n>:<before|after> names the moment: before or after the n-th event of this type is
 * durable, counted from the first job that this process creates. Nothing of it is in the product.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../dist/server/store/sqlite-store.js';

const [type, place, moment] = process.env.HANSE_KILL_AT.split(':');

const scratch = mkdtempSync(join(tmpdir(), 'hanse-kill-at-'));
const store = openSqliteStore(join(scratch, 'hanse.sqlite'));
const prototype = Object.getPrototypeOf(store);
await store.close();
rmSync(scratch, { recursive: true });

let armedFor;
let seen = 0;
const { append } = prototype;
prototype.append = async function (stream, expectedVersion, events, at) {
  if (events.some((event) => event.type === 'jobCreated')) armedFor ??= stream;
  if (stream === armedFor) seen += events.filter((event) => event.type === type).length;
  const isNow = stream === armedFor && seen === Number(place);
  if (isNow && moment === 'before') process.kill(process.pid, 'SIGKILL');
  const stored = await append.call(this, stream, expectedVersion, events, at);
  if (isNow) process.kill(process.pid, 'SIGKILL');
  return stored;
};
