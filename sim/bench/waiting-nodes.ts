/**
 * Participants that wait: enrols as many as the first argument says, with invites of the operator whose identity file is
 * the second, and keeps the stream of each open and answered, as `hanse join` does. Prints a line once all have begun to
 * wait, and ends when it is told to.
 *
 * Each has connections of its own, as it would have on a machine of its own. All are nodes of one organisation.
 */
import { primitives } from '#primitives';
import { connect, enrol } from '../../client/enrol.ts';
import { IDLE_MS } from '../../client/exchange.ts';
import { type Identity, readIdentity } from '../../client/identity.ts';
import { nodeExchange, nodeExchangeWithin } from '../../client/node-exchange.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { TaskFeed } from '../../client/task-feed.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { randomBytes } from '../../protocol/random.ts';

/** So many enrol at the same time. */
const AT_ONCE = 20;
const ORGANISATION = 'waiting.example';

/** Resolves when `count` nodes have begun to wait; they do until the signal aborts. */
export async function keepWaiting(operator: Identity, count: number, signal: AbortSignal): Promise<void> {
  const { server, federationId, coordinatorKey } = operator;
  const { random } = primitives;
  const api = await connect(operator, systemClock, { exchange: nodeExchange });
  const organisation = await primitives.signer(randomBytes(random, 32));
  const body = { role: 'participant', organisationId: ORGANISATION, lifetimeSeconds: 3600 } as const;
  const start = async (index: number) => {
    const invite = await api.call('createInvite', { body });
    const link = { server, federationId, coordinatorKey, ...invite };
    const exchange = nodeExchangeWithin(IDLE_MS);
    const identity = await enrol(link, `node-${index}`, systemClock, { exchange, organisation });
    const pauses = { clock: systemClock, random, ...DEFAULT_PAUSES };
    const node = retryingCoordinator(await connect(identity, systemClock, { exchange }), pauses);
    const feed = new TaskFeed({ api: node, clock: systemClock, random, signal, waitSeconds: 20 });
    await feed.next();
    void wait(feed, signal);
  };
  let next = 0;
  const work = async () => {
    while (next < count && !signal.aborted) {
      const index = next;
      next += 1;
      await start(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work));
}

async function wait(feed: TaskFeed, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) await feed.next();
  } catch (error) {
    process.stderr.write(`${error}\n`);
  }
}

const [, script = '', count, file] = process.argv;
if (script.endsWith('waiting-nodes.js') && file !== undefined) {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  await keepWaiting(await readIdentity(file), Number(count), stop.signal);
  process.stdout.write(`${JSON.stringify({ waiting: Number(count) })}\n`);
}
