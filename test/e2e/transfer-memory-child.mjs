// A node for transfer-memory.test.ts to measure: it sends content in chunks, or fetches it, and tells by how many bytes
// its peak of resident memory rose meanwhile. It runs compiled code.
import { readFileSync } from 'node:fs';
import { connect } from '../../dist/client/enrol.js';
import { readIdentity } from '../../dist/client/identity.js';
import { nodeExchange } from '../../dist/client/node-exchange.js';
import { systemClock } from '../../dist/protocol/primitives/system-clock.js';

const [, , mode, identity, sha256, bytes] = process.argv;

/** The most resident memory so far, in bytes: of this program, not of the one it was forked from. */
function peak() {
  return 1024 * Number(/^VmHWM:\s*([0-9]+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

const api = await connect(await readIdentity(identity), systemClock, { exchange: nodeExchange });
const fetched = (options) => api.call('getBlob', { params: { sha256 } }, options);

const modes = {
  download: () => fetched(),
  /** Pieces that are kept until all are there, and then put together. */
  downloadTwice: async () => new Uint8Array(await fetched()),
  upload: async (body) => {
    const receipt = await api.call('putBlob', { params: { sha256 }, body });
    return { length: receipt.bytes };
  },
};

const body = new Uint8Array(mode === 'upload' ? Number(bytes) : 0).fill(0);
const before = peak();
const { length } = await modes[mode](body);
process.stdout.write(`${JSON.stringify({ rise: peak() - before, length })}\n`);
