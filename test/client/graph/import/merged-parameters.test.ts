import { create, fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { exportModel } from '../../../../client/graph/export-model.ts';
import { type ModelProto, ModelProtoSchema, NodeProtoSchema } from '../../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { writeModel } from '../../../../client/graph/onnx-write.ts';
import { initialParameters } from '../../../../client/graph/parameters.ts';
import { floats, messageOf, type Sketch } from '../model-sketch.ts';

/** Two scales that began alike, as the exporter writes them: the second is the first, passed on. */
const MERGED: Sketch = {
  initializers: [floats('first', [3], 1, 1, 1), floats('shift', [3], 1, 2, 3)],
  nodes: [
    { op: 'Identity', inputs: ['first'], output: 'second' },
    { op: 'Mul', inputs: ['in', 'first'], output: 'a' },
    { op: 'Add', inputs: ['a', 'shift'], output: 'b' },
    { op: 'Mul', inputs: ['b', 'second'], output: 'out' },
  ],
};

function bytesFrom(producerName: string, sketch: Sketch, change: (model: ModelProto) => void = () => {}) {
  const model = Object.assign(messageOf(sketch), { producerName });
  change(model);
  return writeModel(model);
}

const names = (bytes: Uint8Array) => importModel(bytes).parameters.map(({ name }) => name);

describe('parameters that an exporter merged', () => {
  it('are parameters of their own again, with the same elements to begin with', () => {
    const forward = importModel(bytesFrom('pytorch', MERGED));
    expect(forward.parameters.map(({ name, shape, data }) => [name, shape, [...data]])).toEqual([
      ['first', [3], [1, 1, 1]],
      ['shift', [3], [1, 2, 3]],
      ['second', [3], [1, 1, 1]],
    ]);
    expect(forward.nodes.map(({ op }) => op)).toEqual(['Mul', 'Add', 'Mul']);
  });

  it('stay one in a model that another program has written', () => {
    expect(names(bytesFrom('hanse', MERGED))).toEqual(['first', 'shift']);
  });

  it('are written apart when the model is exported', () => {
    const forward = importModel(bytesFrom('pytorch', MERGED));
    const trained = initialParameters(forward).map((value, index) => value + index);
    const again = importModel(exportModel(forward, trained));
    expect(again.parameters.map(({ name, data }) => [name, [...data]])).toEqual([
      ['first', [1, 2, 3]],
      ['shift', [4, 6, 8]],
      ['second', [7, 8, 9]],
    ]);
    expect(fromBinary(ModelProtoSchema, exportModel(forward, trained)).graph?.node).toHaveLength(3);
  });

  it('leaves what else Identity passes on: values, and an output of the model', () => {
    const passed: Sketch = {
      ...MERGED,
      nodes: [
        { op: 'Mul', inputs: ['in', 'first'], output: 'a' },
        { op: 'Identity', inputs: ['a'], output: 'b' },
        { op: 'Add', inputs: ['b', 'shift'], output: 'out' },
        { op: 'Identity', inputs: ['shift'], output: 'shown' },
      ],
      outputs: ['out', 'shown'],
    };
    expect(names(bytesFrom('pytorch', passed))).toEqual(['first', 'shift']);
  });

  it('does not hide a name that is defined twice, nor an Identity that is none', () => {
    const twice = {
      ...MERGED,
      nodes: [...(MERGED.nodes ?? []), { op: 'Identity', inputs: ['shift'], output: 'second' }],
    };
    expect(() => importModel(bytesFrom('pytorch', twice))).toThrow(/second/);
    const foreign = bytesFrom('pytorch', MERGED, ({ graph }) => {
      graph?.node.unshift(
        create(NodeProtoSchema, { opType: 'Identity', domain: 'other', input: ['first'], output: ['x'] }),
      );
    });
    expect(() => importModel(foreign)).toThrow(/other\.Identity/);
  });

  it('counts the parted parameters towards the limit', () => {
    const bytes = bytesFrom('pytorch', MERGED);
    expect(() => importModel(bytes, { limits: { parameters: 8 } })).toThrow(
      expect.objectContaining({ code: 'graphTooLarge' }),
    );
    expect(importModel(bytes, { limits: { parameters: 9 } }).parameters).toHaveLength(3);
  });
});
