import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../../protocol/bytes.ts';
import { isDeeperThan } from '../../../server/http/json-depth.ts';
import { listeningApp } from '../../fixtures/listening-app.ts';
import { expectProblem } from '../../fixtures/signed-client.ts';

const depthOf = (value: unknown): number =>
  value === null || typeof value !== 'object'
    ? 0
    : 1 + Math.max(0, ...Object.values(value).map((inner) => depthOf(inner)));

describe('the depth of a text', () => {
  test('is that of the value it stands for, whatever its strings hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }), fc.nat(8), (value, levels) => {
        expect(isDeeperThan(levels, utf8(JSON.stringify(value)))).toBe(depthOf(value) > levels);
      }),
    );
  });

  test.each([
    ['[[[]]]', 3],
    ['{"a":{"b":[]}}', 3],
    [String.raw`["[[[\"[[[", "\\"]`, 1],
    ['"[[[["', 0],
    ['[],[],[]', 1],
  ])('%s: %i', (text, depth) => {
    expect(isDeeperThan(depth, utf8(text))).toBe(false);
    if (depth > 0) expect(isDeeperThan(depth - 1, utf8(text))).toBe(true);
  });
});

test('a body of half a million brackets is refused before it is built; one of few is read', async () => {
  const listening = await listeningApp();
  try {
    const { researcher } = listening.federation;
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const send = (levels: number) => listening.call(researcher, 'createJob', { body: utf8(nested(levels)) });
    const { particulars } = expectProblem(await send(500_000), 'invalidFormat', 400);
    expect(particulars).toMatchObject({ where: 'body', expected: 'JSON of at most 32 levels' });
    expect(expectProblem(await send(3), 'invalidFormat', 400).particulars).not.toEqual(particulars);
  } finally {
    await listening.close();
  }
});
