/**
 * Cases of matrix products.
 */
import { float, int } from '../../../../client/graph/attribute.ts';
import type { OperatorCase } from './operator-case.ts';

function gemms(): OperatorCase[] {
  const cases: OperatorCase[] = [];
  for (const transA of [0, 1])
    for (const transB of [0, 1])
      for (const addend of [undefined, [2], [4, 1], [4, 2], []]) {
        const a = transA ? [3, 4] : [4, 3];
        const b = transB ? [2, 3] : [3, 2];
        cases.push({
          name: `Gemm, transA ${transA}, transB ${transB}, C ${addend ? `[${addend}]` : 'absent'}`,
          op: 'Gemm',
          inputs: addend ? [a, b, addend] : [a, b],
          range: [-2, 2],
          build: (g, inputs) =>
            g.apply('Gemm', inputs, {
              transA: int(transA),
              transB: int(transB),
              alpha: float(0.5),
              beta: float(-1.5),
            }),
        });
      }
  return cases;
}

function products(): OperatorCase[] {
  const shapes: [string, number[], number[]][] = [
    ['matrices', [2, 3], [3, 4]],
    ['stack by matrix', [2, 5, 3], [3, 4]],
    ['stack by stack', [2, 5, 3], [2, 3, 4]],
    ['broadcast stacks', [2, 1, 5, 3], [4, 3, 2]],
    ['matrix by stack', [5, 3], [2, 3, 4]],
  ];
  return shapes.map(([how, a, b]) => ({
    name: `MatMul, ${how}`,
    op: 'MatMul',
    inputs: [a, b],
    range: [-2, 2],
    build: (g, inputs) => g.apply('MatMul', inputs),
  }));
}

export const LINEAR_CASES: readonly OperatorCase[] = [...gemms(), ...products()];
