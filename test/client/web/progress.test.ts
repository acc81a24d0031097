// covers: client/web/progress.ts, client/web/amounts.ts, client/web/texts/language.ts, client/web/texts/en.ts, client/web/texts/zh.ts
import { expect, test } from 'vitest';
import { bytesText, numberText } from '../../../client/web/amounts.ts';
import { KEPT_ENTRIES, KEPT_LOSSES, NO_PROGRESS, progressed } from '../../../client/web/progress.ts';
import { EN } from '../../../client/web/texts/en.ts';
import { languageOf } from '../../../client/web/texts/language.ts';
import { ZH } from '../../../client/web/texts/zh.ts';
import { isProblemCode } from '../../../protocol/problem.ts';

test('events are gathered, and what is remembered is bounded', () => {
  let progress = NO_PROGRESS;
  for (let step = 1; step <= KEPT_LOSSES + 5; step += 1) {
    progress = progressed(progress, { type: 'training', jobId: 'j', round: 1, step, steps: 9, loss: step });
    progress = progressed(progress, { type: 'directoryChanged', version: step });
  }
  expect(progress.losses).toHaveLength(KEPT_LOSSES);
  expect(progress.losses.at(-1)).toBe(KEPT_LOSSES + 5);
  expect(progress.notices).toHaveLength(KEPT_ENTRIES);
  expect(progress.notices[0]).toEqual({ type: 'directoryChanged', version: KEPT_LOSSES + 5 });
  progress = progressed(progress, { type: 'traffic', bytesUp: 3, bytesDown: 4 });
  expect(progress).toMatchObject({ bytesUp: 3, bytesDown: 4, doing: { type: 'training' } });
  const state = { epsilon: 8, delta: 1e-6, unit: 'example', spent: 1, left: 5 } as const;
  expect(progressed(progress, { type: 'budget', state })).toEqual({ ...progress, budget: state });
});

test('amounts are short', () => {
  expect([0, 999, 1000, 1_234_567, 2e12].map(bytesText)).toEqual([
    ...['0 B', '999 B', '1.0 kB', '1.2 MB', '2000.0 GB'],
  ]);
  expect([0.000123456, 1234.5678, Number.NaN].map(numberText)).toEqual(['0.0001235', '1235', 'NaN']);
});

test('the first language that the page has is taken', () => {
  expect(languageOf(['fr-FR', 'zh-Hans-CN', 'en'])).toBe('zh');
  expect(languageOf(['EN-us', 'zh'])).toBe('en');
  expect(languageOf([])).toBe('en');
});

/** Paths of all texts. */
const paths = (texts: object, at = ''): string[] =>
  Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'object' && key !== 'known' ? paths(value, `${at}/${key}`) : [`${at}/${key}`],
  );

test('both languages say the same things, and translated problems exist', () => {
  expect(paths(ZH)).toEqual(paths(EN));
  expect(Object.keys(ZH.problem.known).filter((code) => !isProblemCode(code))).toEqual([]);
});
