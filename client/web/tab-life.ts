/**
 * One stretch in which a tab takes part: from its turn with the identity until it is paused, left, closed, or no member
 * any more. What a node's `commands/join.ts` puts together is put together here from what a browser has.
 */
import { primitives } from '#primitives';
import { HanseError } from '../../protocol/problem.ts';
import type { SelfTest } from '../../protocol/secagg/self-test.ts';
import type { Egress } from '../../schemas/egress.ts';
import type { DataBudget } from '../../schemas/node-config.ts';
import type { NodePolicy } from '../../schemas/node-policy.ts';
import type { TrainTask } from '../../schemas/task.ts';
import { AnswerJournal } from '../answer-journal.ts';
import type { EgressInspector } from '../contribute.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import type { Examples } from '../data/examples.ts';
import { DirectoryWatch } from '../directory-watch.ts';
import type { ExecutionProvider } from '../engine/provider.ts';
import { JobCache } from '../job-cache.ts';
import { Mailbox } from '../mailbox.ts';
import { NodeLedger } from '../node-ledger.ts';
import { participate } from '../participant.ts';
import type { ParticipantEvent } from '../participant-event.ts';
import type { TaskOptions } from '../perform-task.ts';
import { PolicyGate } from '../policy-gate.ts';
import type { PrivacyGuard } from '../privacy-guard.ts';
import { securePartyOf } from '../secure-party.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { budgetState } from './budget-state.ts';
import type { BudgetState, Consent } from './consent.ts';
import { countedTraffic } from './counted-traffic.ts';
import { identityTurn } from './identity-turn.ts';
import { JobNews } from './job-news.ts';
import { watchSleep } from './sleep-watch.ts';
import { connectTab } from './tab-connection.ts';
import type { TabEvent } from './tab-event.ts';
import { releasedEvent, tabEventOf, told } from './tab-event-of.ts';
import type { TabIdentity } from './tab-identity.ts';
import { type OpeningTabGuard, tabPrivacyGuard } from './tab-ledger.ts';
import type { TabPlatform } from './tab-platform.ts';
import {
  forgetOldAnswers,
  tabAnswerLog,
  tabAttemptLog,
  tabDirectoryPin,
  tabLetterLog,
  tabSpending,
} from './tab-records.ts';
import type { TabStore } from './tab-store.ts';

export interface TabEquipment extends TabPlatform {
  readonly identity: TabIdentity;
  /** Rejects with what opening it throws. */
  readonly stored: Promise<TabStore>;
  readonly examples: Examples;
  readonly provider: ExecutionProvider;
  readonly consent: Consent;
  /** What the self-test of the primitives has found. */
  readonly tested: Promise<SelfTest>;
  observe(event: TabEvent): void;
  inspect(what: Egress): Promise<boolean>;
}

/** How long the coordinator may hold a request for tasks. */
const WAIT_SECONDS = 20;
/** So long a coordinator that says nothing may hold up who leaves: it is told again and again otherwise. */
const LAST_WORDS_MS = 3000;
/** Traffic is told at most so often. */
const TRAFFIC_MS = 250;

export class TabLife {
  readonly #equipment: TabEquipment;
  readonly #end = new AbortController();
  readonly #leaving = new AbortController();
  #gate: PolicyGate | undefined;
  #budgetState: (() => Promise<BudgetState | undefined>) | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** The update that is about to leave, or has just left. */
  #egress: Egress | undefined;

  constructor(equipment: TabEquipment) {
    this.#equipment = equipment;
  }

  /**
   * Resolves when the tab has stopped.
   * @throws what ends a membership, as `participate`; what the store throws
   */
  run(): Promise<void> {
    const life = this.#run();
    this.#ended = life.catch(() => {}); // told to whoever runs it
    return life;
  }

