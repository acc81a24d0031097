import { describe } from 'vitest';
import { memoryPartStore } from '../../../server/store/memory-part-store.ts';
import { partStoreContract } from '../../contract/part-store.ts';

describe('parts in memory', () =>
  partStoreContract(async () => ({ parts: memoryPartStore(), dispose: async () => {} })));
