// covers: client/attempt-file.ts, client/attempt-journal.ts
/**
 * What the checks of a participant are for: a coordinator that lies to all of them at once, over real HTTP, and keeps what
 * they send. Where a check is left out, it has an update to the last bit; where none is, it has nothing. SPEC.md 11.7.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { primitives } from '#primitives';
import { attemptFile } from '../../client/attempt-file.ts';
import { type AttemptLog, memoryAttemptLog } from '../../client/attempt-journal.ts';
import { equalBytes, hexBytes } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { RingSum } from '../../protocol/ring/sum.ts';
import { packIntegers } from '../../protocol/ring/update.ts';
import { hasEnded } from '../../protocol/round.ts';
import { advertise } from '../../protocol/secagg/advertisement.ts';
import { deliveryFor } from '../../protocol/secagg/delivery.ts';
import { decodeSet } from '../../protocol/secagg/members.ts';
import { signRoster } from '../../protocol/secagg/roster.ts';
import { payloadOf } from '../../protocol/vector.ts';
import type { TrainTask } from '../../schemas/task.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { CoordinatorPlot } from '../fixtures/coordinator-plot.ts';
import { type HonestNode, type HonestOptions, honestNode, plainUpdate } from '../fixtures/honest-node.ts';
import { bytesOfAnswer, outgoing, secureJob } from '../fixtures/lying-coordinator.ts';
import { INITIAL_VALUES } from '../fixtures/manifest.ts';
import {
  come,
  end,
  jobEnded,
  modelOf,
  releasedModel,
  type Stage,
  sent,
  stage,
} from '../fixtures/secure-stage.ts';
import { storedIntegers } from '../fixtures/stored-integers.ts';

/** Checks that participants leave out. */
const leftOut = vi.hoisted(() => new Set<'threshold' | 'survivors' | 'certificate'>());

vi.mock('../../protocol/secagg/descriptor.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../protocol/secagg/descriptor.ts')>();
  const checkDescriptor: typeof original.checkDescriptor = (hashing, signed, ...rest) =>
    leftOut.has('threshold')
      ? original.roundId(hashing, signed.descriptor)
      : original.checkDescriptor(hashing, signed, ...rest);
  return { ...original, checkDescriptor };
});

vi.mock('../../protocol/secagg/roster.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../protocol/secagg/roster.ts')>();
  const checkRoster: typeof original.checkRoster = async (checking, descriptor, ...rest) => {
    if (!leftOut.has('threshold')) return original.checkRoster(checking, descriptor, ...rest);
    const high = { ...descriptor, threshold: descriptor.rosterMaximum };
    return { ...(await original.checkRoster(checking, high, ...rest)), descriptor };
  };
  return { ...original, checkRoster };
});

vi.mock('../../protocol/secagg/survivors.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../protocol/secagg/survivors.ts')>();
  const checkSurvivors: typeof original.checkSurvivors = async (hashing, roster, delivered, own, told) => {
    if (!leftOut.has('survivors')) return original.checkSurvivors(hashing, roster, delivered, own, told);
    const bits = hexBytes(told.members);
    return { members: decodeSet(bits, roster.parties.length) ?? [], bits, root: hexBytes(told.root) };
  };
  return { ...original, checkSurvivors };
});

vi.mock('../../protocol/secagg/consent.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../protocol/secagg/consent.ts')>();
  const checkCertificate: typeof original.checkCertificate = async (...input) => {
    if (!leftOut.has('certificate')) await original.checkCertificate(...input);
  };
  return { ...original, checkCertificate };
});

const ALL = [0, 1, 2, 3];

let set: Stage;
let nodes: readonly HonestNode[] = [];

beforeAll(async () => {
  set = await stage(['clinic.example', 'known.example', 'sybil.example', 'sybil.example']);
});

