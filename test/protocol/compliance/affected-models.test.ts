import { expect, test } from 'vitest';
import { affectedModels, type OpenedEntry } from '../../../protocol/compliance/affected-models.ts';

const [OWN, OLD, OTHER] = ['a', 'b', 'c'].map((letter) => letter.repeat(32)) as [string, string, string];
const KEYS = new Set([OWN, OLD]);

/** One job, whose attempts each have these updates, and are released or not. */
function log(...attempts: (readonly [string, number, number, (string | null)[], boolean])[]): OpenedEntry[] {
  const entries: OpenedEntry[] = [];
  const add = (type: string, data: object, opened?: ReadonlyMap<string, string>) =>
    entries.push({ index: entries.length, event: { type, data }, ...(opened && { opened }) });
  for (const [jobId, round, attempt, nodes, isReleased] of attempts) {
    for (const node of nodes)
      add(
        'hanse.round.updateAccepted',
        { jobId, round, attempt, node: { salted: '0'.repeat(64) } },
        node === null ? undefined : new Map([['/data/node', JSON.stringify(node)]]),
      );
    if (isReleased) add('hanse.round.released', { jobId, round, attempt, model: `${jobId} ${round}` });
  }
  return entries;
}
const told = (entries: OpenedEntry[], before?: number) => {
  const { models, unopened } = affectedModels(entries, KEYS, before);
  return [models.map(({ model, by }) => `${model} ${by}`), unopened];
};

test('models that an update of the node is in, and those that go on from them', () => {
  const entries = log(
    ['j', 1, 1, [OTHER], true],
    ['j', 2, 1, [OTHER, OWN], true],
    ['j', 3, 1, [OTHER], true],
    ['k', 1, 1, [OTHER], true],
    ['j', 4, 1, [OLD], true],
  );
  expect(told(entries)).toEqual([['j 2 update', 'j 3 descent', 'j 4 update'], 0]);
  expect(affectedModels(entries, KEYS).models.map(({ index }) => entries[index]?.event.type)).toEqual(
    Array(3).fill('hanse.round.released'),
  );
});

test('an attempt that came to nothing has left nothing in the model of the next one', () => {
  expect(told(log(['j', 1, 1, [OWN], false], ['j', 1, 2, [OTHER], true]))).toEqual([[], 0]);
});

test('updates behind the change are of the new version; what goes on from the old one is still told', () => {
  const entries = log(['j', 1, 1, [OWN], true], ['k', 1, 1, [OWN], true], ['j', 2, 1, [OWN], true]);
  expect(told(entries, 2)).toEqual([['j 1 update', 'j 2 descent'], 0]);
  expect(told(entries, 0)).toEqual([[], 0]);
});

test('what was not opened is counted, and nothing is said of it', () => {
  expect(told(log(['j', 1, 1, [null, OTHER], true], ['k', 1, 1, [OWN, null], true]))).toEqual([
    ['k 1 update'],
    2,
  ]);
});
