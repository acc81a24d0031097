// covers: sim/fuzz/campaign.ts, sim/fuzz/referee.ts
/**
 * Whether the fuzzer finds what it is there to find: mistakes in the place of the right behaviour, each of which must be
 * found within a number of seeds, shrunk to few faults, and replayed. Production, on the same seeds, breaks no rule.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { isProblem } from '../../../protocol/problem.ts';
import type { JobState } from '../../../protocol/round-state.ts';
import { payloadOf } from '../../../protocol/vector.ts';
import type { JobEvent } from '../../../schemas/job-event.ts';
import { JobRunner } from '../../../server/job-runner.ts';
import type { BlobStore } from '../../../server/store/blob-store.ts';
import type { Store, StoredEvent } from '../../../server/store/store.ts';
import { UpdateSum } from '../../../server/update-sum.ts';
import { type Find, runCampaign } from '../../../sim/fuzz/campaign.ts';
import { runSchedule, type Wrappers } from '../../../sim/fuzz/run-schedule.ts';

type Step = typeof import('../../../protocol/round.ts').step;

/** What stands in the place of the reducer, if anything does. */
const reducer = vi.hoisted(() => ({ around: undefined as ((step: Step) => Step) | undefined }));
vi.mock('../../../protocol/round.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../protocol/round.ts')>();
  const step: Step = (...input) => (reducer.around?.(original.step) ?? original.step)(...input);
  return { ...original, step };
});

/** What stands in the place of knowing which key has replaced which. */
const members = vi.hoisted(() => ({ successorsOf: undefined as (() => Map<string, string>) | undefined }));
vi.mock('../../../server/membership.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../server/membership.ts')>();
  const successorsOf: typeof original.successorsOf = (...input) =>
    (members.successorsOf ?? original.successorsOf)(...input);
  return { ...original, successorsOf };
});

interface Planted {
  readonly mistake: string;
  /** The first seed, where it would take long to come to one that finds it; 0 if not given. */
  readonly from?: number;
  /** Seeds within which it must be found, and the rules that it may break first. */
  readonly within: number;
  readonly breaks: readonly string[];
  /** Puts it in its place; `afterEach` takes it out. */
  plant(): Wrappers | undefined;
}

