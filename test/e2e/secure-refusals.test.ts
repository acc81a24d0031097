// covers: client/secure-attempt.ts, client/secure-party.ts, client/update-route.ts
/**
 * Every lie that a coordinator can tell one participant, over real HTTP, with its own key under it: the participant
 * declines with the code that says why, and sends nothing after the lie. The same round without the lie releases the sum
 * of all. SPEC.md 11.7.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { canonicalSha256 } from '../../protocol/canonical.ts';
import type { ProblemCode } from '../../protocol/problem.ts';
import { advertise } from '../../protocol/secagg/advertisement.ts';
import { consentTo } from '../../protocol/secagg/consent.ts';
import { deliveryFor } from '../../protocol/secagg/delivery.ts';
import { encodeSet } from '../../protocol/secagg/members.ts';
import { signRecord } from '../../protocol/secagg/record.ts';
import { type AgreedRoster, signRoster, sortMembers } from '../../protocol/secagg/roster.ts';
import { RECORD_BYTES, type ShareBundle } from '../../protocol/secagg/shares.ts';
import { describeSurvivors } from '../../protocol/secagg/survivors.ts';
import type { Sha256 } from '../../schemas/ids.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type {
  Advertisement,
  Certificate,
  RoundDescriptor,
  RoundRecord,
  SuiteId,
  Survivors,
} from '../../schemas/secagg.ts';
import type { TrainTask } from '../../schemas/task.ts';
import { type Node, nodeOf } from '../fixtures/federation.ts';
import type { HonestNode } from '../fixtures/honest-node.ts';
import { bytesOfAnswer, flipped, outgoing, secureJob } from '../fixtures/lying-coordinator.ts';
import {
  come,
  end,
  jobEnded,
  MESSAGES,
  modelOf,
  releasedModel,
  type Stage,
  sent,
  stage,
} from '../fixtures/secure-stage.ts';
import { hashOf, modelFile } from '../fixtures/vector-files.ts';

interface Refusal {
  readonly lie: string;
  readonly code: ProblemCode;
  /** Arranges what the victim will be told. */
  tell(stage: Stage): void | Promise<void>;
}

const ALL = [0, 1, 2, 3];
const OTHERS = [1, 2, 3];

const TASK_LIES: readonly Refusal[] = [
  {
    lie: 'a description that another key has signed',
    code: 'descriptorInvalid',
    tell: (s) => retell(s, unsigned),
  },
  { lie: 'a lowered threshold', code: 'thresholdTooLow', tell: (s) => redescribe(s, { threshold: 2 }) },
  {
    lie: 'fewer survivors than the job permits',
    code: 'descriptorInvalid',
    tell: (s) => redescribe(s, { survivorsMinimum: 2 }),
  },
  {
    lie: 'a larger roster than the job permits',
    code: 'descriptorInvalid',
    tell: (s) => redescribe(s, { rosterMaximum: 9 }),
  },
  {
    lie: 'few neighbours in a small cohort',
    code: 'descriptorInvalid',
    tell: (s) => redescribe(s, { degree: 2 }),
  },
  {
    lie: 'another suite than that of the job',
    code: 'descriptorInvalid',
    tell: (s) => redescribe(s, { suite: 2 }),
  },
  {
    lie: 'a suite that the owner does not permit',
    code: 'suiteRefused',
    tell: () => void suites.splice(0, 2, 2),
  },
  { lie: 'another width', code: 'descriptorInvalid', tell: (s) => redescribe(s, { width: 32 }) },
  {
    lie: 'another federation',
    code: 'descriptorInvalid',
    tell: (s) => redescribe(s, { federationId: 'fed-ffffffffffffffff' }),
  },
  { lie: 'another round', code: 'descriptorInvalid', tell: (s) => redescribe(s, { round: 2 }) },
  {
    lie: 'a description of another model',
    code: 'descriptorInvalid',
    tell: (s) => redescribe(s, { model: 'ab'.repeat(32) }),
  },
  { lie: 'deadlines out of order', code: 'descriptorInvalid', tell: untimely },
  {
    lie: 'that the update is wanted without masks',
    code: 'descriptorInvalid',
    tell: (s) => retell(s, withoutMasks),
  },
  { lie: 'a manifest that wants no masks', code: 'policyRefused', tell: plainManifest },
  { lie: 'another manifest than that of the task', code: 'hashMismatch', tell: otherManifest },
  { lie: 'another initial model', code: 'modelChainBroken', tell: async (s) => void (await swapModel(s)) },
];

