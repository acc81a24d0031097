// covers: protocol/dp/parse-event.ts, schemas/dp-event.ts
/** Events from outside, each bad one beside a good one. */
import { expect, test } from 'vitest';
import { parseDpEvent } from '../../../protocol/dp/parse-event.ts';

const gaussian = { type: 'gaussian', noiseMultiplier: 1 };
const nested = (levels: number): unknown => {
  let event: unknown = gaussian;
  for (let level = 1; level < levels; level += 1) event = { type: 'repeat', count: 1, event };
  return event;
};

test.each<[string, unknown, unknown]>([
  ['negative noise', { ...gaussian, noiseMultiplier: -1 }, gaussian],
  ['no noise', { ...gaussian, noiseMultiplier: 0 }, gaussian],
  ['noise that is no number', { ...gaussian, noiseMultiplier: Number.NaN }, gaussian],
  ['noise without end', { ...gaussian, noiseMultiplier: Infinity }, gaussian],
  ['noise as text', { ...gaussian, noiseMultiplier: '1' }, gaussian],
  ['an unknown kind', { type: 'toString' }, gaussian],
  ['an unknown member', { ...gaussian, sensitivity: 3 }, gaussian],
  [
    'a rate above 1',
    { type: 'poisson', q: 1.01, event: gaussian },
    { type: 'poisson', q: 1, event: gaussian },
  ],
  [
    'a rate below 0',
    { type: 'poisson', q: -0.01, event: gaussian },
    { type: 'poisson', q: 0, event: gaussian },
  ],
  [
    'too many times',
    { type: 'repeat', count: 1e12, event: gaussian },
    { type: 'repeat', count: 1e9, event: gaussian },
  ],
  [
    'one and a half times',
    { type: 'repeat', count: 1.5, event: gaussian },
    { type: 'repeat', count: 1, event: gaussian },
  ],
  [
    'a sample larger than its population',
    { type: 'fixedSize', populationSize: 3, sampleSize: 4, event: gaussian },
    { type: 'fixedSize', populationSize: 3, sampleSize: 3, event: gaussian },
  ],
  ['nothing composed', { type: 'compose', events: [] }, { type: 'compose', events: [gaussian] }],
  ['too deep a tree', nested(17), nested(16)],
  ['a tree as deep as a bomb', nested(100_000), nested(3)],
  [
    'too large a tree',
    { type: 'compose', events: Array(3).fill({ type: 'compose', events: Array(9000).fill(gaussian) }) },
    { type: 'compose', events: Array(2).fill({ type: 'compose', events: Array(9000).fill(gaussian) }) },
  ],
  ['nothing', null, gaussian],
])('%s is no event', (_, bad, good) => {
  expect(() => parseDpEvent(bad)).toThrow(expect.objectContaining({ code: 'invalidFormat' }));
  expect(parseDpEvent(good)).toEqual(good);
});

test('a fault deep in a tree is told by its place', () => {
  const event = { type: 'compose', events: [gaussian, { type: 'poisson', q: 2, event: gaussian }] };
  expect(() => parseDpEvent(event)).toThrow(
    expect.objectContaining({ detail: { where: 'event/events/1/q', expected: expect.any(String) } }),
  );
});
