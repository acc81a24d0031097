/** Parts that are forgotten when the process ends: the contract of `part-store.ts`, for simulations and tests. */
import { HanseError } from '../../protocol/problem.ts';
import { checkedChunk } from './checked-chunk.ts';
import { type Chunk, checkPartName, type PartStore, type StoredPart } from './part-store.ts';

interface Part {
  readonly note: Uint8Array;
  readonly chunks: Uint8Array[];
}

export function memoryPartStore(): PartStore {
  return new MemoryPartStore();
}

class MemoryPartStore implements PartStore {
  readonly #parts = new Map<string, Part>();

  async begin(name: string, note: Uint8Array): Promise<void> {
    checkPartName(name);
    this.#parts.set(name, { note: note.slice(), chunks: [] });
  }

  async append(name: string, chunk: Chunk): Promise<void> {
    const part = this.#find(name);
    const pieces: Uint8Array[] = [];
    for await (const piece of checkedChunk(chunk)) pieces.push(new Uint8Array(piece));
    part.chunks.push(...pieces);
  }

  async *stream(name: string): AsyncIterable<Uint8Array> {
    yield* this.#find(name).chunks;
  }

  async delete(name: string): Promise<void> {
    checkPartName(name);
    this.#parts.delete(name);
  }

  async list(): Promise<StoredPart[]> {
    return [...this.#parts].map(([name, { note, chunks }]) => ({
      name,
      note,
      bytes: chunks.reduce((bytes, chunk) => bytes + chunk.length, 0),
    }));
  }

  #find(name: string): Part {
    checkPartName(name);
    const part = this.#parts.get(name);
    if (!part) throw new HanseError('storageFailed', { path: name, reason: 'no such part' });
    return part;
  }
}
