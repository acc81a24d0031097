import { expect, test } from 'vitest';
import type { DataSet } from '../../../client/data/data-set.ts';
import { requireUsable } from '../../../client/data/data-use.ts';
import { TERMS } from '../../fixtures/data-terms.ts';
import { clouds } from '../../fixtures/small-job.ts';

const at = (moment: string) => ({ now: () => Date.parse(moment) });
const plain: DataSet = { examples: clouds(4), version: '2', allowSingleClass: false };
const until = (retention: string): DataSet => ({ ...plain, terms: { ...TERMS, retention } });
const refusal = (code: string, detail: object) => expect.objectContaining({ code, detail });

test('a data set is used to the last moment of its retention, and no longer', async () => {
  const set = until('2026-03-31');
  const source = set.examples.name;
  await requireUsable(set, at('2026-03-31T23:59:59.999Z'), undefined);
  for (const late of ['2026-04-01T00:00:00.000Z', '2031-01-01T00:00:00.000Z'])
    await expect(requireUsable(set, at(late), undefined)).rejects.toEqual(
      refusal('dataRetentionPassed', { source, retention: '2026-03-31' }),
    );
});

test('one without an end, or about which nothing was said, always; one with an end that is no day, never', async () => {
  for (const set of [plain, until('unlimited')])
    await requireUsable(set, at('2999-01-01T00:00:00.000Z'), undefined);
  await expect(requireUsable(until('2026-02-30'), at('2000-01-01T00:00:00.000Z'), undefined)).rejects.toEqual(
    expect.objectContaining({ code: 'dataRetentionPassed' }),
  );
});

test('a version that was replaced is used no more, its successor is', async () => {
  const withdrawals = {
    isReplaced: async (name: string, version: string) => name === plain.examples.name && version === '2',
  };
  const now = at('2026-01-01T00:00:00.000Z');
  await expect(requireUsable(plain, now, withdrawals)).rejects.toEqual(
    refusal('dataWithdrawn', { source: plain.examples.name, version: '2' }),
  );
  await requireUsable({ ...plain, version: '3' }, now, withdrawals);
});