const ROSTER_LIES: readonly Refusal[] = [
  {
    lie: 'a roster that another key has signed',
    code: 'rosterInvalid',
    tell: (s) => tellRoster(s, (all) => all, flipped),
  },
  {
    lie: 'a roster out of order',
    code: 'rosterInvalid',
    tell: (s) => tellRoster(s, (all) => [...all].reverse()),
  },
  {
    lie: 'a forged entry',
    code: 'rosterInvalid',
    tell: (s) => tellEntry(s, (entry) => ({ ...entry, maskKey: flipped(entry.maskKey) })),
  },
  {
    lie: 'an entry that was signed for another attempt',
    code: 'rosterInvalid',
    tell: (s) => tellEntry(s, (_, { node }) => keysOf(node, new Uint8Array(32))),
  },
  {
    lie: 'an entry of somebody whom the directory does not have',
    code: 'identityUnpinned',
    tell: (s) => tellEntry(s, async (_, { round }) => keysOf(await nodeOf('stranger', 'participant'), round)),
  },
  {
    lie: 'an entry of a member under a key of another',
    code: 'identityUnpinned',
    tell: (s) => tellEntry(s, underOtherKey),
  },
  {
    lie: 'a roster without the victim',
    code: 'ownKeysAltered',
    tell: (s) => tellRoster(s, (all) => all.filter(({ nodeId }) => nodeId !== s.victim.nodeId)),
  },
  {
    lie: 'other keys for the victim',
    code: 'ownKeysAltered',
    tell: (s) =>
      tellRoster(s, (all) =>
        all.map((entry) =>
          entry.nodeId === s.victim.nodeId ? { ...entry, channelKey: flipped(entry.channelKey) } : entry,
        ),
      ),
  },
  {
    lie: 'one mask key twice',
    code: 'rosterKeyDuplicate',
    tell: (s) =>
      tellRoster(s, (all) =>
        all.map((entry) => ({
          ...entry,
          ...(entry.nodeId === colluder(s).nodeId && {
            maskKey: all.find(({ nodeId }) => nodeId === s.victim.nodeId)?.maskKey ?? '',
          }),
        })),
      ),
  },
  {
    lie: 'a roster of two',
    code: 'cohortTooSmall',
    tell: (s) => tellRoster(s, (all) => twoOf(all, s.victim)),
  },
  {
    lie: 'a channel key of low order, signed by a colluder',
    code: 'keyLowOrder',
    tell: (s) => tellEntry(s, lowOrder),
  },
];

const DELIVERY_LIES: readonly Refusal[] = [
  {
    lie: 'that the shares of the victim did not come',
    code: 'deliveryInvalid',
    tell: (s) => tellDelivery(s, ({ bytes, own }) => without(bytes, own)),
  },
  {
    lie: 'that fewer than the threshold have shared',
    code: 'deliveryTooSmall',
    tell: (s) =>
      tellDelivery(s, ({ roster, bundles, own }) => deliveryFor(roster, some(bundles, own, 2), own)),
  },
  {
    lie: 'a record less than was announced',
    code: 'deliveryInvalid',
    tell: (s) => tellDelivery(s, ({ bytes }) => bytes.slice(0, -RECORD_BYTES)),
  },
  {
    lie: 'a truncated ciphertext',
    code: 'deliveryInvalid',
    tell: (s) => tellDelivery(s, ({ bytes }) => bytes.slice(0, -1)),
  },
  {
    lie: 'somebody of the delivered who has given nothing',
    code: 'deliveryInvalid',
    tell: (s) => tellDelivery(s, silentDealer),
  },
  {
    lie: 'a changed ciphertext',
    code: 'sharesUnreadable',
    tell: (s) =>
      tellDelivery(s, ({ bytes }) => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))),
  },
  {
    lie: "the records of two in each other's place",
    code: 'sharesUnreadable',
    tell: (s) => tellDelivery(s, ({ bytes }) => swapped(bytes)),
  },
  {
    lie: 'records that are for another',
    code: 'sharesUnreadable',
    tell: (s) => tellDelivery(s, ({ roster, bundles, own }) => forAnother(roster, bundles, own)),
  },
];

