// covers: server/masked-update.ts, server/secure-attempt-view.ts, server/secure-handlers.ts, server/unmasked-sum.ts, server/update-handlers.ts
/**
 * Participants that do not keep to the protocol of secure rounds, over real HTTP, against the coordinator as it is: each is
 * refused with the code that says why, the honest message is then taken, and the round goes on as if nothing had been.
 * SPEC.md 11.7.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { primitives } from '#primitives';
import type { ProblemCode } from '../../protocol/problem.ts';
import { hasEnded } from '../../protocol/round.ts';
import { advertise } from '../../protocol/secagg/advertisement.ts';
import { isPast } from '../../protocol/secagg/secure-phases.ts';
import { RECORD_BYTES } from '../../protocol/secagg/shares.ts';
import type { Advertisement, SecurePhase } from '../../schemas/secagg.ts';
import { statusOfProblem } from '../../server/http/problem-details.ts';
import { advertising } from '../fixtures/advertised-keys.ts';
import { HandDrivenNode, HONEST, keyOf } from '../fixtures/hand-driven-node.ts';
import { type HonestNode, honestNode } from '../fixtures/honest-node.ts';
import { flipped, secureJob } from '../fixtures/lying-coordinator.ts';
import { end, jobEnded, modelOf, releasedModel, type Stage, stage } from '../fixtures/secure-stage.ts';
import { type Answer, expectProblem, expectSuccess } from '../fixtures/signed-client.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const ALL = [0, 1, 2, 3];
const ZERO = '00'.repeat(32);
/** Of order 8: RFC 7748, 7. */
const LOW_ORDER = 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800';

let set: Stage;
let nodes: HandDrivenNode[];
/** The one at place 0. */
let liar: HandDrivenNode;

beforeAll(async () => {
  set = await stage();
});
beforeEach(async () => {
  await set.begin();
  nodes = await HandDrivenNode.all(set);
  liar = nodes[0] as HandDrivenNode;
});
// Whoever comes later is not to be asked for what an earlier test has left.
afterEach(async () => {
  const { runner } = set;
  if (!hasEnded(runner.state)) await runner.dispatch({ type: 'jobCancelled', by: set.victim.nodeId });
});
afterAll(() => end(set, []));

type Step = (typeof HONEST)[keyof typeof HONEST];

/** All of them, or those, do what an honest participant does. */
async function all(step: Step, of: readonly HandDrivenNode[] = nodes): Promise<void> {
  for (const node of of) expectSuccess(await step(node));
}

function expectRefusal(answer: Answer, code: ProblemCode): void {
  expectProblem(answer, code, statusOfProblem(code));
}

/** In spite of all that was tried: the sum of these is released, and of nobody else. */
async function expectReleased(places: readonly number[] = ALL): Promise<void> {
  await jobEnded(set);
  expect(await releasedModel(set)).toEqual(modelOf(set.runner.state.manifest, places));
}

/** So long the coordinator has waited. */
async function passDeadline(phase: SecurePhase): Promise<void> {
  await set.runner.dispatch({ type: 'deadlinePassed', round: 1, attempt: 1, phase });
}

test('nobody lies: the sum of all is released', async () => {
  for (const step of [HONEST.keys, HONEST.shares, HONEST.update, HONEST.consent]) await all(step);
  await all(HONEST.answer, nodes.slice(0, 3));
  await expectReleased();
  expect(set.runner.state.history[0]?.secure?.faulty).toEqual([]);
});

test('keys that are of low order, of another, for another attempt, used twice, or not of their sender', async () => {
  const [, other] = nodes as [HandDrivenNode, HandDrivenNode];
  const send = async (body: Advertisement) => liar.send('advertiseKeys', { body });
  const mine = await liar.advertisement();
  const theirs = await other.advertisement();
  for (const key of [ZERO, LOW_ORDER])
    for (const name of ['channelKey', 'maskKey'] as const)
      expectRefusal(await send(await signedKeys({ [name]: key })), 'keyLowOrder');
  const forged: Advertisement[] = [
    theirs,
    { ...mine, nodeId: theirs.nodeId },
    { ...mine, publicKey: keyOf(other.node) },
    { ...mine, signature: flipped(mine.signature) },
    { ...mine, nonce: flipped(mine.nonce) },
    await liar.advertisement(new Uint8Array(32)),
    await signedKeys({ channelKey: mine.maskKey, maskKey: mine.maskKey }),
  ];
  for (const keys of forged) expectRefusal(await send(keys), 'advertisementInvalid');
  expectRefusal(await send({ ...mine, maskKey: mine.maskKey.slice(2) }), 'invalidFormat');

  expectSuccess(await other.send('advertiseKeys', { body: theirs }));
  expectRefusal(await send(await signedKeys({ maskKey: theirs.maskKey })), 'advertisementInvalid');
  expectSuccess(await send(mine));
  expectSuccess(await send(mine));
  expectRefusal(await send(await signedKeys({})), 'messageConflict');

  /** Those of the liar, but for these, soundly signed. */
  async function signedKeys(change: Partial<Advertisement>): Promise<Advertisement> {
    const keys = [change.channelKey, change.maskKey].map((hex) =>
      hex ? Buffer.from(hex, 'hex') : undefined,
    );
    const made = advertising(...keys);
    const { signer, nodeId } = liar.node;
    return (await advertise(made, await liar.round(), signer, nodeId, primitives.random)).advertisement;
  }
});

