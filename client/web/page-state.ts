/** Where the person is on the way from the invite to training, and what is known so far. */
import { signal } from '@preact/signals';
import type { Egress } from '../../schemas/egress.ts';
import type { Consent, Description } from './consent.ts';
import type { DataPreview } from './data-preview.ts';
import type { DataSelection } from './data-selection.ts';
import { NO_PROGRESS, progressed } from './progress.ts';
import type { TabEvent } from './tab-event.ts';
import type { InviteSummary, KnownMember, ParticipantWorker } from './worker-api.ts';

export type Step = 'join' | 'data' | 'consent' | 'live' | 'left';

/** `engine`: the runtime is loaded, and trains once on nothing that matters. */
export interface Work {
  readonly what: 'reading' | 'engine';
  /** 0 to 1. */
  readonly fraction: number;
}

/** Wraps functions so that the worker can call them: comlink's `proxy`, or nothing where both sides share a thread. */
export type Wrap = <Called extends object>(called: Called) => Called;

export class PageState {
  readonly step = signal<Step>('join');
  readonly isBusy = signal(true);
  /** What is being done and takes a while. */
  readonly work = signal<Work | undefined>(undefined);
  readonly problem = signal<unknown>(undefined);
  readonly link = signal('');
  readonly invite = signal<InviteSummary | undefined>(undefined);
  readonly member = signal<KnownMember | undefined>(undefined);
  /** This browser is a member, or keeps something that is none any more: it can be deleted, and must be to join anew. */
  readonly isStored = signal(false);
  readonly preview = signal<DataPreview | undefined>(undefined);
  readonly description = signal<Description | undefined>(undefined);
  readonly progress = signal(NO_PROGRESS);
  readonly isRunning = signal(false);
  /** It stops once what is under way is done, for which a question may have to be answered. */
  readonly isEnding = signal(false);
  /** As the browser says, which need not know that the coordinator cannot be reached. */
  readonly isOnline = signal(true);
  /** Waits for an answer before it is sent. */
  readonly asked = signal<{ what: Egress; answer: (mayGo: boolean) => void } | undefined>(undefined);
  readonly #worker: ParticipantWorker;
  readonly #wrap: Wrap;
  #consent: Consent = { allowPlain: false, inspectEach: false, keepModels: false };

  constructor(worker: ParticipantWorker, wrap: Wrap) {
    this.#worker = worker;
    this.#wrap = wrap;
  }

  /** @param link that the page was opened with, or the empty text */
  start = (link: string) =>
    this.#doing(async () => {
      this.link.value = link;
      this.invite.value = undefined;
      this.step.value = 'join';
      this.isStored.value = true;
      this.member.value = await this.#worker.resume();
      this.isStored.value = this.member.value !== undefined;
      if (this.member.value) this.step.value = 'data';
      else if (link) this.invite.value = await this.#worker.readInvite(link);
    });

  /** The page is given another link while it is open. Who has joined, or is joining, stays where they are. */
  follow = async (link: string) => {
    const isFree = this.step.value === 'join' || this.step.value === 'left';
    if (isFree && !this.isBusy.value) await this.start(link);
  };

  readInvite = (link: string) =>
    this.#doing(async () => {
      this.link.value = link;
      this.invite.value = await this.#worker.readInvite(link);
    });

  enrol = (name: string) =>
    this.#doing(async () => {
      this.member.value = await this.#worker.enrol(this.link.value, { name });
      this.isStored.value = true;
      this.step.value = 'data';
    });

  look = (selection: DataSelection) =>
    this.#doing(async () => {
      this.preview.value = undefined;
      this.preview.value = await this.#worker.preview(selection);
    });

  load = (selection: DataSelection) =>
    this.#doing(async () => {
      this.preview.value = await this.#worker.load(selection, this.#working('reading'));
      const report = await this.#worker.prepareEngine('auto', this.#working('engine'));
      this.progress.value = progressed(this.progress.value, { type: 'engine', report });
      this.description.value = await this.#worker.describe();
      this.step.value = 'consent';
    });

  /** Returns when taking part has begun; what ends it later is shown as it comes. */
  begin = (consent: Consent) => {
    this.#consent = consent;
    this.step.value = 'live';
    return this.resume();
  };

  resume = async () => {
    this.isRunning.value = true;
    try {
      await this.#worker.participate(
        this.#consent,
        this.#wrap((event) => {
          this.progress.value = progressed(this.progress.value, event);
          this.#takeBack(event);
          void this.#describe(event);
        }),
        this.#wrap((what: Egress) => this.#ask(what)),
      );
    } catch (error) {
      this.problem.value = error;
    } finally {
      this.isRunning.value = false;
      this.asked.value?.answer(false);
    }
  };

  /** Other data, before anything is computed with these. */
  chooseAgain = () => {
    this.step.value = 'data';
  };

  pause = () => this.#ending(() => this.#worker.pause());

  leave = (forget: boolean) =>
    this.#ending(async () => {
      await this.#worker.leave({ forget });
      if (forget) this.isStored.value = false;
      this.step.value = 'left';
    });

  #working(what: Work['what']): (fraction: number) => void {
    this.work.value = { what, fraction: 0 };
    return this.#wrap((fraction: number) => {
      if (this.work.value?.what === what) this.work.value = { what, fraction };
    });
  }

  #ask(what: Egress): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = (mayGo: boolean) => {
        this.asked.value = undefined;
        resolve(mayGo);
      };
      this.asked.value = { what, answer };
    });
  }

  /** The round went on without this update: there is nothing to decide any more. */
  #takeBack(event: TabEvent): void {
    if (event.type !== 'missed' && event.type !== 'declined') return;
    const asked = this.asked.value;
    if (asked?.what.jobId === event.jobId && asked.what.round === event.round) asked.answer(false);
  }

  /** A job that came after the consent is described as it begins. */
  async #describe(event: TabEvent): Promise<void> {
    if (event.type !== 'preparing') return;
    if (this.description.value?.jobs.some(({ jobId }) => jobId === event.jobId)) return;
    try {
      this.description.value = await this.#worker.describe();
    } catch {
      // Whoever takes part meets the same problem, and says so.
    }
  }

  async #ending(work: () => Promise<void>): Promise<void> {
    this.isEnding.value = true;
    await this.#doing(work);
    this.isEnding.value = false;
  }

  async #doing(work: () => Promise<void>): Promise<void> {
    this.isBusy.value = true;
    this.problem.value = undefined;
    try {
      await work();
    } catch (error) {
      this.problem.value = error;
    } finally {
      this.isBusy.value = false;
      this.work.value = undefined;
    }
  }
}