const SURVIVOR_LIES: readonly Refusal[] = [
  {
    lie: 'survivors without the victim',
    code: 'updateLeftOut',
    tell: (s) => tellSurvivors(s, (all, own) => all.filter((index) => index !== own)),
  },
  {
    lie: 'fewer survivors than the threshold',
    code: 'survivorsTooFew',
    tell: (s) => tellSurvivors(s, (all, own) => [own, ...all.filter((index) => index !== own).slice(0, 1)]),
  },
  {
    lie: 'that only the victim has survived',
    code: 'survivorsTooFew',
    tell: (s) => tellSurvivors(s, (_, own) => [own]),
  },
  {
    lie: 'bits beyond the roster',
    code: 'survivorsInvalid',
    tell: (s) => rewriteSurvivors(s, (told) => ({ ...told, members: 'ff' })),
  },
  {
    lie: 'another root',
    code: 'inclusionInvalid',
    tell: (s) => rewriteSurvivors(s, (told) => ({ ...told, root: flipped(told.root) })),
  },
  {
    lie: 'a proof that is cut short',
    code: 'inclusionInvalid',
    tell: (s) => rewriteSurvivors(s, (told) => ({ ...told, proof: told.proof.slice(1) })),
  },
  {
    lie: "another update in the place of the victim's",
    code: 'inclusionInvalid',
    tell: (s) =>
      tellSurvivors(
        s,
        (all) => all,
        (own) => new Map([[own, 'ab'.repeat(32)]]),
      ),
  },
];

const CERTIFICATE_LIES: readonly Refusal[] = [
  {
    lie: 'fewer consents than the threshold',
    code: 'certificateInvalid',
    tell: (s) => tellCertificate(s, (consents) => consents.slice(0, 2)),
  },
  {
    lie: 'one consent as often as is needed',
    code: 'certificateInvalid',
    tell: (s) => tellCertificate(s, ([one]) => (one ? [one, one, one] : [])),
  },
  {
    lie: 'a forged consent',
    code: 'certificateInvalid',
    tell: (s) =>
      tellCertificate(s, (consents) =>
        consents.map((consent, i) =>
          i === 0 ? { ...consent, signature: flipped(consent.signature) } : consent,
        ),
      ),
  },
  { lie: 'consents of strangers', code: 'certificateInvalid', tell: (s) => tellCertificate(s, strangers) },
  {
    lie: 'consents to other survivors',
    code: 'certificateInvalid',
    tell: (s) => tellCertificate(s, toOthers),
  },
];

/** In the second round. */
const CHAIN_LIES: readonly Refusal[] = [
  {
    lie: 'a model that does not follow',
    code: 'modelChainBroken',
    tell: async (s) => void (await swapModel(s, 2)),
  },
  {
    lie: 'a record in which the sum leads to that model',
    code: 'modelChainBroken',
    tell: async (s) => {
      const nextModel = await swapModel(s, 2);
      tellRecord(s, (record) => ({ ...record, nextModel }));
    },
  },
  {
    lie: 'a record of another round',
    code: 'modelChainBroken',
    tell: (s) => tellRecord(s, (record) => ofOther(record, { round: 7 })),
  },
  {
    lie: 'a record of another job',
    code: 'modelChainBroken',
    tell: (s) => tellRecord(s, (record) => ofOther(record, { jobId: 'job-ffffffffffffffff' })),
  },
  {
    lie: 'a record that starts from another model',
    code: 'modelChainBroken',
    tell: (s) => tellRecord(s, (record) => ofOther(record, { model: 'ab'.repeat(32) })),
  },
  {
    lie: 'a record that another key has signed',
    code: 'recordInvalid',
    tell: (s) => tellRecord(s, (record) => record, flipped),
  },
  { lie: 'a sum that is not that of the record', code: 'hashMismatch', tell: otherSum },
];

