/**
 * Simplification and common sub-expressions in one walk over the nodes: each node first becomes a simpler one
 * (`simplifications.ts`), then the one that was there already, if the same operator has been applied to the same
 * values. Cocke, "Global common subexpression elimination", 1970; every operator is a pure function.
 */
import type { Attribute, Attributes } from '../attribute.ts';
import type { Graph, Node, OperatorNode, Value } from '../graph.ts';
import { Rewriting, reading } from './rewriting.ts';
import { simpler } from './simplifications.ts';

/** a op b = b op a, to the bit. */
const COMMUTATIVE: ReadonlySet<string> = new Set(['Add', 'And', 'Equal', 'Mul', 'Or', 'Xor']);

export function simplify(graph: Graph): Graph {
  const applied = new Applied();
  const nodes: Node[] = [];
  const visit = (node: OperatorNode) => {
    const result = simplest(node, at);
    const [output] = node.outputs;
    if ('shape' in result) {
      if (output) at.replace(output, result);
      return;
    }
    const former = applied.findOrAdd(result);
    if (!former) {
      at.addProducer(result);
      nodes.push(result);
    }
    former?.outputs.forEach((value, index) => {
      const again = result.outputs[index];
      if (again) at.replace(again, value);
    });
  };
  const at = new Rewriting(graph, visit);
  for (const node of graph.nodes) {
    const current = reading(node, (value) => at.current(value));
    if (current.op !== 'Scan') visit(current);
    else {
      at.addProducer(current);
      nodes.push(current);
    }
  }
  const outputs = graph.outputs.map((port) => ({ ...port, value: at.current(port.value) }));
  return { ...graph, constants: at.constants, nodes, outputs };
}

/** Simplified until nothing is left to simplify; a value where there is one that the node only repeats. */
function simplest(node: OperatorNode, at: Rewriting): OperatorNode | Value {
  let current = node;
  for (;;) {
    const next = simpler(current, at);
    if (next === undefined) return current;
    if ('shape' in next) return next;
    current = next;
  }
}

/** Operators that have been applied so far, by what they were applied to. */
class Applied {
  readonly #nodes = new Map<string, OperatorNode>();
  readonly #numbers = new Map<Value, number>();

  /** The node that computes the same; undefined where there was none, and this one is the first from now on. */
  findOrAdd(node: OperatorNode): OperatorNode | undefined {
    const inputs = node.inputs.map((value) => (value ? this.#number(value) : -1));
    if (COMMUTATIVE.has(node.op)) inputs.sort((a, b) => a - b);
    const key = `${node.op}(${inputs})${attributesKey(node.attributes)}${node.outputs.length}`;
    const former = this.#nodes.get(key);
    if (!former) this.#nodes.set(key, node);
    return former;
  }

  #number(value: Value): number {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(value, number);
    return number;
  }
}

function attributesKey(attributes: Attributes): string {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, attribute]) => `;${JSON.stringify(name)}=${attributeKey(attribute)}`).join('');
}

function attributeKey(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'int':
    case 'float':
      return `${attribute.kind} ${numberKey(attribute.value)}`;
    case 'ints':
    case 'floats':
      return `${attribute.kind} ${attribute.value.map(numberKey)}`;
    case 'string':
      return `string ${JSON.stringify(attribute.value)}`;
    case 'tensor': {
      const { dtype, shape, data } = attribute.value;
      return `${dtype} [${shape}] ${Array.from<number | bigint, string>(data, numberKey)}`;
    }
    default:
      attribute satisfies never;
      throw new Error('unreachable');
  }
}

/** 0 and -0 differ. */
function numberKey(value: number | bigint): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
