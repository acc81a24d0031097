/**
 * `hanse <args>` in a process that tells how much memory it holds: `held-process.js <file> <args>`.
 *
 * What is resident says more of the patience of the garbage collector, which lets tens of megabytes lie while there is room,
 * than of what a process needs. So ten times a second everything that nobody refers to is collected, and the most that was
 * left is kept in the file, in decimal.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const EVERY_MS = 100;

/** Bytes of objects and of buffers, after a collection. */
function heldBytes(collect: () => void): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const [file = '', ...args] = process.argv.slice(2);
let most = 0;
setInterval(() => {
  const held = heldBytes(collect);
  if (held <= most) return;
  most = held;
  // Whoever reads it meanwhile finds a number.
  writeFileSync(`${file}.next`, String(most));
  renameSync(`${file}.next`, file);
}, EVERY_MS).unref();
const frontDoor = new URL('../../bin/hanse.js', import.meta.url);
process.argv.splice(1, process.argv.length, fileURLToPath(frontDoor), ...args);
await import(frontDoor.href);