let set: Stage;
let nodes: HonestNode[];
/** That the owner of the victim permits. */
const suites: SuiteId[] = [1, 2];

beforeAll(async () => {
  set = await stage();
  nodes = await come(set, (place) => (place === 0 ? { party: { suites } } : {}));
});

beforeEach(() => {
  set.liar.relent();
  suites.splice(0, 2, 1, 2);
});

afterAll(() => end(set, nodes));

test('nobody lies: the sum of all four is released, and each has sent what it had to', async () => {
  const runner = await set.begin();
  await jobEnded(set);
  await Promise.all(nodes.map((node) => node.ended(runner.jobId)));
  expect(await releasedModel(set)).toEqual(modelOf(runner.state.manifest, ALL));
  expect(nodes.map((node) => node.code(runner.jobId))).toEqual(ALL.map(() => undefined));
  expect(sent(nodes[0] as HonestNode, runner)).toEqual(MESSAGES);
});

const TABLE = [
  ['task', 0, OTHERS, TASK_LIES],
  ['roster', 1, OTHERS, ROSTER_LIES],
  ['delivery', 2, OTHERS, DELIVERY_LIES],
  ['survivors', 3, ALL, SURVIVOR_LIES],
  ['certificate', 4, ALL, CERTIFICATE_LIES],
] as const;

for (const [about, messages, released, lies] of TABLE)
  test.each([...lies])(`${about}: $lie -> $code`, async ({ tell, code }) => {
    await tell(set);
    const { jobId } = await set.begin();
    const victim = nodes[0] as HonestNode;
    await victim.ended(jobId);
    expect(victim.code(jobId)).toBe(code);
    await jobEnded(set);
    await Promise.all(nodes.map((node) => node.ended(jobId)));
    expect(sent(victim, set.runner)).toEqual(MESSAGES.slice(0, messages));
    expect(victim.requests.map(({ route }) => route)).not.toContain('putUpdate');
    // The others have been told the truth, and have released what they have.
    expect(await releasedModel(set)).toEqual(modelOf(set.runner.state.manifest, released));
    // Where they wait for the victim, the coordinator counts why it has left.
    const [summary] = set.runner.state.history;
    const rule = code === 'policyRefused' ? ':allowPlainAggregation' : '';
    if (messages < 3) expect(summary?.declined).toEqual({ [code + rule]: 1 });
  });

describe('in the second round', () => {
  /** What the others have released without the victim, or all with it. */
  async function secondRound(places: readonly number[]): Promise<HonestNode> {
    const { jobId, state } = await set.begin({ rounds: 2 });
    await jobEnded(set);
    await Promise.all(nodes.map((node) => node.ended(jobId, 2)));
    const first = modelOf(state.manifest, ALL);
    expect(await releasedModel(set, 1)).toEqual(first);
    expect(await releasedModel(set, 2)).toEqual(modelOf(state.manifest, places, first, 2));
    return nodes[0] as HonestNode;
  }

  const keysSent = ({ requests }: HonestNode) =>
    requests.filter(({ route, jobId }) => route === 'advertiseKeys' && jobId === set.runner.jobId).length;

  test('nobody lies: each makes the model of it from the sum of the first', async () => {
    const victim = await secondRound(ALL);
    expect(victim.code(set.runner.jobId)).toBe(undefined);
    expect(keysSent(victim)).toBe(2);
    const fetched = victim.requests.filter(
      ({ route, jobId }) => route === 'getRecord' && jobId === set.runner.jobId,
    );
    expect(fetched).toHaveLength(1);
  });

  test.each([...CHAIN_LIES])('model: $lie -> $code', async ({ tell, code }) => {
    await tell(set);
    const victim = await secondRound(OTHERS);
    expect(victim.code(set.runner.jobId)).toBe(code);
    expect(keysSent(victim)).toBe(1);
  });
});

// What the victim is told, message by message.