const PLANTED: readonly Planted[] = [
  {
    mistake: 'an event is acknowledged before it is on the disk',
    within: 200,
    breaks: ['acknowledged is durable', 'nothing is known before it is durable'],
    plant: () => ({ store: eager }),
  },
  {
    mistake: 'an update is acknowledged before its content is on the disk',
    within: 300,
    breaks: ['acknowledged is durable'],
    plant: () => ({ blobs: eagerBlobs }),
  },
  {
    mistake: 'an update that comes twice counts twice',
    within: 300,
    // The sum of the weights may then be out of its range, which voids the attempt.
    breaks: ['each update once', 'a model is what its updates make it', 'nothing fails by itself'],
    plant: () => {
      const delivered = new WeakMap<UpdateSum, Uint8Array[]>();
      const { add, over } = UpdateSum.prototype;
      vi.spyOn(UpdateSum.prototype, 'add').mockImplementation(function (
        this: UpdateSum,
        node,
        sha256,
        content,
      ) {
        if (content) delivered.set(this, [...(delivered.get(this) ?? []), payloadOf(content.slice())]);
        add.call(this, node, sha256, content);
      });
      vi.spyOn(UpdateSum.prototype, 'over').mockImplementation(async function (this: UpdateSum, updates) {
        const sum = await over.call(this, updates);
        const payloads = delivered.get(this) ?? [];
        if (payloads.length <= updates.size) return sum;
        sum.clear();
        for (const payload of payloads) sum.add(payload);
        return sum;
      });
      return undefined;
    },
  },
  {
    mistake: 'an update that comes too late is acknowledged',
    within: 200,
    breaks: ['acknowledged is durable'],
    plant: () => ({
      handlers: (handlers) => ({
        ...handlers,
        putUpdate: (request) =>
          handlers.putUpdate(request).catch((error: unknown) => {
            if (!isProblem(error, 'messageLate')) throw error;
            return { sha256: request.body.sha256, bytes: request.body.length ?? 0 };
          }),
      }),
    }),
  },
  {
    mistake: 'a stream is not read again after an append has failed',
    within: 200,
    breaks: ['the job ends', 'nothing fails by itself'],
    plant: () => ({ store: forgetful }),
  },
  {
    mistake: 'what a job owes is not taken up after a restart',
    within: 100,
    breaks: ['the job ends'],
    plant: () => {
      const { start } = JobRunner.prototype;
      vi.spyOn(JobRunner.prototype, 'start').mockImplementation(function (this: JobRunner) {
        if (this.sequence <= 1) start.call(this);
      });
      return undefined;
    },
  },
  {
    mistake: 'a deadline is not set again after a restart',
    within: 400,
    breaks: ['the job ends'],
    plant: () => {
      const { start } = JobRunner.prototype;
      vi.spyOn(JobRunner.prototype, 'start').mockImplementation(function (this: JobRunner) {
        if (this.exists && this.state.phase !== 'collecting') start.call(this);
      });
      return undefined;
    },
  },
  {
    mistake: 'the minimum is one too small',
    within: 200,
    breaks: ['states move forward', 'a cohort comes first', 'nothing after the close'],
    plant: () =>
      planReducer((step) => (state, event, at) => {
        const { cohort } = state.manifest;
        const lenient = { ...cohort, minimum: Math.max(1, cohort.minimum - 1) };
        const [after, effects] = step(
          { ...state, manifest: { ...state.manifest, cohort: lenient } },
          event,
          at,
        );
        const isSame = effects.some(({ type }) => type === 'refuse');
        return [isSame ? state : { ...after, manifest: state.manifest }, effects];
      }),
  },
  {
    mistake: 'a node that has declined is counted all the same',
    within: 400,
    breaks: ['one word of each node'],
    plant: () =>
      planReducer((step) => (state, event, at) => {
        const isUpdate = event.type === 'updateAccepted';
        if (!isUpdate || !state.declined.has(event.node)) return step(state, event, at);
        const declined = new Map(state.declined);
        declined.delete(event.node);
        return step({ ...state, declined }, event, at);
      }),
  },
  {
    mistake: 'a second update of a node takes the place of the first',
    within: 800,
    breaks: ['one word of each node'],
    plant: () =>
      planReducer((step) => (state, event, at) => {
        const before = event.type === 'updateAccepted' && state.accepted.get(event.node);
        if (!before || before.sha256 === event.sha256 || !isFor(state, event)) return step(state, event, at);
        const accepted = new Map(state.accepted);
        accepted.delete(event.node);
        return step({ ...state, accepted }, event, at);
      }),
  },
  {
    mistake: 'a node whose data do not fit is asked again',
    within: 200,
    breaks: ['who cannot take part is not asked again'],
    plant: () =>
      planReducer((step) => (state, event, at) => {
        const [after, effects] = step(state, event, at);
        return [{ ...after, unsuited: new Map() }, effects];
      }),
  },
  {
    mistake: 'a round goes on waiting for a node that is revoked',
    within: 200,
    breaks: ['nobody waits for who is revoked'],
    plant: () => {
      vi.spyOn(JobRunner.prototype, 'dismissRevoked').mockResolvedValue();
      return undefined;
    },
  },
  {
    mistake: 'a revocation is answered before it counts',
    within: 100,
    breaks: ['who is revoked is out', 'nobody waits for who is revoked'],
    plant: () => ({
      handlers: (handlers, coordinator) => ({
        ...handlers,
        revokeMember: async (request) => {
          coordinator.dependencies.clock.schedule(
            coordinator.dependencies.clock.now() + 2000,
            () => void handlers.revokeMember(request).catch(() => {}),
          );
          return {};
        },
      }),
    }),
  },
  {
    mistake: 'both keys of a node are chosen',
    from: 400,
    within: 200,
    breaks: ['one voice of each node'],
    plant: () => {
      members.successorsOf = () => new Map();
      return undefined;
    },
  },
  {
    mistake: 'the whole of an upload in chunks is acknowledged before it is delivered',
    within: 100,
    breaks: ['acknowledged is durable'],
    plant: () => ({
      handlers: (handlers) => ({
        ...handlers,
        openUpload: async (request) => {
          const state = await handlers.openUpload(request);
          uploads.set(state.uploadId, request.body);
          return state;
        },
        completeUpload: async (request) => {
          void handlers.completeUpload(request).catch(() => {});
          const { sha256 = '', bytes = 0 } = uploads.get(request.params.uploadId) ?? {};
          return { sha256, bytes };
        },
      }),
    }),
  },
];