afterEach(async () => {
  leftOut.clear();
  set.liar.relent();
  if (!hasEnded(set.runner.state)) await set.runner.dispatch({ type: 'jobCancelled', by: set.victim.nodeId });
  await Promise.all(nodes.map((node) => node.stop()));
  nodes = [];
});

afterAll(() => end(set, []));

/** Everybody has come, and the task of everybody has ended. */
async function allCome(optionsAt?: (place: number) => HonestOptions): Promise<void> {
  nodes = await come(set, optionsAt);
  await Promise.all(nodes.map((node) => node.ended(set.runner.jobId)));
}

const codes = () => nodes.map((node) => node.code(set.runner.jobId));
const every = (code: string | undefined) => ALL.map(() => code);

/** What the coordinator must not see: the update of the participant at this place. */
const updateAt = (place: number) => payloadOf(plainUpdate(set.runner.state.manifest, place, INITIAL_VALUES));

function sumOf(places: readonly number[]): Uint8Array {
  const { codec, parameters } = set.runner.state.manifest;
  const sum = new RingSum(codec, parameters);
  for (const place of places) sum.add(updateAt(place));
  return packIntegers(sum.integers, codec);
}

/** The sum over this update less that over another. */
function less(a: Uint8Array, b: Uint8Array): Uint8Array {
  const { manifest } = set.runner.state;
  const [from, taken] = [a, b].map((payload) => storedIntegers(manifest, withHeader(payload)));
  if (!from || !taken) throw new Error('unreachable');
  const coordinates = from.coordinates.map((value, i) => value - (taken.coordinates[i] as number));
  const secondBlock = from.secondBlock.map((value, i) => value - (taken.secondBlock[i] as number));
  return packIntegers({ coordinates, secondBlock }, manifest.codec);
}

function withHeader(payload: Uint8Array): Uint8Array {
  const file = plainUpdate(set.runner.state.manifest, 0, INITIAL_VALUES);
  file.set(payload, file.length - payload.length);
  return file;
}

describe('the victim has survived, half of the participants are told; it has dropped out, the other half', () => {
  /** The two halves, by index: that of the victim, and the other. */
  let halves: readonly [with_: readonly number[], without: readonly number[]];

  function divide(): CoordinatorPlot {
    const plot: CoordinatorPlot = new CoordinatorPlot(set, (own, everybody) => {
      const victim = plot.indexOf(set.victim.nodeId);
      const [ally, ...others] = everybody.filter((index) => index !== victim);
      halves = [[victim, ally as number], others];
      return halves[0].includes(own) ? everybody : everybody.filter((index) => index !== victim);
    });
    return plot;
  }

  /** Before anybody is there from whom the coordinator would draw a cohort. */
  async function beginLowered(): Promise<JobRunner> {
    await set.liar.federation.clock.advance(600_000);
    const runner = await set.begin();
    await set.liar.beginAttempt(runner, set.members, { threshold: 2 });
    return runner;
  }

  /** Both secrets of the victim, from half of the answers each, and with them its update. */
  async function rob(plot: CoordinatorPlot): Promise<Uint8Array> {
    const victim = plot.indexOf(set.victim.nodeId);
    const everybody = [...halves.flat()].sort();
    const seeds = await plot.secrets(everybody, halves[0]);
    const keys = await plot.secrets(
      everybody.filter((index) => index !== victim),
      halves[1],
    );
    return plot.uncovered(victim, seeds[victim] as Uint8Array, keys[victim] as Uint8Array);
  }

  test('with a threshold of half the cohort, which nobody checks, its update is in the open', async () => {
    leftOut.add('threshold');
    await beginLowered();
    const plot = divide();
    await allCome();
    expect(codes()).toEqual(every(undefined));
    expect(plot.answered).toHaveLength(4);
    expect(await rob(plot)).toEqual(updateAt(0));
  });

  test('the check of the threshold: nobody sends as much as its keys', async () => {
    const runner = await beginLowered();
    divide();
    await allCome();
    expect(codes()).toEqual(every('thresholdTooLow'));
    expect(set.liar.messages('advertiseKeys', runner.jobId)).toEqual([]);
  });

  test('with the threshold of the job neither half has enough consents, and nobody answers', async () => {
    await set.begin();
    const plot = divide();
    await allCome();
    expect(codes()).toEqual(every('certificateInvalid'));
    expect(plot.answered).toEqual([]);
  });
});

