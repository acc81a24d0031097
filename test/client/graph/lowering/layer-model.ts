/**
 * A model of one layer between scales, y = layer(a x) b: gradients flow through the layer to a, and to b behind it.
 */
import type { Attribute } from '../../../../client/graph/attribute.ts';
import type { ForwardGraph } from '../../../../client/graph/forward-graph.ts';
import { type ForwardDescription, writeForward } from '../../../../client/graph/forward-writer.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import type { Constant } from '../../../../client/graph/tensor-type.ts';

export type LayerNode = ForwardDescription['nodes'][number];

interface Layer {
  readonly parameters?: ForwardDescription['parameters'];
  /** Read `scaled`, and give `layered` in the same shape. */
  readonly nodes: readonly LayerNode[];
}

/** @param example the shape of one example */
export function layerModel(example: readonly number[], { parameters = [], nodes }: Layer): ForwardGraph {
  return importModel(
    writeForward({
      name: 'layer',
      input: { name: 'in', shape: example },
      parameters: [
        { name: 'a', shape: [1], data: Float32Array.of(2) },
        { name: 'b', shape: [1], data: Float32Array.of(3) },
        ...parameters,
      ],
      nodes: [
        { op: 'Mul', inputs: ['in', 'a'], output: 'scaled' },
        ...nodes,
        { op: 'Mul', inputs: ['layered', 'b'], output: 'out' },
      ],
      output: { name: 'out', shape: example },
    }),
  );
}

/** A Constant node, as exporters write the settings of a layer. */
export function constantNode(output: string, value: Constant): LayerNode {
  const attribute: Attribute = { kind: 'tensor', value };
  return { op: 'Constant', inputs: [], output, attributes: { value: attribute } };
}
