/**
 * Loaded into a coordinator or a node before its own code (`node --import`): the test can hold the process at a named
 * moment of its work, and set its clock. Nothing of it is in the product.
 *
 * HANSE_FAULT_PORT is where the test listens (`fault-control.ts`); both sides send lines of JSON. Moments: `training`,
 * when a node has fetched the model and is about to begin; and any type of event, immediately before the next one of
 * that type is written.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Trainer } from '../../dist/client/engine/trainer.js';
import { openSqliteStore } from '../../dist/server/store/sqlite-store.js';

let armed;
let go = () => {};
let offsetMs = 0;

const control = connect(Number(process.env.HANSE_FAULT_PORT), '127.0.0.1');
control.on('error', () => {}); // the test has ended
const say = (line) => control.write(`${JSON.stringify(line)}\n`);
say({ pid: process.pid });
createInterface({ input: control }).on('line', (text) => {
  const { arm, open, clock } = JSON.parse(text);
  if (arm !== undefined) armed = arm;
  if (open) go();
  if (clock !== undefined) offsetMs = clock;
  say({ done: true });
});
control.unref();

async function reach(moment) {
  if (armed !== moment) return;
  armed = undefined;
  const opened = new Promise((resolve) => {
    go = resolve;
  });
  say({ at: moment });
  await opened;
}

const { train } = Trainer.prototype;
Trainer.prototype.train = async function (request) {
  await reach('training');
  return train.call(this, request);
};

const scratch = mkdtempSync(join(tmpdir(), 'hanse-fault-points-'));
const store = openSqliteStore(join(scratch, 'hanse.sqlite'));
const prototype = Object.getPrototypeOf(store);
await store.close();
rmSync(scratch, { recursive: true });
const { append } = prototype;
prototype.append = async function (stream, expectedVersion, events, at) {
  for (const { type } of events) await reach(type);
  return append.call(this, stream, expectedVersion, events, at);
};

// Timers go on as they are, as they do when a real clock is set.
const RealDate = Date;
const realNow = Date.now;
const now = () => realNow() + offsetMs;
RealDate.now = now;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) => (args.length === 0 ? new target(now()) : new target(...args)),
  apply: () => new RealDate(now()).toString(),
});