test('shares too early, of another length, for oneself, other ones, and too late', async () => {
  const late = nodes[3] as HandDrivenNode;
  await all(HONEST.keys, nodes.slice(0, 3));
  expectRefusal(await liar.send('putShares', { body: new Uint8Array(9) }), 'messageOutOfOrder');
  await all(HONEST.keys, [late]);
  const shares = await liar.shares();
  const send = (body: Uint8Array) => liar.send('putShares', { body });
  expectRefusal(await send(shares.subarray(1)), 'invalidLength');
  expectRefusal(await send(new Uint8Array([...shares, 0])), 'invalidLength');
  expectRefusal(await send(shares.map((byte, i) => (i === 32 ? 0b1111 : byte))), 'sharesInvalid');
  const forItself = shares.slice();
  forItself[32] = 0b1111 & ~(1 << (liar.index === 0 ? 1 : 0));
  expectRefusal(await send(forItself), 'sharesInvalid');
  expectSuccess(await send(shares));
  expectSuccess(await send(shares));
  expectRefusal(await send(shares.map((byte, i) => (i === 0 ? byte ^ 1 : byte))), 'messageConflict');

  await all(HONEST.shares, nodes.slice(1, 3));
  const tooLate = await late.shares();
  await passDeadline('sharing');
  expectRefusal(await late.send('putShares', { body: tooLate }), 'messageLate');
  expectRefusal(await late.send('getDelivery', { query: { wait: '0' } }), 'messageLate');
  for (const step of [HONEST.update, HONEST.consent, HONEST.answer]) await all(step, nodes.slice(0, 3));
  await expectReleased([0, 1, 2]);
});

test('updates without a signature, under a wrong one, in pieces too, of another length, other ones, and too late', async () => {
  const [, other, , late] = nodes as [HandDrivenNode, HandDrivenNode, HandDrivenNode, HandDrivenNode];
  await all(HONEST.keys);
  await all(HONEST.shares);
  const { update, signature } = await liar.masked();
  const theirs = await other.masked();
  const send = (body: Uint8Array, params: Record<string, string>) =>
    liar.send('putMaskedUpdate', { params, body });
  expectRefusal(await liar.send('putUpdate', { body: update }), 'updateUnsigned');
  for (const wrong of [flipped(signature), theirs.signature, '00'.repeat(64)])
    expectRefusal(await send(update, { signature: wrong }), 'updateUnsigned');
  // What another has signed is nobody else's.
  expectRefusal(await send(theirs.update, { signature: theirs.signature }), 'updateUnsigned');
  const short = update.slice(0, -4);
  expectRefusal(await send(short, { signature: await liar.sign(short) }), 'invalidLength');
  const formless = update.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  expectRefusal(await send(formless, { signature: await liar.sign(formless) }), 'updateMalformed');

  expectRefusal(await openUpload(flipped(signature)), 'updateUnsigned');
  expectRefusal(await openUpload(undefined), 'updateUnsigned');
  const opened = expectSuccess(await openUpload(signature));
  const { uploadId } = opened.json as { uploadId: string };
  expectSuccess(await liar.send('putChunk', { params: { uploadId, offset: '0' }, body: update }));
  expectSuccess(await liar.send('completeUpload', { params: { uploadId } }));
  expectSuccess(await send(update, { signature }));
  const another = update.map((byte, i) => (i === update.length - 1 ? byte ^ 1 : byte));
  expectRefusal(await send(another, { signature: await liar.sign(another) }), 'messageConflict');

  await all(HONEST.update, nodes.slice(1, 3));
  const tooLate = await late.masked();
  await passDeadline('collecting');
  const { signature: of, update: body } = tooLate;
  expectRefusal(await late.send('putMaskedUpdate', { params: { signature: of }, body }), 'messageLate');
  for (const step of [HONEST.consent, HONEST.answer]) await all(step, nodes.slice(0, 3));
  await expectReleased([0, 1, 2]);

  async function openUpload(under: string | undefined): Promise<Answer> {
    const { jobId } = set.runner;
    const target = { type: 'update', jobId, round: 1, attempt: 1, ...(under && { signature: under }) };
    return liar.send('openUpload', { body: { target, sha256: hashOf(update), bytes: update.length } });
  }
});

