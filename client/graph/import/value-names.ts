/**
 * The names of the values of a model: each is defined once, and before it is used. ONNX IR specification, "Graphs":
 * nodes are in topological order.
 */
import type { NodeProto } from '../gen/onnx_pb.ts';
import { malformed } from '../onnx-decode.ts';

export class ValueNames {
  readonly #defined: Set<string>;
  readonly #nodes: readonly NodeProto[];
  #generated = 0;

  /** @param nodes all nodes of the graph, to tell what is wrong with a name that is not defined yet */
  constructor(defined: Iterable<string>, nodes: readonly NodeProto[]) {
    this.#defined = new Set(defined);
    this.#nodes = nodes;
  }

  /** @param reader position of the node that reads the value; undefined where an output of the graph does */
  require(name: string, reader?: number): string {
    if (this.#defined.has(name)) return name;
    return malformed(whyUndefined(this.#nodes, name, reader));
  }

  define(name: string, where: string): string {
    if (name === '' || this.#defined.has(name))
      malformed(`${where}: output name ${JSON.stringify(name)} is empty or repeats`);
    this.#defined.add(name);
    return name;
  }

  /** A name that nothing in the model has. */
  generate(): string {
    for (;;) {
      const name = `hanse:${this.#generated}`;
      this.#generated += 1;
      if (!this.#defined.has(name) && !this.#isDefinedLater(name)) return this.define(name, 'generated');
    }
  }

  #later: ReadonlySet<string> | undefined;

  #isDefinedLater(name: string): boolean {
    this.#later ??= new Set(this.#nodes.flatMap(({ output }) => output));
    return this.#later.has(name);
  }
}

/** How a node is called in messages. */
export function nodeLabel(node: NodeProto): string {
  return node.name || (node.output[0] ?? '');
}

function whyUndefined(nodes: readonly NodeProto[], name: string, reader: number | undefined): string {
  const where = reader === undefined ? 'the outputs' : `node ${nodeLabel(nodes[reader] as NodeProto)}`;
  const producers = new Map<string, number>();
  nodes.forEach(({ output }, index) => {
    for (const produced of output) producers.set(produced, index);
  });
  const producer = producers.get(name);
  if (name === '' || producer === undefined || reader === undefined)
    return `${where}: value ${JSON.stringify(name)} is not defined`;
  const later = nodeLabel(nodes[producer] as NodeProto);
  return dependsOn(nodes, producers, { from: producer, on: reader })
    ? `a cycle through ${where} and node ${later}, by value ${name}`
    : `${where} reads ${name} before node ${later} computes it: nodes must be in the order in which they run`;
}

/** Whether one node reads, at however many removes, what another computes. */
function dependsOn(
  nodes: readonly NodeProto[],
  producers: ReadonlyMap<string, number>,
  { from, on }: { readonly from: number; readonly on: number },
): boolean {
  const seen = new Set([from]);
  // A set yields what is added to it while it is gone through.
  for (const index of seen) {
    if (index === on) return true;
    for (const name of nodes[index]?.input ?? []) {
      const producer = producers.get(name);
      if (producer !== undefined) seen.add(producer);
    }
  }
  return false;
}
