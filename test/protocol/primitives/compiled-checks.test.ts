// covers: protocol/primitives/compiled-checks.ts, protocol/primitives/interpreted-checks.ts
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { checkBy as compiled } from '../../../protocol/primitives/compiled-checks.ts';
import { checkBy as interpreted } from '../../../protocol/primitives/interpreted-checks.ts';
import { Directory } from '../../../schemas/directory.ts';
import { Invite } from '../../../schemas/member.ts';

afterEach(() => vi.unstubAllGlobals());

test('both say the same of every value', () => {
  const token = 'a'.repeat(64);
  for (const schema of [Invite, Directory]) {
    const [fast, slow] = [compiled(schema), interpreted(schema)];
    fc.assert(fc.property(fc.anything(), (value) => fast(value) === slow(value)));
    fc.assert(
      fc.property(fc.record({ token: fc.constantFrom(token, 1) }), (value) => fast(value) === slow(value)),
    );
  }
});

test('the one of pages makes no code of strings, and the other does', () => {
  const made: unknown[] = [];
  const { Function: real } = globalThis;
  vi.stubGlobal(
    'Function',
    new Proxy(real, {
      construct: (target, given) => {
        made.push(given);
        return Reflect.construct(target, given);
      },
    }),
  );
  interpreted(Invite)({});
  expect(made).toEqual([]);
  compiled(Invite)({});
  expect(made.length).toBeGreaterThan(0);
});