test('consents to other survivors, to other updates, and of another', async () => {
  const [, other] = nodes as [HandDrivenNode, HandDrivenNode];
  for (const step of [HONEST.keys, HONEST.shares, HONEST.update]) await all(step);
  const send = async (body: unknown) => liar.send('putConsent', { body });
  expectRefusal(await send(await liar.consent({ bits: new Uint8Array([0b0111]) })), 'consentInvalid');
  expectRefusal(await send(await liar.consent({ root: new Uint8Array(32) })), 'consentInvalid');
  expectRefusal(await send(await other.consent()), 'consentInvalid');
  await all(HONEST.consent);
  await all(HONEST.answer, nodes.slice(0, 3));
  await expectReleased();
});

test('answers of another length, and other ones', async () => {
  for (const step of [HONEST.keys, HONEST.shares, HONEST.update, HONEST.consent]) await all(step);
  const answer = await liar.answer();
  const send = (body: Uint8Array) => liar.send('putAnswer', { body });
  expectRefusal(await send(answer.subarray(32)), 'invalidLength');
  expectRefusal(await send(new Uint8Array([...answer, 0])), 'invalidLength');
  expectSuccess(await send(answer));
  expectSuccess(await send(answer));
  expectRefusal(await send(garbled(answer)), 'messageConflict');
  await all(HONEST.answer, nodes.slice(1, 3));
  await expectReleased();
});

test('one wrong answer: the sum is opened in spite of it, and its sender is named', async () => {
  for (const step of [HONEST.keys, HONEST.shares, HONEST.update, HONEST.consent]) await all(step);
  expectSuccess(await liar.send('putAnswer', { body: garbled(await liar.answer()) }));
  await all(HONEST.answer, nodes.slice(1));
  await expectReleased();
  expect(set.runner.state.history[0]?.secure?.faulty).toEqual([liar.node.nodeId]);
});

test('too many wrong answers: nothing is opened, and nothing released', async () => {
  for (const step of [HONEST.keys, HONEST.shares, HONEST.update, HONEST.consent]) await all(step);
  for (const node of nodes.slice(0, 2))
    expectSuccess(await node.send('putAnswer', { body: garbled(await node.answer()) }));
  await all(HONEST.answer, nodes.slice(2));
  await expectVoid('unmaskingFailed');
});

test('shares that do not fit their commitment: nothing is opened while their dealer is in the sum', async () => {
  await all(HONEST.keys);
  const unfit = (await liar.shares()).map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  expectSuccess(await liar.send('putShares', { body: unfit }));
  await all(HONEST.shares, nodes.slice(1));
  for (const step of [HONEST.update, HONEST.consent, HONEST.answer]) await all(step);
  await expectVoid('unmaskingFailed');
});

test.each([
  { to: 'one', spoilt: 1, released: [0, 2, 3] },
  { to: 'all', spoilt: 3, released: undefined },
])('shares that $to cannot read: whoever gets them says who has dealt them', async ({ spoilt, released }) => {
  const { jobId } = set.runner;
  const honest: HonestNode[] = await Promise.all(
    [1, 2, 3].map(async (place) => honestNode(set.liar, set.members[place] as Stage['victim'], place)),
  );
  expectSuccess(await HONEST.keys(liar));
  await set.liar.until(() => set.runner.state.phase === 'sharing');
  const shares = await liar.shares();
  const order = nodes.map(({ node }) => node.nodeId).sort();
  const holders = order.filter((nodeId) => nodeId !== liar.node.nodeId);
  const victims = honest.slice(0, spoilt);
  for (const { node } of victims) {
    const last = shares.length - (holders.length - 1 - holders.indexOf(node.nodeId)) * RECORD_BYTES - 1;
    shares[last] = (shares[last] as number) ^ 1;
  }
  expectSuccess(await liar.send('putShares', { body: shares }));
  await Promise.all(victims.map((node) => node.ended(jobId)));
  for (const node of victims)
    expect(node.problem(jobId)).toMatchObject({
      code: 'sharesUnreadable',
      detail: { from: liar.node.nodeId },
    });
  if (released) {
    expectSuccess(await HONEST.update(liar));
    await set.liar.until(() => isPast(secureJob(set.runner), 'collecting'));
    expectSuccess(await HONEST.consent(liar));
    await set.liar.until(() => isPast(secureJob(set.runner), 'consenting'));
    expectSuccess(await HONEST.answer(liar));
    await expectReleased(released);
  } else {
    await jobEnded(set);
    expect(set.runner.state.history).toMatchObject([
      { outcome: 'aborted', declined: { sharesUnreadable: 2 } },
    ]);
  }
  await Promise.all(honest.map((node) => node.stop()));
});

/** The attempt has come to nothing, for this reason. */
async function expectVoid(reason: ProblemCode): Promise<void> {
  await jobEnded(set);
  expect(set.runner.state.history).toMatchObject([{ outcome: 'aborted', reason, model: null }]);
}

function garbled(answer: Uint8Array): Uint8Array {
  return answer.map((byte) => byte ^ 0x5a);
}
