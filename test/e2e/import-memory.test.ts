// covers: client/graph/import-model.ts, client/graph/export-model.ts, client/graph/onnx-write.ts
/**
 * A model of 200 MB is in memory once. Its tensors lie at odd addresses, as exporters leave them.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from '../../client/graph/gen/onnx_pb.ts';
import { messageOf, type SketchNode } from '../client/graph/model-sketch.ts';

const script = fileURLToPath(new URL('import-memory-child.mjs', import.meta.url));
const isBuilt = existsSync(new URL('../../dist/client/graph/import-model.js', import.meta.url));
const isMeasurable = existsSync('/proc/self/status');

const WIDTH = 3500;
const TENSORS = 4;
const TENSOR_BYTES = 4 * WIDTH * WIDTH;
const MODEL_BYTES = TENSORS * TENSOR_BYTES;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-memory-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const names = Array.from({ length: TENSORS }, (_, index) => `w${index}`);

/** Layers without bias, and a bias of one number that a pattern for the layers leaves alone. */
function nodes(): SketchNode[] {
  const layers = names.map((name, index) => ({
    op: 'MatMul',
    inputs: [index === 0 ? 'in' : `v${index - 1}`, name],
    output: `v${index}`,
  }));
  return [...layers, { op: 'Add', inputs: [`v${TENSORS - 1}`, 'bias'], output: 'out' }];
}

const bias = create(TensorProtoSchema, {
  name: 'bias',
  dims: [1n],
  dataType: DataType.FLOAT,
  rawData: new Uint8Array(4),
});

/** A field of bytes up to where its content begins. */
function opening(number: number, length: number): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(length).finish();
}

/**
 * A model as a file of zeros with holes, a tensor after the other. Messages are merged: one part of a graph each.
 * @returns its path
 */
function writeModel(): string {
  const file = join(folder, 'model.onnx');
  const [graph, initializer, rawData] = [7, 5, 9];
  writeFileSync(
    file,
    toBinary(ModelProtoSchema, messageOf({ input: ['N', WIDTH], initializers: [bias], nodes: nodes() })),
  );
  let size = 0;
  for (const name of names) {
    const head = toBinary(
      TensorProtoSchema,
      create(TensorProtoSchema, { name, dims: [BigInt(WIDTH), BigInt(WIDTH)], dataType: DataType.FLOAT }),
    );
    const raw = Buffer.concat([head, opening(rawData, TENSOR_BYTES)]);
    const tensor = Buffer.concat([opening(initializer, raw.length + TENSOR_BYTES), raw]);
    const part = Buffer.concat([opening(graph, tensor.length + TENSOR_BYTES), tensor]);
    size = appendAndExtend(file, part, TENSOR_BYTES);
  }
  expect(size).toBeGreaterThan(MODEL_BYTES);
  return file;
}

function appendAndExtend(file: string, bytes: Uint8Array, zeros: number): number {
  writeFileSync(file, bytes, { flag: 'a' });
  const size = statSync(file).size + zeros;
  truncateSync(file, size);
  return size;
}

/** The same with its tensors in a file beside it, at odd places too. */
function writeModelWithFile(): string {
  const file = join(folder, 'split.onnx');
  const tensors = names.map((name, index) =>
    create(TensorProtoSchema, {
      name,
      dims: [BigInt(WIDTH), BigInt(WIDTH)],
      dataType: DataType.FLOAT,
      dataLocation: DataLocation.EXTERNAL,
      externalData: Object.entries({ location: 'split.data', offset: `${1 + index * TENSOR_BYTES}` }).map(
        ([key, value]) => create(StringStringEntryProtoSchema, { key, value }),
      ),
    }),
  );
  writeFileSync(
    file,
    toBinary(
      ModelProtoSchema,
      messageOf({ input: ['N', WIDTH], initializers: [bias, ...tensors], nodes: nodes() }),
    ),
  );
  appendAndExtend(join(folder, 'split.data'), new Uint8Array(1), MODEL_BYTES);
  return file;
}

/** By how much the peak of a process rises, as a share of the size of the model. */
function rise(mode: string, file: string): number {
  const report = JSON.parse(execFileSync(process.execPath, [script, mode, file], { encoding: 'utf8' }));
  expect(report.isThere).toBe(true);
  return report.rise / MODEL_BYTES;
}

describe.skipIf(!isBuilt || !isMeasurable)('peak of memory beyond the bytes of the model', () => {
  test('importing takes a fraction, whatever is trained; a copy would be seen', () => {
    const file = writeModel();
    expect(rise('importCopy', file)).toBeGreaterThan(0.95);
    expect(rise('import', file)).toBeLessThan(0.2);
    expect(rise('importFrozen', file)).toBeLessThan(0.2);
  });

  test('exporting takes the parameters and the file, each once', () => {
    const share = rise('export', writeModel());
    expect(share).toBeGreaterThan(1.5);
    expect(share).toBeLessThan(2.3);
  });

  test('files beside the model are read once', () => {
    const share = rise('importBeside', writeModelWithFile());
    expect(share).toBeGreaterThan(0.95);
    expect(share).toBeLessThan(1.2);
  });
});
