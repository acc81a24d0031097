// covers: client/graph/export-model.ts, client/graph/parameters.ts
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { exportModel } from '../../../client/graph/export-model.ts';
import { ModelProtoSchema } from '../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { mlp, mlpBytes } from '../../../client/graph/models/mlp.ts';
import { initialParameters, parameterCount, parameterSpecs } from '../../../client/graph/parameters.ts';
import { isProblem } from '../../../protocol/problem.ts';
import { hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers } from './random-arrays.ts';

describe('exportModel', () => {
  it('gives back the bytes it came from while the parameters are the same', () => {
    const bytes = mlpBytes([4, 3, 2], numbers(1));
    const forward = importModel(bytes);
    expect(exportModel(forward, initialParameters(forward))).toEqual(bytes);
  });

  it('carries new parameters through a round trip and leaves the model it came from alone', () => {
    const forward = mlp([4, 3, 2], numbers(1));
    const before = initialParameters(forward);
    const changed = before.map((value) => value * 2 - 1);
    const again = importModel(exportModel(forward, changed));
    expect(initialParameters(again)).toEqual(changed);
    expect(parameterSpecs(again)).toEqual(parameterSpecs(forward));
    expect(initialParameters(forward)).toEqual(before);
    expect(again.input.batch).toBeUndefined();
  });

  it('keeps fields it does not know', () => {
    // metadata_props, field 14 of ModelProto: a StringStringEntryProto with key and value.
    const entry = new BinaryWriter();
    entry.tag(1, WireType.LengthDelimited).string('licence');
    entry.tag(2, WireType.LengthDelimited).string('Apache-2.0');
    const field = new BinaryWriter().tag(14, WireType.LengthDelimited).bytes(entry.finish()).finish();
    const bytes = Uint8Array.from([...mlpBytes([2, 1], numbers(1)), ...field]);
    const forward = importModel(bytes);
    const exported = exportModel(forward, initialParameters(forward).fill(0.5));
    expect(fromBinary(ModelProtoSchema, exported).$unknown).toHaveLength(1);
    expect(Buffer.from(exported).toString('latin1')).toContain('Apache-2.0');
    expect(toBinary(ModelProtoSchema, fromBinary(ModelProtoSchema, bytes))).toEqual(bytes);
  });

  it('refuses a vector of another length', () => {
    const forward = mlp([2, 1], numbers(1));
    expect(exportModel(forward, new Float32Array(parameterCount(forward)))).toBeInstanceOf(Uint8Array);
    let problem: unknown;
    try {
      exportModel(forward, new Float32Array(4));
    } catch (error) {
      problem = error;
    }
    expect(isProblem(problem, 'invalidLength') && problem.detail).toEqual({
      what: 'parameters',
      expected: 3,
      got: 4,
    });
  });

  it.skipIf(!hasRuntime)('is a model that ONNX Runtime runs at any batch size', async () => {
    const forward = mlp([2, 1], numbers(1));
    const run = await load32(exportModel(forward, Float32Array.of(1, 10, 100)));
    const results = await run(new Map([['x', { shape: [3, 2], data: Float64Array.of(1, 0, 0, 1, 2, 3) }]]));
    expect(Array.from(results.get('output') ?? [])).toEqual([101, 110, 132]);
  });
});
