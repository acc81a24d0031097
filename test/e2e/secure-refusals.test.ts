// covers: client/secure-attempt.ts, client/secure-party.ts, client/update-route.ts
/**
 * Every lie that a coordinator can tell one participant, over real HTTP, with its own key under it: the participant
 * declines with the code that says why, and sends nothing after the lie. The same round without the lie releases the sum
 * of all. SPEC.md 11.7.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProblemCode } from '../../protocol/problem.ts';
import { deliveryFor } from '../../protocol/secagg/delivery.ts';
import { RECORD_BYTES } from '../../protocol/secagg/shares.ts';
import type { SuiteId } from '../../schemas/secagg.ts';
import {
  colluder,
  forAnother,
  garbleDelivery,
  keysOf,
  lowOrder,
  ofOther,
  otherManifest,
  otherSum,
  plainManifest,
  redescribe,
  retell,
  rewriteSurvivors,
  silentDealer,
  some,
  strangers,
  swapModel,
  swapped,
  tellCertificate,
  tellDelivery,
  tellEntry,
  tellRecord,
  tellRoster,
  tellSurvivors,
  toOthers,
  twoOf,
  underOtherKey,
  unsigned,
  untimely,
  without,
  withoutMasks,
} from '../fixtures/coordinator-lies.ts';
import { nodeOf } from '../fixtures/federation.ts';
import type { HonestNode } from '../fixtures/honest-node.ts';
import { flipped } from '../fixtures/lying-coordinator.ts';
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
  { lie: 'a delivery that is no base64', code: 'coordinatorMisbehaved', tell: garbleDelivery },
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
