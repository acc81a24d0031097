/**
 * The open answers over which nodes are told what they are asked to do. SPEC.md section 9.4.
 *
 * A line is written when the tasks of a node change or a letter has come for its organisation, and a heartbeat when
 * nothing has been written for a while. Tasks are state: the newest list says all that older ones said, so that nothing
 * is kept for a node which reads slowly or not at all, and a stream that begins anew has lost nothing. While nothing
 * changes a stream costs a timer.
 *
 * Whoever reads a heartbeat answers it, by a request that is not signed but names the id of the stream, a secret that
 * nobody else has been told: a signature would cost a nonce in the store for every node and heartbeat. All that such an
 * answer can do is to keep the node live.
 */
import { toBase64Url } from '../protocol/bytes.ts';
import { isValidNode } from '../protocol/known-organisations.ts';
import { randomBytes } from '../protocol/random.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { TaskLine } from '../schemas/task-stream.ts';
import type { Coordinator } from './coordinator.ts';
import type { KnownMember } from './federation-state.ts';

/** Between two lines: less than the 60 s after which proxies, and members, give up a connection that is silent. */
export const HEARTBEAT_MS = 45_000;

/** So many streams come back in a second when all of them break: each is a signed request. */
const RETURNS_PER_SECOND = 100;
const LONGEST_SPREAD_MS = 60_000;

export class TaskStreams {
  readonly #coordinator: Coordinator;
  readonly #nodes = new Map<string, NodeId>();

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /**
   * Ends when the signal aborts, the coordinator closes, the node opens another stream, is no member any more, or has
   * left a question without an answer until the next heartbeat is due.
   */
  async *open({ nodeId }: KnownMember, signal: AbortSignal): AsyncGenerator<TaskLine, void, undefined> {
    const { presence, federation, mailboxes, closing, dependencies } = this.#coordinator;
    const { clock, random } = dependencies;
    const streamId = toBase64Url(randomBytes(random, 16));
    const stream = presence.open(nodeId);
    this.#nodes.set(streamId, nodeId);
    try {
      yield {
        type: 'opened',
        streamId,
        spreadMs: this.#spreadMs(),
        directoryVersion: federation.directoryVersion,
      };
      let told: string | undefined;
      let toldLetters = 0;
      let heartbeatAt = clock.now() + HEARTBEAT_MS;
      let named = federation.directoryVersion;
      for (;;) {
        const member = federation.member(nodeId);
        const isMember =
          member !== undefined && isValidNode(member.entry, new Date(clock.now()).toISOString());
        if (!isMember || stream.isOver || signal.aborted || closing.aborted) return;
        const { directoryVersion } = federation;
        const tasks = this.#coordinator.tasksFor(member);
        const letters = mailboxes.newest(member.organisationId);
        const news = { directoryVersion, ...(letters !== undefined && { letters }) };
        const list = JSON.stringify(tasks);
        // Whose key is replaced hears of it at once, from the directory.
        const isReplaced = member.entry.validUntil !== null && named !== directoryVersion;
        const isDue = isReplaced || clock.now() >= heartbeatAt;
        if (isDue && stream.owedMs >= HEARTBEAT_MS) return;
        const isNew = list !== told || (letters ?? 0) > toldLetters;
        if (isNew || isDue) {
          // A node has nothing to say to an empty list.
          if (tasks.length > 0 || !isNew) stream.ask();
          heartbeatAt = clock.now() + HEARTBEAT_MS;
          named = directoryVersion;
          if (isNew) yield { type: 'tasks', tasks, ...news };
          else yield { type: 'heartbeat', spreadMs: this.#spreadMs(), ...news };
          told = list;
          toldLetters = letters ?? 0;
        } else await stream.wait(Math.min(heartbeatAt, endOf(member)) - clock.now(), signal);
      }
    } finally {
      this.#nodes.delete(streamId);
      stream.close(signal.aborted);
    }
  }

  /** The node whose stream this is has read it; false if there is no such stream. */
  answer(streamId: string): boolean {
    const nodeId = this.#nodes.get(streamId);
    if (nodeId === undefined) return false;
    this.#coordinator.presence.saw(nodeId);
    return true;
  }

  #spreadMs(): number {
    const { streams } = this.#coordinator.presence;
    return Math.min(LONGEST_SPREAD_MS, Math.round((1000 * streams) / RETURNS_PER_SECOND));
  }
}

/** When the key of the member is replaced. */
function endOf({ entry }: KnownMember): number {
  return entry.validUntil === null ? Number.POSITIVE_INFINITY : Date.parse(entry.validUntil);
}