describe('everybody but the victim is said to have dropped out', () => {
  test.each([
    { checks: [], others: 'updateLeftOut', own: 'survivorsTooFew' },
    { checks: ['certificate'], others: 'updateLeftOut', own: 'survivorsTooFew' },
    { checks: ['survivors'], others: 'certificateInvalid', own: 'certificateInvalid' },
  ] as const)('without the checks $checks: $others', async ({ checks, others, own }) => {
    for (const check of checks) leftOut.add(check);
    await set.begin();
    const plot: CoordinatorPlot = new CoordinatorPlot(set, () => [plot.indexOf(set.victim.nodeId)]);
    await allCome();
    expect(codes()).toEqual([own, others, others, others]);
    expect(plot.answered).toEqual([]);
  });

  test('without both the sum is the update of the victim', async () => {
    leftOut.add('survivors').add('certificate');
    await set.begin();
    const plot: CoordinatorPlot = new CoordinatorPlot(set, () => [plot.indexOf(set.victim.nodeId)]);
    await allCome();
    expect(codes()).toEqual(every(undefined));
    expect(await plot.opened([plot.indexOf(set.victim.nodeId)], plot.answered)).toEqual(updateAt(0));
  });
});

describe('one model opened twice, with the victim and without', () => {
  /** Forgets which models it has helped to open. */
  function forgetful(): AttemptLog {
    const log = memoryAttemptLog();
    return {
      read: log.read,
      write: (jobId, attempts) => log.write(jobId, { ...attempts, opened: [] }),
    };
  }

  async function openedOnce(optionsAt?: () => HonestOptions): Promise<Uint8Array> {
    const { jobId } = await set.begin({ maxAttempts: 2 });
    const first = new CoordinatorPlot(set, (_, everybody) => everybody);
    nodes = await come(set, optionsAt);
    await Promise.all(nodes.map((node) => node.ended(jobId)));
    expect(codes()).toEqual(every(undefined));
    const sum = await first.opened(first.answered);
    expect(sum).toEqual(sumOf(ALL));
    return sum;
  }

  /** The coordinator says that nothing has come of the first attempt. */
  async function again(): Promise<void> {
    await set.runner.dispatch({ type: 'deadlinePassed', round: 1, attempt: 1, phase: 'collecting' });
    await Promise.all(nodes.map((node) => node.ended(set.runner.jobId, 2)));
  }

  test('by participants that forget what they have opened: the difference is its update', async () => {
    const first = await openedOnce(() => ({ log: forgetful() }));
    const victimOf = (plot: CoordinatorPlot) => plot.indexOf(set.victim.nodeId);
    const plot: CoordinatorPlot = new CoordinatorPlot(set, (_, everybody) =>
      everybody.filter((index) => index !== victimOf(plot)),
    );
    await again();
    expect(codes()).toEqual(['updateLeftOut', undefined, undefined, undefined]);
    const second = await plot.opened(plot.answered);
    expect(less(first, second)).toEqual(updateAt(0));
  });

  test('by participants that do not: nobody begins again', async () => {
    await openedOnce();
    await again();
    expect(codes()).toEqual(every('roundAlreadyOpened'));
    expect(set.liar.messages('advertiseKeys', set.runner.jobId, 2)).toEqual([]);
  });
});

