// covers: server/store/memory-store.ts, server/store/store.ts
import { memoryStore } from '../../../server/store/memory-store.ts';
import { storeContract } from '../../contract/store.ts';

storeContract('the store in memory', async () => {
  const store = memoryStore();
  return { store, dispose: () => store.close() };
});
