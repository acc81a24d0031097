import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../../server/access/policy-text.ts';

const policy = (id: string, condition = 'true') =>
  `@id("${id}")\npermit (principal, action, resource) when { ${condition} };\n`;
const refused = (text: string) => {
  try {
    parsePolicies(text);
    return undefined;
  } catch (error) {
    return error;
  }
};
const expectRefused = (text: string, reason: string | RegExp) =>
  expect(refused(text)).toMatchObject({
    code: 'policyInvalid',
    detail: {
      reason: typeof reason === 'string' ? expect.stringContaining(reason) : expect.stringMatching(reason),
    },
  });

test('each policy by its id, in the order of the text, whatever stands between them', () => {
  const text =
    `// the first\n${policy('b')}\n/* no comment in Cedar: */`.replace(/\/\*.*\*\//, '') + policy('a');
  expect([...parsePolicies(text).keys()]).toEqual(['b', 'a']);
});

describe('refused is', () => {
  test.each([
    ['no Cedar', 'permit (principal, action, resource', /./],
    ['a policy without an id', 'permit (principal, action, resource);', 'no @id'],
    ['an id twice', policy('a') + policy('a'), 'two policies'],
    ['an id of other letters that look alike', policy('opera\u0442ors'), 'small letters'],
    ['an id in capitals', policy('Operators'), 'small letters'],
    ['an id that would end a line of the log', policy('a\\nb'), 'small letters'],
    ['what turns the direction of writing', policy('a', '"\u202e" == "a"'), 'nobody sees: U+202e'],
    ['a template', '@id("a") permit (principal == ?principal, action, resource);', 'template'],
    ['what is nested too deep', policy('a', `${'('.repeat(25)}true${')'.repeat(25)}`), 'nested deeper'],
    ['too much of it in a row', policy('a', `1${'+1'.repeat(96)} > 0`), 'operators'],
    ['a policy that is too long', policy('a', `"${'x'.repeat(8192)}" == "a"`), 'longer than'],
    ['a text that is too long', `// ${'x'.repeat(262_144)}`, 'longer than'],
  ])('%s', (_, text, reason) => {
    expect(refused(policy('a') + policy('b', '(((1 + 1 > 1)))'))).toBeUndefined();
    expectRefused(text, reason);
  });

  test.each(['&&', '||'])(
    'more than some dozens in a row by %s, which would end Cedar for everybody',
    (operator) => {
      const chain = (length: number) => policy('a', Array(length).fill('1 == 1').join(operator));
      expect(refused(chain(96))).toBeUndefined(); // and `when`
      for (const length of [97, 200, 400, 800]) expectRefused(chain(length), 'operators');
      expect(refused(policy('b'))).toBeUndefined();
    },
  );

  test.each(['when', 'unless'])('more than some dozens of conditions by %s', (word) => {
    const chain = (length: number) =>
      `@id("a") permit (principal, action, resource) ${`${word}{true}`.repeat(length)};`;
    expect(refused(chain(96))).toBeUndefined();
    for (const length of [97, 400, 700]) expectRefused(chain(length), 'operators');
    expect(refused(policy('b'))).toBeUndefined();
  });

  test('too many policies', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, i) => `@id("p${i}")permit(principal,action,resource);`).join('\n');
    expect(parsePolicies(many(2000)).size).toBe(2000);
    expectRefused(many(2001), 'more than 2000');
  });

  test('depth that hides behind a text in quotes, over lines, or behind a comment', () => {
    const deep = `${'('.repeat(25)}true${')'.repeat(25)}`;
    for (const hiding of [`"a" == "b" || ${deep}`, `"a\n" == "\n\\" (" || ${deep}`, `true // "\n || ${deep}`])
      expectRefused(policy('a', hiding), 'nested deeper');
    // Within quotes nothing nests.
    expect(refused(policy('a', `"${'('.repeat(200)}" == "\\"${'('.repeat(200)}"`))).toBeUndefined();
  });
});

test('no text within the bounds ends the parser, which whoever comes next needs', () => {
  const leaf: fc.Arbitrary<string> = fc.constantFrom(
    'true',
    '1',
    'principal',
    '"x"',
    'resource.author',
    'principal in resource.author',
  );
  const wrap: ((inner: string) => string)[] = [
    (inner) => `(${inner})`,
    (inner) => `[${inner}].contains(1)`,
    (inner) => `{a: ${inner}}.a`,
    (inner) => `if ${inner} then ${inner.length < 400 ? inner : 'true'} else false`,
    (inner) => `!(${inner})`,
    (inner) => `${inner} + 1 - 2 * 3`,
    (inner) => `(${inner}) has a.b.c.d`,
    (inner) => `true && ${inner} || false`,
  ];
  const condition = fc
    .tuple(leaf, fc.array(fc.nat(wrap.length - 1), { maxLength: 40 }))
    .map(([inner, way]) => way.reduce((text, at) => (wrap[at] as (text: string) => string)(text), inner));
  const tokens = fc
    .array(
      fc.constantFrom(
        '(',
        ')',
        '[',
        ']',
        '{',
        '}',
        '.a',
        '+',
        '!',
        'if',
        'then',
        'else',
        '"',
        '//',
        '\n',
        ';',
        'true',
      ),
      {
        maxLength: 200,
      },
    )
    .map((parts) => parts.join(' '));
  fc.assert(
    fc.property(fc.oneof(condition, tokens), (text) => {
      const error = refused(policy('a', text));
      if (error !== undefined) expect(error).toMatchObject({ code: 'policyInvalid' });
      expect(refused(policy('b'))).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});