describe("sybils: of four participants two are the coordinator's own", () => {
  const policy = {
    minimumKnownOrganisations: 2,
    knownOrganisations: ['clinic.example', 'known.example'],
  };

  /** The update of the only one whom the victim knows is lost. */
  async function lose(isLost: boolean, options: HonestOptions): Promise<void> {
    if (isLost)
      set.liar.lie('putMaskedUpdate', async ({ member }, honest) => {
        if (member.nodeId === set.members[1]?.nodeId)
          throw new HanseError('updateUnsigned', { reason: 'lost' });
        return honest();
      });
    await set.begin();
    await allCome((place) => (place === 0 ? options : {}));
    await jobEnded(set);
  }

  test('who has said nothing about whom it knows is alone with them in the sum', async () => {
    await lose(true, {});
    const sum = set.runner.state.history[0]?.secure?.sum ?? '';
    const opened = payloadOf(await set.liar.federation.blobs.read(sum));
    expect(less(opened, sumOf([2, 3]))).toEqual(updateAt(0));
  });

  test('who wants two of those that it knows does not help to open that', async () => {
    await lose(true, { policy });
    expect(codes()[0]).toBe('policyRefused');
    expect(sent(nodes[0] as HonestNode, set.runner)).not.toContain('putConsent');
    expect(set.runner.state.history).toMatchObject([
      { outcome: 'aborted', declined: { 'policyRefused:minimumKnownOrganisations': 1 } },
    ]);
  });

  test('and helps where they are there', async () => {
    await lose(false, { policy });
    expect(codes()[0]).toBe(undefined);
    expect(await releasedModel(set)).toEqual(modelOf(set.runner.state.manifest, ALL));
  });
});

describe('masks belong to all that was told before', () => {
  /**
   * Nobody looks at survivors and certificates: masks alone are left.
   * @param misled whether the victim is told that the shares of one did not come
   */
  async function openAll(misled: boolean): Promise<Uint8Array> {
    if (misled)
      set.liar.lie('getDelivery', async ({ member }, honest) => {
        const answer = await honest();
        if ((await bytesOfAnswer(answer)).length === 0 || member.nodeId !== set.victim.nodeId) return answer;
        const job = secureJob(set.runner);
        const view = set.runner.viewOf(job);
        const { bundles } = await view.delivered(job);
        const { index: own } = await view.party(job, member.nodeId);
        const left = [...bundles].filter(([index]) => index !== (own === 0 ? 1 : 0));
        return outgoing(deliveryFor(await view.roster(job), new Map(left), own));
      });
    leftOut.add('survivors').add('certificate');
    await set.begin();
    const plot = new CoordinatorPlot(set, (_, everybody) => everybody);
    await allCome();
    expect(codes()).toEqual(every(undefined));
    const everybody = ALL.map((place) => plot.indexOf(set.members[place]?.nodeId ?? '')).sort();
    // The answer of the victim belongs to what it was told.
    const from = everybody.filter((index) => index !== plot.indexOf(set.victim.nodeId));
    return plot.opened(everybody, from);
  }

  test('one told of other deliveries: the sum is that of nobody', async () => {
    const opened = await openAll(true);
    const subsets = Array.from({ length: 16 }, (_, bits) => ALL.filter((place) => (bits >> place) & 1));
    expect(subsets.filter((places) => equalBytes(opened, sumOf(places)))).toEqual([]);
  });

  test('all told the same: the sum is that of all', async () => {
    expect(await openAll(false)).toEqual(sumOf(ALL));
  });

  test('one told of another roster, soundly signed: no share can be read, and no update is sent', async () => {
    const colluder = set.members[3] as Stage['victim'];
    set.liar.lie('getRoster', async ({ member }, honest) => {
      const { roster } = await honest();
      if (!roster || member.nodeId !== set.victim.nodeId) return { roster };
      const job = secureJob(set.runner);
      const round = await set.runner.viewOf(job).round(job);
      const { signer, nodeId } = colluder;
      const { advertisement } = await advertise(primitives, round, signer, nodeId, primitives.random);
      const members = roster.members.map((entry) => (entry.nodeId === nodeId ? advertisement : entry));
      return { roster: await signRoster(primitives, round, members, await set.liar.signer()) };
    });
    const { jobId } = await set.begin();
    await allCome();
    expect(codes()).toEqual(every('sharesUnreadable'));
    expect(set.liar.messages('putMaskedUpdate', jobId)).toEqual([]);
  });

  test('the shares of another attempt: they cannot be read', async () => {
    let old: Uint8Array | undefined;
    set.liar.lie('getDelivery', async ({ member }, honest) => {
      const answer = await honest();
      const bytes = await bytesOfAnswer(answer);
      if (bytes.length === 0 || member.nodeId !== set.victim.nodeId) return answer;
      const told = old ?? bytes;
      old = bytes;
      return outgoing(told);
    });
    await set.begin();
    await allCome();
    expect(codes()).toEqual(every(undefined));
    const { jobId } = await set.begin();
    await Promise.all(nodes.map((node) => node.ended(jobId)));
    expect(codes()).toEqual(['sharesUnreadable', undefined, undefined, undefined]);
    expect(sent(nodes[0] as HonestNode, set.runner)).toEqual(['advertiseKeys', 'putShares']);
  });
});

