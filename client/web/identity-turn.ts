/**
 * One tab at a time takes part with an identity; the others wait for their turn. W3C Web Locks API.
 *
 * The lock ends with the tab, whatever ends it, and the browser gives it to the next that waits. While a tab holds one, a
 * browser does not freeze it in the background either.
 */

export interface Turn {
  /** Idempotent. */
  end(): void;
}

/** What is asked of `navigator.locks`. */
export type Locks = Pick<LockManager, 'request'>;

/**
 * Resolves when it is this tab's turn.
 * @param what the node whose identity it is, or `enrolment` while there is none
 * @param locks undefined where a browser has none: then it is always
 * @param onWaiting called once if another tab has it
 * @throws the reason of the signal, if that aborts before
 */
export async function identityTurn(
  locks: Locks | undefined,
  what: string,
  signal: AbortSignal,
  onWaiting: () => void,
): Promise<Turn> {
  signal.throwIfAborted();
  if (!locks) return { end: () => {} };
  const name = `hanse/${what}`;
  const atOnce = await held(locks, name, { ifAvailable: true });
  if (atOnce) return atOnce;
  onWaiting();
  const later = await held(locks, name, { signal });
  if (!later) throw new Error('unreachable: a lock that is waited for is given');
  return later;
}

function held(locks: Locks, name: string, options: LockOptions): Promise<Turn | undefined> {
  return new Promise((resolve, reject) => {
    locks
      .request(name, options, (lock) => {
        if (!lock) return resolve(undefined);
        return new Promise<void>((end) => resolve({ end: () => end() }));
      })
      .catch(reject);
  });
}
