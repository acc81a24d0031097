// A process for store-kill.test.ts to kill. It runs compiled code and prints one line for each acknowledgement; the
// line is written before the next step begins, so that a kill cannot lose it.
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openDataDir } from '../../dist/server/data-dir.js';
import { openFileBlobStore } from '../../dist/server/store/file-blob-store.js';
import { openSqliteStore } from '../../dist/server/store/sqlite-store.js';

const print = (...words) => writeSync(1, `${words.join(' ')}\n`);
const NOON = new Date('2026-01-01T12:00:00.000Z');
const LATER = new Date('2026-01-02T12:00:00.000Z');
const STREAMS = 4;

const modes = {
  /** Appends 1 to 3 events at a time to several streams at once, and makes claims, for ever. */
  async append(file) {
    const store = openSqliteStore(file);
    const run = async (k) => {
      const stream = `s${k}`;
      let length = (await store.read(stream)).length;
      for (let i = 0; ; i += 1) {
        const count = 1 + (i % 3);
        const events = Array.from({ length: count }, (_, place) => ({
          type: 'test.appended',
          version: 1,
          data: { place, count, filler: 'x'.repeat(500 * k) },
        }));
        await store.append(stream, length, events, NOON);
        length += count;
        print('appended', stream, length);
        const key = `${stream}-${length}`;
        if (!(await store.claimOnce('test', key, LATER, NOON))) throw new Error(`claimed twice: ${key}`);
        print('claimed', key);
      }
    };
    await Promise.all(Array.from({ length: STREAMS }, (_, k) => run(k)));
  },

  /** Puts streams and whole buffers, for ever; says so in the middle of each stream. */
  async put(root, seed) {
    const blobs = await openFileBlobStore(root);
    const options = { limitBytes: 10_000_000 };
    for (let i = 0; ; i += 1) {
      const filler = createHash('sha256').update(`${seed} ${i}`).digest('hex');
      const piece = Buffer.alloc(100_000, filler);
      async function* pieces() {
        for (let k = 0; k < 10; k += 1) {
          yield piece;
          if (k === 5) print('half', i);
        }
      }
      print('stored', (await blobs.put(pieces(), options)).sha256);
      print('stored', (await blobs.put(piece, options)).sha256);
    }
  },

  /** Waits for a line, tries to take the data directory, says how that went, and stays. */
  async lock(path) {
    const lines = createInterface({ input: process.stdin });
    print('ready');
    for await (const _ of lines) {
      try {
        openDataDir(path, { create: true });
        print('won', process.pid);
      } catch (error) {
        print(error.code, error.detail?.pid);
      }
    }
  },

  /** Appends and puts until the file size limit of the process (`ulimit -f`) makes the medium fail. */
  async full(folder) {
    process.on('SIGXFSZ', () => {}); // otherwise the limit kills the process instead of failing the call
    const store = openSqliteStore(`${folder}/hanse.sqlite`);
    const events = [
      { type: 'test.appended', version: 1, data: { place: 0, count: 1, filler: 'x'.repeat(5000) } },
    ];
    try {
      for (let length = 0; ; length += 1) {
        await store.append('s0', length, events, NOON);
        print('appended', 's0', length + 1);
      }
    } catch (error) {
      print('append', error.code);
    }
    await store.append('small', 0, events, NOON).catch((error) => print('then', error.code));
    const blobs = await openFileBlobStore(`${folder}/blobs`);
    const options = { limitBytes: 10_000_000 };
    await blobs.put(Buffer.alloc(5_000_000), options).catch((error) => print('put', error.code));
    print('stored', (await blobs.put(Buffer.from('abc'), options)).sha256);
    process.exit(0);
  },
};

const [mode, ...args] = process.argv.slice(2);
await modes[mode](...args);