  /** Brings to its end what has been begun; resolves when the tab has stopped. */
  async pause(): Promise<void> {
    if (this.#gate) this.#gate.setPaused(true);
    else this.#end.abort();
    await this.#ended;
  }

  /** Declines what is under way, if the coordinator listens; resolves when the tab has stopped. */
  async leave(): Promise<void> {
    const { clock } = this.#equipment;
    this.#leaving.abort();
    if (!this.#gate) this.#end.abort();
    const cancel = clock.schedule(clock.now() + LAST_WORDS_MS, () => this.#end.abort());
    await this.#ended;
    cancel();
  }

  async #run(): Promise<void> {
    const { identity, locks, observe } = this.#equipment;
    const { signal } = this.#end;
    try {
      const waiting = () => observe({ type: 'waiting', why: 'otherTab' });
      const turn = await identityTurn(locks, identity.member.nodeId, signal, waiting);
      try {
        await this.#takePart();
      } finally {
        turn.end();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#end.abort();
    }
  }

  async #takePart(): Promise<void> {
    const { clock, provider, examples, consent, models } = this.#equipment;
    const store = await this.#equipment.stored;
    const { member } = this.#equipment.identity;
    const { signal } = this.#end;
    await forgetOldAnswers(store);
    const line = await this.#connect();
    const api = consent.keepModels ? models.around(line) : line;
    const news = new JobNews(api, signal, (jobId, round) =>
      this.#equipment.observe(releasedEvent(jobId, round)),
    );
    const observe = (event: ParticipantEvent) => void this.#observe(event, news);
    const pin = tabDirectoryPin(store, member);
    const directory = await DirectoryWatch.open({ api, member, observe, pin });
    const log = tabLetterLog(store);
    // No letter has a meaning yet beyond being shown.
    const mailbox = new Mailbox({
      api,
      reader: member,
      directory,
      log,
      clock,
      observe,
      receive: async () => {},
    });
    const { ledger, written } = await this.#ledger(store);
    const policy = policyOf(consent);
    const gate = new PolicyGate({ policy, limits: {}, clock, ledger, directory: () => directory.pinned });
    this.#gate = gate;
    const { signer } = this.#equipment.identity;
    const tested = await this.#equipment.tested;
    const party = securePartyOf({
      ...{ member, signer, directory, gate, clock, tested },
      log: tabAttemptLog(store),
    });
    const budget = this.#budget();
    const dataSets = [{ examples, version: '1', allowSingleClass: false, ...(budget && { budget }) }];
    const privacy = await this.#privacy({ store, clock, dataSets, directory: () => directory.pinned });
    const jobs = new JobCache(provider);
    try {
      void watchSleep(clock, signal, () => this.#equipment.observe({ type: 'waiting', why: 'hidden' }));
      await participate({
        role: member.role === 'evaluator' ? 'evaluator' : 'participant',
        ...{ api, directory, mailbox, provider, jobs, gate, ledger, clock, signal, observe },
        ...{ dataSets, privacy },
        buffers: new SpareBuffers(),
        randomFor: async () => primitives.random,
        leaving: this.#leaving.signal,
        inspector: this.#inspector(),
        party,
        answers: new AnswerJournal(tabAnswerLog(store, clock)),
        onProgress: this.#progress(),
        waitSeconds: WAIT_SECONDS,
      });
    } finally {
      await jobs.release();
      await written();
    }
  }

  /** Keeps the budgets; what is left of them is told from now on. */
  async #privacy(opening: OpeningTabGuard): Promise<PrivacyGuard> {
    const { guard, view } = await tabPrivacyGuard(opening);
    const { name } = this.#equipment.examples;
    this.#budgetState = async () => view && budgetState(await view(), name);
    await this.#tellBudget();
    return guard;
  }

  /** Tells how far a training is, and at its beginning what was drawn for it. */
  #progress(): NonNullable<TaskOptions['onProgress']> {
    let begun: TrainTask | undefined;
    return (task, { step, steps, loss }) => {
      // The first run of a lot is several steps.
      if (task !== begun) void this.#tellBudget();
      begun = task;
      const { jobId, round } = task;
      this.#equipment.observe({ type: 'training', jobId, round, step, steps, loss });
    };
  }

  /** None where two tabs could spend it at the same time. */
  #budget(): DataBudget | undefined {
    const { consent, locks, observe } = this.#equipment;
    if (!consent.budget || locks) return consent.budget;
    const reason = 'the browser has no Web Locks, so another tab could spend the same budget';
    observe({
      type: 'problem',
      ...told(new HanseError('browserStorageBlocked', { what: 'the privacy ledger', reason })),
    });
    return undefined;
  }

  #connect(): Promise<CoordinatorApi> {
    const { identity, observe, elapsed, isOnline } = this.#equipment;
    let toldAt = Number.NEGATIVE_INFINITY;
    const exchange = countedTraffic(this.#equipment.exchange, (total) => {
      if (elapsed() - toldAt < TRAFFIC_MS) return;
      toldAt = elapsed();
      observe({ type: 'traffic', ...total });
    });
    const onRetry = (problem: HanseError) => {
      if (!isOnline()) observe({ type: 'waiting', why: 'offline' });
      else observe({ type: 'problem', ...told(problem) });
    };
    return connectTab(
      identity.member,
      identity.signer,
      { ...this.#equipment, exchange },
      { signal: this.#end.signal, onRetry },
    );
  }

  /** What was spent is written after each entry, one writing after the other. */
  async #ledger(store: TabStore): Promise<{ readonly ledger: NodeLedger; written(): Promise<void> }> {
    const { observe } = this.#equipment;
    const spending = tabSpending(store);
    let writing: Promise<void> = Promise.resolve();
    const ledger: NodeLedger = new NodeLedger(await spending.read(), () => {
      writing = writing
        .then(() => spending.write(ledger.toJSON()))
        .catch((error: unknown) => {
          if (error instanceof HanseError) observe({ type: 'problem', ...told(error) });
        });
    });
    return { ledger, written: () => writing };
  }

  /** Also of a ledger that cannot be read any more a person is told: by the job that it declines. */
  async #tellBudget(): Promise<void> {
    const state = await this.#budgetState?.().catch(() => undefined);
    if (state) this.#equipment.observe({ type: 'budget', state });
  }

  #inspector(): EgressInspector {
    const { consent, inspect } = this.#equipment;
    return {
      isWatching: () => true,
      inspect: async (egress, signal) => {
        this.#egress = egress;
        if (!consent.inspectEach) return;
        // A person may look for longer than a round lasts.
        if (!(await unlessAborted(inspect(egress), signal)))
          throw new HanseError('egressRefused', { round: egress.round });
      },
    };
  }

  async #observe(event: ParticipantEvent, news: JobNews): Promise<void> {
    const egress = this.#egress;
    // In the order in which things happen, but for the name, which has to be asked for.
    const name = event.type === 'preparing' ? await news.nameOf(event.task.jobId) : '';
    const shown = tabEventOf(event, egress, () => name);
    if (shown) this.#equipment.observe(shown);
    if (event.type === 'contributed' || event.type === 'declined') await this.#tellBudget();
    if (event.type === 'waiting' && event.why === 'paused') this.#end.abort();
  }
}

function policyOf({ allowPlain, purposes }: Consent): NodePolicy {
  return { allowPlainAggregation: allowPlain, ...(purposes && { purposes: [...purposes] }) };
}