/** The task of the victim is another one. */
function retell({ liar, victim }: Stage, change: (task: TrainTask) => TrainTask | Promise<TrainTask>): void {
  liar.lieInTasks((task, nodeId) => (nodeId === victim.nodeId ? change(task) : task));
}

function redescribe(set: Stage, change: Partial<RoundDescriptor>): void {
  retell(set, async (task) =>
    task.secure ? { ...task, secure: await set.liar.describe(task.secure, change) } : task,
  );
}

function untimely(set: Stage): void {
  retell(set, async (task) => {
    if (!task.secure) return task;
    const { deadlines } = task.secure.descriptor;
    const change = { deadlines: { ...deadlines, sharing: deadlines.unmasking } };
    return { ...task, secure: await set.liar.describe(task.secure, change) };
  });
}

function unsigned(task: TrainTask): TrainTask {
  return task.secure
    ? { ...task, secure: { ...task.secure, signature: flipped(task.secure.signature) } }
    : task;
}

function withoutMasks({ secure: _, ...task }: TrainTask): TrainTask {
  return task;
}

/** The job as a plain one, wherever it is named. */
function plainManifest(set: Stage): void {
  const plain = ({ secureAggregation: _, ...manifest }: JobManifest): JobManifest => ({
    ...manifest,
    aggregation: 'plain',
  });
  otherManifest(set, plain);
  retell(set, async (task) => ({
    ...withoutMasks(task),
    manifestSha256: await canonicalSha256(plain(set.runner.state.manifest)),
  }));
}

function otherManifest(
  { liar, victim }: Stage,
  change = (manifest: JobManifest): JobManifest => ({ ...manifest, cohort: { size: 5, minimum: 1 } }),
): void {
  liar.lie('getJob', async ({ member }, honest) => {
    const status = await honest();
    return member.nodeId === victim.nodeId ? { ...status, manifest: change(status.manifest) } : status;
  });
}

/** A model that the coordinator has made by itself, in this round. @returns its hash */
async function swapModel(set: Stage, round = 1): Promise<Sha256> {
  const made = modelFile([9, 9, 9, 9, 9]);
  await set.liar.federation.blobs.put(made, { limitBytes: made.length });
  const model = hashOf(made);
  retell(set, async (task) =>
    task.secure && task.round === round
      ? { ...task, model, secure: await set.liar.describe(task.secure, { model }) }
      : task,
  );
  return model;
}

/** The victim is given another record, under the signature of the coordinator. */
function tellRecord(
  { liar, victim }: Stage,
  change: (record: RoundRecord) => RoundRecord,
  signing = (signature: string) => signature,
): void {
  liar.lie('getRecord', async ({ member }, honest) => {
    const told = await honest();
    if (member.nodeId !== victim.nodeId) return told;
    const { record, signature } = await signRecord(change(told.record), await liar.signer());
    return { record, signature: signing(signature) };
  });
}

function ofOther(record: RoundRecord, change: Partial<RoundDescriptor>): RoundRecord {
  const { descriptor, signature } = record.descriptor;
  return { ...record, descriptor: { descriptor: { ...descriptor, ...change }, signature } };
}

/** Of as many bytes, for the hash that the record names. */
function otherSum(set: Stage): void {
  const { liar, victim } = set;
  liar.lie('getBlob', async ({ member, params }, honest) => {
    const answer = await honest();
    const sum = set.runner.state.history[0]?.secure?.sum;
    if (member.nodeId !== victim.nodeId || params.sha256 !== sum) return answer;
    return outgoing((await bytesOfAnswer(answer)).map((byte, i) => (i === 60 ? byte ^ 1 : byte)));
  });
}

type Members = readonly Advertisement[];

/** The victim is told of these members, under the signature of the coordinator. */
function tellRoster(
  lied: Stage,
  change: (members: Members, round: Uint8Array) => Members | Promise<Members>,
  signing = (signature: string) => signature,
): void {
  const { liar, victim } = lied;
  liar.lie('getRoster', async ({ member }, honest) => {
    const { roster } = await honest();
    if (!roster || member.nodeId !== victim.nodeId) return { roster };
    const { runner } = lied;
    const job = secureJob(runner);
    const round = await runner.viewOf(job).round(job);
    const members = await change(roster.members, round);
    const signed = await signRoster(primitives, round, members, await liar.signer());
    return { roster: { ...signed, signature: signing(signed.signature) } };
  });
}