/** What the handlers of a planted mistake know of uploads. */
const uploads = new Map<string, { readonly sha256: string; readonly bytes: number }>();

afterEach(() => {
  vi.restoreAllMocks();
  reducer.around = undefined;
  members.successorsOf = undefined;
});

const SIZE = { participants: 8, rounds: 1, aggregation: 'plain' } as const;
const signal = new AbortController().signal;

describe.each(PLANTED)('$mistake', ({ from = 0, within, breaks, plant }) => {
  test(`is found within ${within} seeds, shrunk, and replayed`, async () => {
    const wrappers = plant() ?? {};
    const finds: Find[] = [];
    const { seeds } = await runCampaign({
      ...{ ...SIZE, from, seeds: within, signal, wrappers },
      onFind: (find) => finds.push(find) === 1,
    });
    const [find] = finds;
    if (!find) expect.fail(`not found in ${seeds} seeds`);
    expect(breaks).toContain(find.violation.rule);
    expect(find.schedule.faults.length).toBeLessThanOrEqual(5);
    const [one, other] = [
      await runSchedule(find.schedule, wrappers),
      await runSchedule(find.schedule, wrappers),
    ];
    expect(one.violation?.rule).toBe(find.violation.rule);
    expect(other).toEqual(one);
    vi.restoreAllMocks();
    reducer.around = undefined;
    members.successorsOf = undefined;
    expect((await runSchedule(find.schedule)).violation).toBeUndefined();
  });
});

test('production breaks no rule on these seeds', async () => {
  const { finds, seeds, receipts, aborted, released } = await runCampaign({
    ...{ ...SIZE, from: 0, seeds: 250, signal },
  });
  expect(finds).toEqual([]);
  expect(released).toBeGreaterThan(seeds / 2);
  expect(aborted).toBeGreaterThan(seeds / 20);
  expect(receipts).toBeGreaterThan(seeds);
});

function planReducer(around: (step: Step) => Step): undefined {
  reducer.around = around;
}

function isFor(state: JobState, event: Extract<JobEvent, { type: 'updateAccepted' }>): boolean {
  return state.phase === 'collecting' && event.round === state.round && event.attempt === state.attempt;
}

/** Answers an append at once, with the events as they will be; what it writes comes when it comes. */
function eager(store: Store): Store {
  let position = 1_000_000;
  return {
    ...store,
    async append(stream, expectedVersion, events, at) {
      void store.append(stream, expectedVersion, events, at).catch(() => {});
      return events.map((event, i): StoredEvent => {
        position += 1;
        const data: unknown = JSON.parse(JSON.stringify(event.data));
        return { ...event, data, stream, sequence: expectedVersion + i + 1, position, at: at.toISOString() };
      });
    },
  };
}

/** Answers a put as soon as all has come. */
function eagerBlobs(blobs: BlobStore): BlobStore {
  return {
    ...blobs,
    async put(source, options) {
      if (!(source instanceof Uint8Array)) return blobs.put(source, options);
      void blobs.put(source.slice(), options).catch(() => {});
      return { sha256: options.expectedSha256 ?? '', size: source.length };
    },
  };
}

/** Reads nothing new of a stream, once an append to it has failed. */
function forgetful(store: Store): Store {
  const doubtful = new Set<string>();
  return {
    ...store,
    append: (stream, ...rest) =>
      store.append(stream, ...rest).catch((error: unknown) => {
        doubtful.add(stream);
        throw error;
      }),
    read: async (stream, ...rest) => (doubtful.has(stream) ? [] : store.read(stream, ...rest)),
  };
}