describe('a node that is started anew', () => {
  /** Its journal is on disk. */
  async function inFolder(work: (log: () => AttemptLog) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'hanse-'));
    try {
      await work(() => attemptFile(join(folder, 'identity.json')));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** The first job is done; then the victim, started anew, is told the task of it in place of that of another. */
  async function repeatOld(
    logs: readonly [AttemptLog, AttemptLog],
  ): Promise<{ anew: HonestNode; jobId: string }> {
    let task: TrainTask | undefined;
    set.liar.lieInTasks((told, nodeId) => {
      if (nodeId === set.victim.nodeId) task ??= told;
      return told;
    });
    const { jobId } = await set.begin();
    await allCome((place) => (place === 0 ? { log: logs[0] } : {}));
    expect(codes()).toEqual(every(undefined));
    await nodes[0]?.stop();
    const old = task as TrainTask;
    set.liar.lieInTasks((told, nodeId) => (nodeId === set.victim.nodeId ? old : told));
    await set.begin();
    const anew = await honestNode(set.liar, set.victim, 0, { log: logs[1] });
    nodes = [anew, ...nodes.slice(1)];
    await anew.ended(jobId);
    expect(anew.requests.some(({ jobId: of }) => of === jobId)).toBe(true);
    return { anew, jobId };
  }

  test('is told of an attempt that it has spent: it begins none twice', () =>
    inFolder(async (log) => {
      const { anew, jobId } = await repeatOld([log(), log()]);
      expect(anew.code(jobId)).toBe('attemptSpent');
      expect(anew.requests.map(({ route }) => route)).not.toContain('advertiseKeys');
    }));

  test('and one that has forgotten would send its keys again', async () => {
    const { anew } = await repeatOld([memoryAttemptLog(), memoryAttemptLog()]);
    expect(anew.requests.map(({ route }) => route)).toContain('advertiseKeys');
  });

  test('after its answer has left: it sends the same bytes once more, whatever it would be told', () =>
    inFolder(async (log) => {
      // No answer arrives, and nobody is said to have declined.
      set.liar.lie('putAnswer', () => {
        throw new HanseError('internalError', { reference: 'lost' });
      });
      set.liar.lie('decline', () => ({}));
      const { jobId } = await set.begin();
      await allCome((place) => (place === 0 ? { log: log() } : {}));
      await nodes[0]?.stop();
      const anew = await honestNode(set.liar, set.victim, 0, { log: log() });
      nodes = [anew, ...nodes.slice(1)];
      const answers = () =>
        set.liar.messages('putAnswer', jobId).filter(({ nodeId }) => nodeId === set.victim.nodeId);
      await set.liar.until(() => answers().length === 2);
      const [before, after] = answers();
      expect(after?.body).toEqual(before?.body);
      expect(anew.requests.filter(({ jobId: of }) => of === jobId).map(({ route }) => route)).toEqual([
        'putAnswer',
      ]);
    }));
});