function twoOf(members: Members, victim: Node): Advertisement[] {
  const others = members.filter(({ nodeId }) => nodeId !== victim.nodeId).slice(0, 1);
  return members.filter((entry) => entry.nodeId === victim.nodeId || others.includes(entry));
}

interface Colluding {
  readonly node: Node;
  readonly round: Uint8Array;
}

/** The entry of the colluder is another one. */
function tellEntry(
  set: Stage,
  change: (entry: Advertisement, colluding: Colluding) => Advertisement | Promise<Advertisement>,
): void {
  const node = colluder(set);
  tellRoster(set, async (members, round) =>
    sortMembers(
      await Promise.all(
        members.map((entry) => (entry.nodeId === node.nodeId ? change(entry, { node, round }) : entry)),
      ),
    ),
  );
}

/** A member that signs what the coordinator wants. */
function colluder({ members }: Stage): Node {
  return members.at(-1) as Node;
}

async function keysOf({ signer, nodeId }: Node, round: Uint8Array): Promise<Advertisement> {
  return (await advertise(primitives, round, signer, nodeId, primitives.random)).advertisement;
}

async function underOtherKey({ nodeId }: Advertisement, { round }: Colluding): Promise<Advertisement> {
  const { signer } = await nodeOf('stranger', 'participant');
  return keysOf({ signer, nodeId, role: 'participant' }, round);
}

/** X25519 of anybody's secret with it is zero. */
async function lowOrder(entry: Advertisement, { node, round }: Colluding): Promise<Advertisement> {
  const zero = new Uint8Array(32);
  const made = { ...primitives, agreementKey: async () => zero };
  const { signer, nodeId } = node;
  const { advertisement } = await advertise(made, round, signer, nodeId, primitives.random);
  // The mask key would be the same, and the same key twice is refused before.
  const { maskKey } = entry;
  return resigned({ ...advertisement, maskKey }, node, round);
}

/** Signed again, with these keys. */
async function resigned(
  wanted: Advertisement,
  { signer, nodeId }: Node,
  round: Uint8Array,
): Promise<Advertisement> {
  const keys = [wanted.channelKey, wanted.maskKey].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
  const made = { ...primitives, agreementKey: async () => keys.shift() ?? new Uint8Array(32) };
  return (await advertise(made, round, signer, nodeId, primitives.random)).advertisement;
}

interface Delivering {
  readonly bytes: Uint8Array;
  readonly roster: AgreedRoster;
  readonly bundles: ReadonlyMap<number, ShareBundle>;
  /** Index of the victim. */
  readonly own: number;
}

function tellDelivery(lied: Stage, change: (delivering: Delivering) => Uint8Array): void {
  const { liar, victim } = lied;
  liar.lie('getDelivery', async ({ member }, honest) => {
    const answer = await honest();
    const bytes = await bytesOfAnswer(answer);
    if (bytes.length === 0 || member.nodeId !== victim.nodeId) return answer;
    const { runner } = lied;
    const job = secureJob(runner);
    const view = runner.viewOf(job);
    const { bundles } = await view.delivered(job);
    const { index: own } = await view.party(job, victim.nodeId);
    return outgoing(change({ bytes, roster: await view.roster(job), bundles, own }));
  });
}

/** U2 without this one. */
function without(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.map((byte, i) => (i === 0 ? byte & ~(1 << index) : byte));
}

/** The shares of so many, of the victim among them. */
function some(bundles: Delivering['bundles'], own: number, count: number): Map<number, ShareBundle> {
  const others = [...bundles].filter(([index]) => index !== own).slice(0, count - 1);
  return new Map(
    [...bundles].filter(([index]) => index === own || others.some(([other]) => other === index)),
  );
}

/** All are delivered, and of the last one there is no record. */
function silentDealer({ bytes, own }: Delivering): Uint8Array {
  const last = own === 3 ? 2 : 3;
  const cut = bytes.slice(0, -RECORD_BYTES);
  cut[1] = (cut[1] as number) & ~(1 << last);
  return cut;
}

