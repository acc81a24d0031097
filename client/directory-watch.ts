/**
 * A member watches the directory of its federation: it pins the first version that it sees, believes a later one only
 * if it follows from that, and shows its owner what has changed. SPEC.md section 4.6.
 *
 * Why changes are shown before they are stored: a member that is killed in between shows them twice, and not never.
 */
import type { PinnedFederation } from '../protocol/admission.ts';
import { checkDirectory, invalid, statementSha256 } from '../protocol/directory.ts';
import { checkSuccession, type DirectoryChange, directoryChanges } from '../protocol/directory-succession.ts';
import type { Directory } from '../schemas/directory.ts';
import type { CoordinatorApi } from './coordinator-api.ts';

/** Where the pinned version is kept. */
export interface DirectoryPin {
  /** Undefined where nothing has been pinned yet. */
  read(): Promise<Directory | undefined>;
  /** It is durable once this resolves. */
  write(directory: Directory): Promise<void>;
}

/** A version of the directory, by what people compare with others. */
export interface NamedVersion {
  readonly version: number;
  /** Of its statement. */
  readonly sha256: string;
}

export type DirectoryEvent =
  | ({
      readonly type: 'directoryPinned';
      readonly organisations: number;
      readonly nodes: number;
    } & NamedVersion)
  | ({ readonly type: 'directoryChanged' } & NamedVersion & DirectoryChange);

/** The one who watches. */
export interface WatchingMember extends PinnedFederation {
  readonly nodeId: string;
  readonly organisationId: string;
}

export interface DirectoryWatchOptions {
  /** Should repeat what fails for a while: `retrying-coordinator.ts`. */
  readonly api: CoordinatorApi;
  readonly member: WatchingMember;
  readonly pin: DirectoryPin;
  observe(event: DirectoryEvent): void;
  /** Told once a version is pinned in which this node, not revoked, has taken the place of the member. */
  readonly onSuccessor?: (nodeId: string) => void;
}

export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions;
  #pinned: Directory | undefined;
  /** The newest version that the coordinator has named. */
  #named = 0;
  #following: Promise<void> | undefined;

  private constructor(options: DirectoryWatchOptions, pinned: Directory | undefined) {
    this.#options = options;
    this.#pinned = pinned;
  }

  /** Throws `directoryUnreadable`. */
  static async open(options: DirectoryWatchOptions): Promise<DirectoryWatch> {
    return new DirectoryWatch(options, await options.pin.read());
  }

  /** Undefined while nothing has been pinned, now or at an earlier start. */
  get pinned(): Directory | undefined {
    return this.#pinned;
  }

  /**
   * Resolves once what the coordinator has is pinned; at once if that is the version named. Versions named while one is
   * fetched are one request more.
   * @param version that the coordinator has named; absent: whatever it has is fetched
   * @throws `directoryRolledBack`, `directoryForked`, `directoryInvalid`; those of writing; what `api` throws
   */
  async follow(version: number | undefined, signal: AbortSignal): Promise<void> {
    if (version !== undefined && version === this.#version && !this.#following) return;
    this.#named = version ?? 0;
    this.#following ??= this.#followNamed(signal).finally(() => {
      this.#following = undefined;
    });
    await this.#following;
  }

  /** Resolves once nothing is fetched any more, whatever came of it. */
  async settled(): Promise<void> {
    await this.#following?.catch(() => {}); // told to whoever follows
  }

  async #followNamed(signal: AbortSignal): Promise<void> {
    for (let named: number | undefined; named !== this.#named; ) {
      named = this.#named;
      await this.#fetch(signal);
      if (this.#named === this.#version) return;
    }
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { api, member, pin, observe } = this.#options;
    const before = this.#pinned;
    const query = before ? { after: String(before.statement.version) } : {};
    const answer = await api.call('getDirectory', { query }, { signal });
    const { directory } = answer;
    if (before) await checkSuccession(before, answer, member);
    else await checkDirectory(directory, member);
    checkListed(directory, member);
    const { statement, organisations } = directory;
    if (before && before.statement.version === statement.version) return;
    const named = { version: statement.version, sha256: await statementSha256(statement) };
    if (before)
      for (const change of directoryChanges(before, directory))
        observe({ type: 'directoryChanged', ...named, ...change });
    else {
      const nodes = organisations.reduce((sum, organisation) => sum + organisation.nodes.length, 0);
      observe({ type: 'directoryPinned', ...named, organisations: organisations.length, nodes });
    }
    await pin.write(directory);
    this.#pinned = directory;
    const successor = successorOf(directory, member.nodeId);
    if (successor !== undefined) this.#options.onSuccessor?.(successor);
  }

  get #version(): number | undefined {
    return this.#pinned?.statement.version;
  }
}

/** Throws `directoryInvalid` where the member itself is missing: others would then not know it. */
function checkListed(
  { statement, organisations }: Directory,
  { nodeId, organisationId }: WatchingMember,
): void {
  const own = organisations.find((organisation) => organisation.organisationId === organisationId);
  if (!own?.nodes.some((node) => node.nodeId === nodeId))
    throw invalid(statement, `this node, ${nodeId} of ${organisationId}, is not in it`);
}

function successorOf({ organisations }: Directory, nodeId: string): string | undefined {
  return organisations
    .flatMap(({ nodes }) => nodes)
    .find(
      ({ proof, revokedAt }) => proof.type === 'succession' && proof.from === nodeId && revokedAt === null,
    )?.nodeId;
}
