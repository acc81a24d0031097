import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { nodesOf, stepNodes, type TreeNode, treeLevels } from '../../../protocol/dp/tree-aggregation.ts';
import { epsilonOfZcdp } from '../../../protocol/dp/zcdp.ts';

test('the nodes of a step are disjoint, without gaps, and as many as its binary digits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (step) => {
      const nodes = nodesOf(step);
      let end = 0;
      for (const { level, index } of nodes) {
        expect(index * 2 ** level).toBe(end);
        end = (index + 1) * 2 ** level;
      }
      expect(end).toBe(step);
      expect(nodes).toHaveLength([...step.toString(2)].filter((digit) => digit === '1').length);
    }),
  );
  expect(nodesOf(6)).toEqual([
    { level: 2, index: 0 },
    { level: 1, index: 2 },
  ]);
});

test('a step is in one node of each level, and in no more of those that are ever used than the event charges', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), (steps) => {
      const uses = new Map<number, Set<string>>();
      for (let t = 1; t <= steps; t += 1)
        for (const { level, index } of nodesOf(t))
          for (let s = index * 2 ** level + 1; s <= (index + 1) * 2 ** level; s += 1)
            uses.set(s, (uses.get(s) ?? new Set()).add(`${level}/${index}`));
      const most = Math.max(...[...uses.values()].map(({ size }) => size));
      expect(most).toBeLessThanOrEqual(treeLevels(steps));
      // Step 1 is in the first node of every level: the charge is not too high either.
      expect(uses.get(1)?.size).toBe(treeLevels(steps));
    }),
    { numRuns: 40 },
  );
});

test('the noise of a step differs from that of the one before by nodes that come once and go once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), (steps) => {
      const name = ({ level, index }: TreeNode) => `${level}/${index}`;
      const [held, drawn] = [new Set<string>(), new Set<string>()];
      for (let t = 1; t <= steps; t += 1) {
        const { added, removed } = stepNodes(t);
        for (const node of removed) expect(held.delete(name(node))).toBe(true);
        for (const node of added) {
          // None comes back: a tree of T steps has T nodes whose noise is ever used.
          expect(drawn.has(name(node))).toBe(false);
          held.add(name(node));
          drawn.add(name(node));
        }
        expect([...held].sort()).toEqual(nodesOf(t).map(name).sort());
      }
      expect(drawn.size).toBe(steps);
    }),
    { numRuns: 40 },
  );
});

test('the event of a tree is rho = levels / (2 z^2) of zero-concentrated privacy', () => {
  const [z, delta] = [8, 1e-5];
  for (const steps of [1, 100, 128]) {
    const rho = treeLevels(steps) / (2 * z ** 2);
    const epsilon = rdpEpsilon(
      { type: 'treeAggregation', noiseMultiplier: z, steps },
      'replace-special',
      delta,
    );
    const exact = epsilonOfZcdp(rho, delta);
    // Orders come from a list, so it is a little more, never less.
    expect(epsilon).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
    expect(epsilon).toBeLessThan(exact * 1.01);
  }
});
