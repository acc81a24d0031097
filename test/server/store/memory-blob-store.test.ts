// covers: server/store/memory-blob-store.ts, server/store/blob-store.ts
import { memoryBlobStore } from '../../../server/store/memory-blob-store.ts';
import { blobStoreContract } from '../../contract/blob-store.ts';

blobStoreContract('the blob store in memory', async () => {
  const blobs = memoryBlobStore();
  return { blobs, dispose: async () => {} };
});
