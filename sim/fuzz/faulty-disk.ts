/**
 * The disk of the fuzzer's coordinator: stores in memory that outlive its processes, take their time, and fail on
 * demand. It promises what `server/store/store.ts` and `server/store/blob-store.ts` promise, and nothing beyond it.
 *
 * What a process was told to be durable is there for the next one; what it had only asked for may be lost.
 */
import { concatBytes } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { DiskFault } from '../../schemas/fuzz-schedule.ts';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { memoryPartStore } from '../../server/store/memory-part-store.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import type { PartStore } from '../../server/store/part-store.ts';
import type { Store, StoredEvent } from '../../server/store/store.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import type { Life } from './machine.ts';

type Operation = DiskFault['operation'];

/** Longest time that writing takes, in milliseconds. */
const SLOWEST_MS = 4;

export class FaultyDisk {
  /** What is durable. */
  readonly store: Store = memoryStore();
  readonly blobs: BlobStore = memoryBlobStore();
  readonly parts: PartStore = memoryPartStore();
  /** Everything that was ever appended, in the order in which it became durable. */
  readonly journal: StoredEvent[] = [];
  readonly #world: VirtualClock;
  readonly #seed: number;
  readonly #faults: readonly DiskFault[];
  readonly #kill: (downMs: number) => void;
  readonly #counts: Record<Operation, number> = {
    append: 0,
    put: 0,
    'add chunk': 0,
    'read events': 0,
    'read content': 0,
  };
  readonly #befell: (fault: DiskFault) => void;

  /**
   * @param kill the process that uses the disk, to be started again after so many milliseconds
   * @param befell called when a fault happens
   */
  constructor(
    world: VirtualClock,
    seed: number,
    faults: readonly DiskFault[],
    kill: (downMs: number) => void,
    befell: (fault: DiskFault) => void,
  ) {
    this.#world = world;
    this.#seed = seed;
    this.#faults = faults;
    this.#kill = kill;
    this.#befell = befell;
  }

  /** The disk as one process sees it. */
  mount(life: Life): { readonly store: Store; readonly blobs: BlobStore; readonly parts: PartStore } {
    const { store, blobs, parts } = this;
    const write = <Result>(operation: Operation, work: () => Promise<Result>) =>
      this.#perform(life, operation, work, SLOWEST_MS);
    const read = <Result>(operation: Operation, work: () => Promise<Result>) =>
      this.#perform(life, operation, work, 0);
    return {
      store: {
        append: (stream, expectedVersion, events, at) =>
          write('append', async () => {
            const stored = await store.append(stream, expectedVersion, events, at);
            this.journal.push(...stored);
            return stored;
          }),
        read: (...request) => read('read events', () => store.read(...request)),
        readAll: (...args) => store.readAll(...args),
        streams: (prefix) => store.streams(prefix),
        claimOnce: (...claim) => store.claimOnce(...claim),
        close: async () => {},
      },
      blobs: {
        // Content comes over the network, whoever writes it to the disk.
        put: async (source, options) => {
          const scratch = memoryBlobStore();
          const { sha256 } = await scratch.put(source, options);
          const content = await scratch.read(sha256);
          return write('put', () => blobs.put(content, options));
        },
        has: (sha256) => blobs.has(sha256),
        read: (sha256) => read('read content', () => blobs.read(sha256)),
        stream: (...request) => blobs.stream(...request),
        delete: (sha256) => blobs.delete(sha256),
        list: () => blobs.list(),
        sweepTemporary: () => blobs.sweepTemporary(),
      },
      parts: {
        begin: (...part) => write('add chunk', () => parts.begin(...part)),
        append: (name, { source, ...chunk }) => {
          if (source instanceof Uint8Array)
            return write('add chunk', () => parts.append(name, { source, ...chunk }));
          return collect(source).then((whole) =>
            write('add chunk', () => parts.append(name, { source: whole, ...chunk })),
          );
        },
        stream: (name) => parts.stream(name),
        delete: (name) => parts.delete(name),
        list: () => parts.list(),
      },
    };
  }

  /** @param slowestMs of a write; 0 of a read, which happens at once */
  async #perform<Result>(
    life: Life,
    operation: Operation,
    work: () => Promise<Result>,
    slowestMs: number,
  ): Promise<Result> {
    const index = this.#counts[operation];
    this.#counts[operation] += 1;
    const fault = this.#faults.find((one) => one.operation === operation && one.at === index);
    if (!life.isAlive) return new Promise(() => {});
    if (fault) this.#befell(fault);
    const numbers = new KeyedNumbers('disk', this.#seed, operation, index);
    if (slowestMs > 0) await this.#sleep(life, numbers.between(0, slowestMs));
    if (fault?.what === 'killed before') return this.#killed(fault);
    // Of a chunk that was refused nothing is seen, in whatever moment it was (`server/store/part-store.ts`).
    const isLost = fault?.what === 'fails' || (fault?.what === 'fails late' && operation === 'add chunk');
    if (isLost) throw failure(numbers);
    const result = await work();
    if (fault?.what === 'killed after') return this.#killed(fault);
    if (slowestMs > 0) await this.#sleep(life, numbers.between(0, slowestMs));
    if (fault?.what === 'fails late') throw failure(numbers);
    return result;
  }

  #sleep(life: Life, milliseconds: number): Promise<void> {
    if (milliseconds === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#world.schedule(this.#world.now() + milliseconds, () => life.run(resolve));
    });
  }

  #killed({ downMs }: DiskFault): Promise<never> {
    this.#kill(downMs);
    return new Promise(() => {});
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece.slice());
  return concatBytes(...pieces);
}

function failure(numbers: KeyedNumbers): HanseError {
  if (numbers.between(0, 1) === 0) return new HanseError('storageFull', { path: 'disk of the fuzzer' });
  return new HanseError('storageFailed', { path: 'disk of the fuzzer', reason: 'a fault of the schedule' });
}
