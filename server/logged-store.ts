/**
 * A store whose events are in an audit log before anybody hears of them: an append resolves once its events are durable in both,
 * and under a signed checkpoint.
 */
import type { AuditSequencer } from './audit-sequencer.ts';
import type { Store, StoredEvent } from './store/store.ts';

/**
 * As `store`, but for `append`, which may also throw what the log throws. Then its events are in the store, and reach the log
 * with the next append or start: whoever appended reads the stream again, as after any failure.
 */
export function loggedStore(store: Store, sequencer: Pick<AuditSequencer, 'reach'>): Store {
  const issued = new Set<Promise<StoredEvent[]>>();
  const append: Store['append'] = async (...args) => {
    const stored = await store.append(...args);
    const last = stored.at(-1);
    if (last) await sequencer.reach(last.position);
    return stored;
  };
  return {
    append(...args) {
      const appended = append(...args);
      issued.add(appended);
      const forget = () => issued.delete(appended);
      appended.then(forget, forget);
      return appended;
    },
    read: (...args) => store.read(...args),
    readAll: (...args) => store.readAll(...args),
    streams: (prefix) => store.streams(prefix),
    claimOnce: (...args) => store.claimOnce(...args),
    async close() {
      await Promise.allSettled(issued);
      await store.close();
    },
  };
}
