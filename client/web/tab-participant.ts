/**
 * The participant that lives in the worker of a tab: `worker-api.ts`, on what a browser offers by `tab-platform.ts`.
 *
 * It runs the code that a node runs, with other shells. What a person has consented to is a policy like any owner's, and
 * the same gate keeps it.
 */
import { type InviteLink, parseInviteLink } from '../../protocol/invite-link.ts';
import { HanseError } from '../../protocol/problem.ts';
import { requireSound, type SelfTest, selfTest } from '../../protocol/secagg/self-test.ts';
import type { Egress } from '../../schemas/egress.ts';
import { chooseProvider } from '../engine/choose-provider.ts';
import type { ExecutionProvider } from '../engine/provider.ts';
import { readBudgetState } from './budget-state.ts';
import type { Consent, Description, NodeChoice } from './consent.ts';
import type { DataPreview } from './data-preview.ts';
import type { DataSelection } from './data-selection.ts';
import { describeJobs } from './describe-jobs.ts';
import type { EngineReport } from './engine-report.ts';
import { identityTurn } from './identity-turn.ts';
import { connectTab } from './tab-connection.ts';
import type { TabEvent } from './tab-event.ts';
import { enrolTab, readTabIdentity, type TabIdentity } from './tab-identity.ts';
import { TabLife } from './tab-life.ts';
import type { ReadData, TabPlatform } from './tab-platform.ts';
import type { TabStore } from './tab-store.ts';
import { warmUp } from './warm-up.ts';
import type { InviteSummary, KnownMember, ParticipantWorker } from './worker-api.ts';

type ParticipantRole = KnownMember['role'];

export class TabParticipant implements ParticipantWorker {
  readonly #platform: TabPlatform;
  #store: Promise<TabStore> | undefined;
  #identity: TabIdentity | undefined;
  #provider: ExecutionProvider | undefined;
  #report: EngineReport | undefined;
  #selfTest: Promise<SelfTest> | undefined;
  #data: ReadData | undefined;
  #life: TabLife | undefined;

  constructor(platform: TabPlatform) {
    this.#platform = platform;
  }

  async resume(): Promise<KnownMember | undefined> {
    this.#identity = await readTabIdentity(await this.#opened());
    return this.#identity && knownMember(this.#identity);
  }

  async readInvite(link: string): Promise<InviteSummary> {
    const { server, federationId, organisationId, role } = readLink(link, this.#platform.origin);
    return { server, federationId, organisationId, role };
  }

  /** One tab at a time: of two the later would write its key over that of the earlier, whose member would be lost. */
  async enrol(link: string, { name }: NodeChoice): Promise<KnownMember> {
    const { clock, exchange, locks } = this.#platform;
    const store = await this.#opened();
    const turn = await identityTurn(locks, 'enrolment', new AbortController().signal, () => {});
    try {
      this.#identity = await enrolTab(readLink(link, this.#platform.origin), name, {
        store,
        clock,
        exchange,
      });
    } finally {
      turn.end();
    }
    return knownMember(this.#identity);
  }

  async prepareEngine(
    asked: 'auto' | 'webgpu' | 'wasm',
    progress: (fraction: number) => void,
  ): Promise<EngineReport> {
    const { threads, elapsed, candidates } = this.#platform;
    progress(0);
    this.#selfTest ??= selfTest(candidates, elapsed);
    const { report } = await this.#selfTest;
    requireSound(report);
    const from = elapsed();
    const providers = await this.#platform.providers();
    const { provider } = await chooseProvider(asked, { candidates: providers, threads });
    progress(0.5);
    await warmUp(provider);
    progress(1);
    this.#provider = provider;
    this.#report = {
      provider: provider.name === 'webgpu' ? 'webgpu' : 'wasm',
      threads: provider.threads,
      reason: provider.reason,
      warmUpMs: elapsed() - from,
      selfTest: report,
    };
    return this.#report;
  }

  async preview(selection: DataSelection): Promise<DataPreview> {
    return (await this.#platform.readData(selection, false, () => {})).preview;
  }

  async load(selection: DataSelection, progress: (fraction: number) => void): Promise<DataPreview> {
    const data = await this.#platform.readData(selection, true, progress);
    this.#data = data;
    return data.preview;
  }

  async describe(): Promise<Description> {
    const { member, signer } = this.#known();
    const api = await connectTab(member, signer, this.#platform);
    const jobs = await describeJobs(api);
    if (!this.#data) return { rows: 0, jobs };
    const { count: rows, name } = this.#data.examples;
    const budget = await readBudgetState(await this.#opened(), name);
    return { rows, jobs, ...(budget && { budget }) };
  }

  async participate(
    consent: Consent,
    observe: (event: TabEvent) => void,
    inspect: (what: Egress) => Promise<boolean>,
  ): Promise<void> {
    if (this.#life) throw new HanseError('identityInUse', { file: 'this tab, which takes part already' });
    const identity = this.#known();
    const { examples } = this.#data ?? missing('choose data before taking part');
    const provider = this.#provider ?? missing('prepare the engine before taking part');
    const stored = this.#opened();
    const tested = this.#selfTest ?? missing('prepare the engine before taking part');
    const given = { identity, stored, examples, provider, consent, observe, inspect, tested };
    const equipment = { ...this.#platform, ...given };
    // Before anything is waited for: who takes part twice would answer twice.
    const life = new TabLife(equipment);
    this.#life = life;
    try {
      if (this.#report) observe({ type: 'engine', report: this.#report });
      await life.run();
    } finally {
      this.#life = undefined;
    }
  }

  async pause(): Promise<void> {
    await this.#life?.pause();
  }

  async leave({ forget }: { readonly forget: boolean }): Promise<void> {
    await this.#life?.leave();
    this.#data = undefined;
    if (!forget) return;
    const store = await this.#opened();
    await this.#platform.models.forget();
    await store.forget();
    this.#identity = undefined;
    this.#store = undefined;
  }

  /** A failure to open is not kept: the person may permit it meanwhile. */
  #opened(): Promise<TabStore> {
    this.#store ??= this.#platform.openStore().catch((error: unknown) => {
      this.#store = undefined;
      throw error;
    });
    return this.#store;
  }

  #known(): TabIdentity {
    return this.#identity ?? missing('open an invite link before taking part');
  }
}

function missing(reason: string): never {
  throw new HanseError('usage', { reason });
}

/** Throws `invalidFormat`, `plainHttpRefused`; `roleRefused` for an invite with which nobody takes part. */
function readLink(text: string, origin: string | undefined): InviteLink & { readonly role: ParticipantRole } {
  const link = parseInviteLink(text);
  if (origin !== undefined && link.server !== origin)
    throw new HanseError('invalidFormat', {
      where: 'invite link',
      expected: `must be one of ${origin}, whose page this is: open the link itself`,
    });
  return { ...link, role: participantRole(link.role) };
}

function participantRole(role: string): ParticipantRole {
  if (role === 'participant' || role === 'evaluator') return role;
  throw new HanseError('roleRefused', { role, needs: 'participant or evaluator' });
}

function knownMember({ member, keyKind }: TabIdentity): KnownMember {
  const { nodeId, name, organisationId, federationId, server, role } = member;
  return { nodeId, name, organisationId, federationId, server, role: participantRole(role), keyKind };
}
