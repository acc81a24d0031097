/**
 * Loaded into a coordinator before its own code (`node --import`): every update that arrives is held in memory, however
 * many there are. What stalled-senders.test.ts measures must show it. Nothing of it is in the product.
 */
import { UpdateMemory } from '../../dist/server/update-memory.js';

UpdateMemory.prototype.withBuffer = async (length, work) => work(new Uint8Array(length));