function swapped(bytes: Uint8Array): Uint8Array {
  const [first, second] = [2, 2 + RECORD_BYTES].map((from) => bytes.slice(from, from + RECORD_BYTES));
  const changed = bytes.slice();
  changed.set(second as Uint8Array, 2);
  changed.set(first as Uint8Array, 2 + RECORD_BYTES);
  return changed;
}

/** What was dealt to somebody else, as if it were for the victim. */
function forAnother(roster: AgreedRoster, bundles: Delivering['bundles'], own: number): Uint8Array {
  const other = own === 0 ? 1 : 0;
  const misled = new Map(
    [...bundles].map(([dealer, bundle]) => {
      const records = bundle.chosen.map((holder, i) => {
        const meant = holder === own && dealer !== other ? bundle.chosen.indexOf(other) : i;
        return bundle.records[meant] as Uint8Array;
      });
      return [dealer, { ...bundle, records }];
    }),
  );
  return deliveryFor(roster, misled, own);
}

/** The victim is told of these survivors, with a root and a proof that fit. */
function tellSurvivors(
  set: Stage,
  choose: (all: readonly number[], own: number) => readonly number[],
  replaced: (own: number) => ReadonlyMap<number, string> = () => new Map(),
): void {
  rewriteSurvivors(set, async () => {
    const { runner, victim } = set;
    const job = secureJob(runner);
    const view = runner.viewOf(job);
    const roster = await view.roster(job);
    const { index: own } = await view.party(job, victim.nodeId);
    const hashOfUpdate = (index: number) =>
      job.accepted.get(roster.parties[index]?.nodeId ?? '')?.sha256 ?? '';
    const all = (await view.survivors(job)).members;
    const chosen = [...choose(all, own)].sort();
    const others = replaced(own);
    const hashes = chosen.map((index) => [index, others.get(index) ?? hashOfUpdate(index)] as const);
    const { told } = await describeSurvivors(primitives, roster, new Map(hashes));
    // Who is left out gets the proof of somebody else.
    return (told.get(own) ?? [...told.values()][0]) as Survivors;
  });
}

function rewriteSurvivors(
  { liar, victim }: Stage,
  change: (told: Survivors) => Survivors | Promise<Survivors>,
): void {
  liar.lie('getSurvivors', async ({ member }, honest) => {
    const { survivors } = await honest();
    const isTold = survivors && member.nodeId === victim.nodeId;
    return { survivors: isTold ? await change(survivors) : survivors };
  });
}

type Consents = Certificate['consents'];

function tellCertificate(
  set: Stage,
  change: (consents: Consents, set: Stage) => Consents | Promise<Consents>,
): void {
  set.liar.lie('getCertificate', async ({ member }, honest) => {
    const { certificate } = await honest();
    if (!certificate || member.nodeId !== set.victim.nodeId) return { certificate };
    return { certificate: { consents: await change(certificate.consents, set) } };
  });
}

/** What these consent to, with the true context. */
async function consents(
  { runner }: Stage,
  nodes: readonly Node[],
  members?: readonly number[],
): Promise<Consents> {
  const job = secureJob(runner);
  const view = runner.viewOf(job);
  const { context } = await view.delivered(job);
  const survivors = await view.survivors(job);
  const { length } = (await view.roster(job)).parties;
  const agreed = members ? { ...survivors, bits: encodeSet(members, length) } : survivors;
  return Promise.all(
    nodes.map(async ({ nodeId, signer }) => ({
      nodeId,
      signature: await consentTo(signer, context, agreed),
    })),
  );
}

async function strangers(_: Consents, set: Stage): Promise<Consents> {
  const names = ['a', 'b', 'c', 'd'].map((name) => nodeOf(`stranger ${name}`, 'participant'));
  return consents(set, await Promise.all(names));
}

/** All four sign other survivors than those of whom the victim was told. */
function toOthers(_: Consents, set: Stage): Promise<Consents> {
  return consents(set, set.members, [0, 1, 2]);
}
