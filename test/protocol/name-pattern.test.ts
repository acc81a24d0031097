import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPattern } from '../../protocol/name-pattern.ts';

describe('matchesPattern', () => {
  it.each([
    ['encoder.0.weight', 'encoder.0.weight', true],
    ['encoder.0.weight', 'encoder.*', true],
    ['encoder.0.weight', '*.weight', true],
    ['encoder.0.weight', 'encoder.?.weight', true],
    ['encoder.10.weight', 'encoder.?.weight', false],
    ['encoder.10.weight', 'encoder.*.weight', true],
    ['encoder.0.weight', 'encoder', false],
    ['encoder.0.weight', 'weight', false],
    ['encoder.0.weight', 'Encoder.*', false],
    ['encoder.0.weight', 'encoderx0*', false],
    ['aXbXc', '*X?', true],
    ['abcab', '*ab', true],
    ['ab', 'a*b*', true],
    ['ab', '**a**b**', true],
    ['', '*', true],
    ['', '', true],
    ['', '?', false],
    ['a', '', false],
    ['[a-z]+$', '[a-z]+$', true],
    ['x', '.', false],
  ])('%j by %j: %j', (name, pattern, expected) => {
    expect(matchesPattern(name, pattern)).toBe(expected);
  });

  it('agrees with the definition, said as a recursion', () => {
    const defined = (name: string, pattern: string): boolean => {
      const [symbol] = pattern;
      if (symbol === undefined) return name === '';
      if (symbol === '*')
        return defined(name, pattern.slice(1)) || (name !== '' && defined(name.slice(1), pattern));
      return (symbol === '?' ? name !== '' : name[0] === symbol) && defined(name.slice(1), pattern.slice(1));
    };
    const over = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 9 });
    let matches = 0;
    fc.assert(
      fc.property(over('ab'), over('ab*?'), (name, pattern) => {
        if (defined(name, pattern)) matches += 1;
        expect(matchesPattern(name, pattern)).toBe(defined(name, pattern));
      }),
      { numRuns: 3000 },
    );
    expect(matches).toBeGreaterThan(100);
  });

  it('takes at most length times length steps: what would never end by backtracking ends', () => {
    const name = 'a'.repeat(4000);
    expect(matchesPattern(name, `${'*a'.repeat(99)}*b`)).toBe(false);
    expect(matchesPattern(name, `${'*a'.repeat(99)}*`)).toBe(true);
  });
});
