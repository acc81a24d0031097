/**
 * The equation of an Einsum: `bij, bjk -> bik` names the axes of the operands and of the result. ONNX operator
 * specification of Einsum. Axes of an ellipsis get names of their own, aligned at the end: `.0`, `.1` and so on.
 */

export interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** Longer than any that makes sense: a term has as many letters as a tensor has axes. */
const MAX_LENGTH = 4096;

const TERM = /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/;

/**
 * @param text attacker-controlled
 * @param ranks of the operands
 * @returns what is wrong with it, where something is
 */
export function parseEquation(text: string, ranks: readonly number[]): Equation | string {
  if (text.length > MAX_LENGTH) return `${text.length} characters`;
  const sides = text.replaceAll(' ', '').split('->');
  const [left = '', right] = sides;
  const terms = left.split(',');
  if (sides.length > 2 || terms.length !== ranks.length) return `not an equation of ${ranks.length} operands`;
  const strange = [...terms, right ?? ''].find((term) => !TERM.test(term));
  if (strange !== undefined) return `term ${strange}`;

  const hidden = terms.map((term, index) => {
    const named = term.replace('...', '').length;
    return { isOpen: term.includes('...'), count: (ranks[index] ?? 0) - named };
  });
  const wrong = hidden.findIndex(({ isOpen, count }) => (isOpen ? count < 0 : count !== 0));
  if (wrong >= 0) return `term ${terms[wrong]} of ${ranks[wrong]} axes`;
  const widest = hidden.reduce((most, { count }) => Math.max(most, count), 0);
  const ellipsis = (count: number) =>
    Array.from({ length: count }, (_, place) => `.${widest - count + place}`);
  const operands = terms.map((term, index) => labelsOf(term, ellipsis(hidden[index]?.count ?? 0)));
  const output =
    right === undefined ? implicitOutput(operands, ellipsis(widest)) : labelsOf(right, ellipsis(widest));
  for (const labels of [...operands, output])
    if (new Set(labels).size < labels.length) return `an axis twice in ${labels.join('')}`;
  const missing = output.find((label) => !operands.some((labels) => labels.includes(label)));
  return missing === undefined ? { operands, output } : `axis ${missing} of the result is nowhere else`;
}

function labelsOf(term: string, ellipsis: readonly string[]): string[] {
  const [before = '', after] = term.split('...');
  return after === undefined ? [...before] : [...before, ...ellipsis, ...after];
}

/** The axes that occur once, in alphabetical order, behind those of the ellipsis. */
function implicitOutput(operands: readonly (readonly string[])[], ellipsis: readonly string[]): string[] {
  const uses = new Map<string, number>();
  for (const label of operands.flat()) uses.set(label, (uses.get(label) ?? 0) + 1);
  const once = [...uses].filter(([label, count]) => count === 1 && !ellipsis.includes(label));
  return [...ellipsis, ...once.map(([label]) => label).sort()];
}
