// A process for import-memory.test.ts to measure: it reads a model, does one thing with it, and tells how many bytes
// its peak of resident memory rose by meanwhile. It runs compiled code.
import { readFileSync } from 'node:fs';
import { filesBeside } from '../../dist/client/data/model-file.js';
import { exportModel } from '../../dist/client/graph/export-model.js';
import { importModel } from '../../dist/client/graph/import-model.js';
import { initialParameters } from '../../dist/client/graph/parameters.js';

const [, , mode, file] = process.argv;

/** The most resident memory so far, in bytes: of this program, not of the one it was forked from. */
function peak() {
  return 1024 * Number(/^VmHWM:\s*([0-9]+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

const whole = () => {
  const { buffer, byteOffset, length } = readFileSync(file);
  return new Uint8Array(buffer, byteOffset, length);
};

/** What is prepared, and then done while the peak is watched. */
const modes = {
  import: () => [whole(), (bytes) => importModel(bytes)],
  importFrozen: () => [whole(), (bytes) => importModel(bytes, { freeze: ['w*'] })],
  /** What importing would cost if it kept a copy. */
  importCopy: () => [whole(), (bytes) => importModel(new Uint8Array(bytes))],
  importBeside: () => [whole(), (bytes) => importModel(bytes, { externalData: filesBeside(file) })],
  export: () => {
    const forward = importModel(whole());
    return [forward, () => exportModel(forward, initialParameters(forward))];
  },
};

const [prepared, run] = modes[mode]();
const before = peak();
const result = run(prepared);
const after = peak();
process.stdout.write(`${JSON.stringify({ rise: after - before, isThere: result !== undefined })}\n`);
