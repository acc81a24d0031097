import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { signCheckpoint } from '../../../protocol/audit/checkpoint.ts';
import {
  decideWitness,
  formatWitnessRequest,
  parseWitnessRequest,
  type Witnessed,
} from '../../../protocol/audit/witness.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { leafHash, leftSize, treeRoot } from '../../../protocol/merkle.ts';
import { noteKey } from './notes.ts';

const log = await noteKey('hanse.example/log');
const leaves = await Promise.all(Array.from({ length: 9 }, (_, i) => leafHash(primitives, utf8(`${i}`))));
/** Another history from the fourth leaf on. */
const others = await Promise.all(leaves.map((leaf, i) => (i < 3 ? leaf : leafHash(primitives, leaf))));

const noteOf = async (size: number, of = leaves) =>
  signCheckpoint({ size, root: await treeRoot(primitives, of.slice(0, size)) }, log.key, log.signer);

async function proofOf(old: number, of: readonly Uint8Array[], isWhole = true): Promise<Uint8Array[]> {
  if (old === of.length) return isWhole ? [] : [await treeRoot(primitives, of)];
  const cut = leftSize(of.length);
  const [left, right] = [of.slice(0, cut), of.slice(cut)];
  return old <= cut
    ? [...(await proofOf(old, left, isWhole)), await treeRoot(primitives, right)]
    : [...(await proofOf(old - cut, right, false)), await treeRoot(primitives, left)];
}
const requestOf = async (oldSize: number, size: number, of = leaves) => ({
  oldSize,
  proof: oldSize === 0 ? [] : await proofOf(oldSize, of.slice(0, size)),
  checkpoint: await noteOf(size, of),
});
const decide = async (last: Witnessed | undefined, request: Awaited<ReturnType<typeof requestOf>>) =>
  (await decideWitness(last, request, [log.key])).next;
const refusal = (code: string) => expect.objectContaining({ code });

test('follows a log step by step, from the first checkpoint on', async () => {
  let last: Witnessed | undefined;
  let from = 0;
  for (const size of [0, 0, 1, 1, 4, 5, 9, 9]) {
    last = await decide(last, await requestOf(from, size));
    expect(last).toMatchObject({ size, root: await treeRoot(primitives, leaves.slice(0, size)) });
    from = size;
  }
});

test('what is asked is written and read, as the specification has it', async () => {
  const request = await requestOf(3, 8);
  const body = formatWitnessRequest(request);
  expect(body.startsWith('old 3\n')).toBe(true);
  expect(parseWitnessRequest(body)).toEqual(request);
  expect(parseWitnessRequest(formatWitnessRequest(await requestOf(0, 8)))).toEqual(await requestOf(0, 8));
});

describe('refuses', async () => {
  const last = await decide(undefined, await requestOf(0, 5));

  test('what was signed by nobody it trusts, or of a log it does not know', async () => {
    const stranger = await noteKey('hanse.example/log', 'note', 2);
    const request = await requestOf(5, 8);
    await expect(decide(last, request)).resolves.toMatchObject({ size: 8 });
    await expect(decideWitness(last, request, [stranger.key])).rejects.toThrow(refusal('noteUnsigned'));
    const elsewhere = await noteKey('other.example/log');
    await expect(decideWitness(last, request, [elsewhere.key])).rejects.toThrow(refusal('originUnknown'));
  });

  test('an old size that is not the one it has, and says which', async () => {
    for (const oldSize of [0, 4, 6])
      await expect(decide(last, await requestOf(oldSize, 8))).rejects.toThrow(
        expect.objectContaining({ code: 'witnessBehind', detail: { size: 5 } }),
      );
    await expect(decide(undefined, await requestOf(5, 8))).rejects.toThrow(
      expect.objectContaining({ code: 'witnessBehind', detail: { size: 0 } }),
    );
  });

  test('a smaller checkpoint than the old size', async () => {
    const request = { oldSize: 5, proof: [], checkpoint: await noteOf(4) };
    await expect(decide(last, request)).rejects.toThrow(refusal('witnessRequestMalformed'));
  });

  test('another history, and keeps both checkpoints as evidence', async () => {
    const request = await requestOf(5, 8, others);
    await expect(decide(last, request)).rejects.toThrow(
      expect.objectContaining({
        code: 'logForked',
        detail: {
          ...{ origin: 'hanse.example/log', oldSize: 5, size: 8 },
          evidence: [last.checkpoint, request.checkpoint],
        },
      }),
    );
    // The same size, another root.
    await expect(decide(last, await requestOf(5, 5, others))).rejects.toThrow(refusal('logForked'));
    await expect(decide(last, await requestOf(5, 5))).resolves.toMatchObject({ size: 5 });
  });

  test('proofs with a hash too many, too few or changed, and a proof from nothing', async () => {
    const request = await requestOf(5, 8);
    const [hash = new Uint8Array(32), ...rest] = request.proof;
    for (const proof of [[hash, ...request.proof], rest, [hash.map((byte) => byte ^ 1), ...rest]])
      await expect(decide(last, { ...request, proof })).rejects.toThrow(refusal('logForked'));
    const first = { ...(await requestOf(0, 8)), proof: [hash] };
    await expect(decide(undefined, first)).rejects.toThrow(refusal('logForked'));
  });

  test('a log without leaves that has a root of some', async () => {
    const root = await treeRoot(primitives, leaves);
    const checkpoint = await signCheckpoint({ size: 0, root }, log.key, log.signer);
    await expect(decide(undefined, { oldSize: 0, proof: [], checkpoint })).rejects.toThrow(
      refusal('logForked'),
    );
  });
});

test('bodies of another form are refused', async () => {
  const body = formatWitnessRequest(await requestOf(3, 8));
  const [, hash = ''] = body.split('\n');
  for (const changed of [
    '',
    ...[' 3', '03', '-3', '9007199254740992'].map((size) => body.replace('old 3', `old ${size}`)),
    body.replace('old 3\n', ''),
    body.replace('old', 'new'),
    body.replace(hash, hash.slice(0, -4)),
    body.replace(hash, Array(64).fill(hash).join('\n')),
    body.replace('\n\n', '\n'),
  ])
    expect(() => parseWitnessRequest(changed), changed).toThrow(refusal('witnessRequestMalformed'));
});
