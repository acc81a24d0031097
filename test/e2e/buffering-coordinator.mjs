/**
 * Loaded into a coordinator before its own code (`node --import`): content is read whole for each who asks, as a handler
 * that does not stream would do. What transfer-memory.test.ts measures must show it. Nothing of it is in the product.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileBlobStore } from '../../dist/server/store/file-blob-store.js';

const scratch = mkdtempSync(join(tmpdir(), 'hanse-buffering-'));
const prototype = Object.getPrototypeOf(await openFileBlobStore(scratch));
rmSync(scratch, { recursive: true });

const { stream } = prototype;
prototype.stream = async function* (sha256, range) {
  if (range) yield* stream.call(this, sha256, range);
  else yield await this.read(sha256);
};
