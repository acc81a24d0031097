import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { ModelProtoSchema, OperatorSetIdProtoSchema } from '../../../../client/graph/gen/onnx_pb.ts';
import { bytesOf, messageOf, problemOf, RELU } from '../model-sketch.ts';

const FIELDS = new Map([
  ['training information', 20],
  ['functions', 25],
  ['metadata', 14],
]);

/** A message field that `onnx.proto` does not have, with nothing in it. */
function field(number: number): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(0).finish();
}

function withOpsets(...opsets: [domain: string, version: number][]): Uint8Array {
  const opsetImport = opsets.map(([domain, version]) =>
    create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
  );
  return toBinary(ModelProtoSchema, { ...messageOf(RELU), opsetImport });
}

describe('what changes the meaning of a model', () => {
  it.each([...FIELDS])('%s in the model', (what, number) => {
    const reason = problemOf(Uint8Array.from([...bytesOf(RELU), ...field(number)]))?.detail.reason;
    if (what === 'metadata') expect(reason).toBeUndefined();
    else expect(reason).toContain(`it has ${what}`);
  });

  it('sparse initialisers', () => {
    const [graph, sparse] = [7, 15];
    const inner = new BinaryWriter().tag(graph, WireType.LengthDelimited).bytes(field(sparse)).finish();
    expect(problemOf(Uint8Array.from([...bytesOf(RELU), ...inner]))?.detail.reason).toBe(
      'it has sparse initialisers',
    );
  });
});

describe('operator sets', () => {
  it.each([7, 11, 13, 17, 21, 23])('%i is read', (opset) => {
    expect(problemOf(bytesOf({ ...RELU, opset }))).toBeUndefined();
  });

  it.each([0, 6, 24, 2 ** 40])('%i is refused', (opset) => {
    expect(problemOf(bytesOf({ ...RELU, opset }))?.detail.reason).toMatch(/7 to 23 are read/);
  });

  it('one of two names, and others beside it that are not used', () => {
    expect(problemOf(withOpsets(['ai.onnx', 17]))).toBeUndefined();
    expect(problemOf(withOpsets(['', 17], ['com.microsoft', 1], ['ai.onnx', 17]))).toBeUndefined();
    expect(problemOf(withOpsets(['', 17], ['ai.onnx', 18]))?.detail.reason).toBe('opsets 17,18 at once');
    expect(problemOf(withOpsets(['com.microsoft', 1]))?.code).toBe('graphMalformed');
  });
});
