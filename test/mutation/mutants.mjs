/**
 * Mutants of a source: the same text with one thing changed that a test should notice. DeMillo, Lipton and Sayward, "Hints on Test
 * Data Selection", Computer 11(4), 1978. Types are left as they are: what a compiler would notice is no matter of tests. Pure.
 */
import { parseSync } from 'vite';

/** What stands in the place of an operator. */
const OPERATORS = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '**': '*',
  '&&': '||',
  '||': '&&',
};
const METHODS = { some: 'every', every: 'some' };

/**
 * @param {string} source of TypeScript
 * @returns {{ line: number, what: string, text: string }[]} the whole text of each, by where it differs
 */
export function mutantsOf(source) {
  const { program, errors } = parseSync('source.ts', source);
  if (errors.length > 0) throw new SyntaxError(errors[0]?.message);
  /** @type {{ start: number, end: number, by: string }[]} */
  const changes = [];
  visit(program, (node) => changes.push(...changesOf(node, source)));
  return changes
    .sort((a, b) => a.start - b.start)
    .map(({ start, end, by }) => ({
      line: source.slice(0, start).split('\n').length,
      what: `${inOneLine(source.slice(start, end))} -> ${by}`,
      text: source.slice(0, start) + by + source.slice(end),
    }));
}

function changesOf(node, source) {
  const whole = (by) => ({ start: node.start, end: node.end, by });
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression': {
      const by = OPERATORS[node.operator];
      const between = source.slice(node.left.end, node.right.start);
      const start = node.left.end + between.indexOf(node.operator);
      return by ? [{ start, end: start + node.operator.length, by }] : [];
    }
    case 'IfStatement':
      return [{ start: node.test.start, end: node.test.end, by: 'false' }];
    case 'ConditionalExpression':
      return ['true', 'false'].map((by) => ({ start: node.test.start, end: node.test.end, by }));
    case 'UnaryExpression':
      return node.operator === '!' ? [whole(source.slice(node.argument.start, node.argument.end))] : [];
    case 'Literal':
      if (typeof node.value === 'number') return [whole(`${node.value + 1}`)];
      return typeof node.value === 'boolean' ? [whole(`${!node.value}`)] : [];
    case 'CallExpression': {
      const name = node.callee.property;
      const by = METHODS[name?.name];
      return by ? [{ start: name.start, end: name.end, by }] : [];
    }
    default:
      return [];
  }
}

/** Each node that is there when the code runs. */
function visit(node, each) {
  if (typeof node !== 'object' || node === null) return;
  if (Array.isArray(node)) {
    for (const one of node) visit(one, each);
    return;
  }
  const isType =
    typeof node.type === 'string' && /^TS(?!AsExpression|SatisfiesExpression|NonNull)/.test(node.type);
  if (isType) return;
  if (typeof node.type === 'string') each(node);
  for (const member of Object.values(node)) visit(member, each);
}

function inOneLine(text) {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}
