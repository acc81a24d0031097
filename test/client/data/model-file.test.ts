import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesBeside, importModelFile } from '../../../client/data/model-file.ts';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from '../../../client/graph/gen/onnx_pb.ts';
import { DEFAULT_LIMITS } from '../../../client/graph/limits.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { messageOf } from '../graph/model-sketch.ts';

const VALUES = Float32Array.of(1, 2, 3);
const CONTENT = new Uint8Array(VALUES.buffer);

let folder: string;
/** Where the model lies, with a folder of its own. */
const at = (...names: string[]) => join(folder, 'models', ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-model-'));
  await mkdir(at('data'), { recursive: true });
  await mkdir(join(folder, 'models-of-others'));
  for (const file of [
    at('weights.bin'),
    at('data', 'weights.bin'),
    join(folder, 'secret.bin'),
    join(folder, 'models-of-others', 'secret.bin'),
  ])
    await writeFile(file, CONTENT);
});

afterAll(() => rm(folder, { recursive: true }));

/** A model that adds a tensor of three numbers which lies elsewhere. */
async function writeModel(location: string): Promise<string> {
  const weights = create(TensorProtoSchema, {
    name: 'weights',
    dims: [3n],
    dataType: DataType.FLOAT,
    dataLocation: DataLocation.EXTERNAL,
    externalData: [create(StringStringEntryProtoSchema, { key: 'location', value: location })],
  });
  const message = messageOf({
    initializers: [weights],
    nodes: [{ op: 'Add', inputs: ['in', 'weights'], output: 'out' }],
  });
  const file = at('model.onnx');
  await writeFile(file, toBinary(ModelProtoSchema, message));
  return file;
}

async function outcomeOf(location: string): Promise<unknown> {
  try {
    return initialParameters(await importModelFile(await writeModel(location)));
  } catch (error) {
    return error instanceof HanseError ? [error.code, error.detail] : error;
  }
}

const refused = (location: string, reason: RegExp) => [
  'graphFileRefused',
  { location, reason: expect.stringMatching(reason) },
];

describe('a model whose tensors lie beside it', () => {
  test.each(['weights.bin', 'data/weights.bin', './weights.bin'])('%s', async (location) => {
    expect(await outcomeOf(location)).toEqual(VALUES);
  });

  test('found from a relative path, whatever the working directory is', async () => {
    const file = relative(process.cwd(), await writeModel('weights.bin'));
    expect(initialParameters(await importModelFile(file))).toEqual(VALUES);
  });

  test('through links that stay in the folder, and in a folder that is a link itself', async () => {
    await symlink('data/weights.bin', at('inner.bin'));
    await symlink('data', at('inner'));
    expect(await outcomeOf('inner.bin')).toEqual(VALUES);
    expect(await outcomeOf('inner/weights.bin')).toEqual(VALUES);
    await symlink('models', join(folder, 'shelf'));
    await writeModel('weights.bin');
    expect(initialParameters(await importModelFile(join(folder, 'shelf', 'model.onnx')))).toEqual(VALUES);
  });
});

describe('nothing outside the folder is opened', () => {
  test.each([
    '../secret.bin',
    '/etc/passwd',
    'data/../../secret.bin',
    '..\\secret.bin',
    'C:\\secret.bin',
    'a\0b',
    '',
  ])('by the name %j', async (location) => {
    expect(await outcomeOf('weights.bin')).toEqual(VALUES);
    expect(await outcomeOf(location)).toEqual(refused(location, /the name/));
  });

  test('by a link to a file, a link to a folder, or a link to a link', async () => {
    await symlink(join(folder, 'secret.bin'), at('absolute.bin'));
    await symlink('../secret.bin', at('relative.bin'));
    await symlink('absolute.bin', at('twice.bin'));
    await symlink('..', at('up'));
    await symlink('../models-of-others', at('others'));
    for (const location of [
      'absolute.bin',
      'relative.bin',
      'twice.bin',
      'up/secret.bin',
      'others/secret.bin',
    ])
      expect(await outcomeOf(location)).toEqual(refused(location, /outside the folder/));
    await link(join(folder, 'secret.bin'), at('hard.bin'));
    expect(await outcomeOf('hard.bin')).toEqual(VALUES);
  });

  test('even if a name that the importer would refuse gets this far', () => {
    const read = filesBeside(at('model.onnx'));
    expect(read('weights.bin')).toEqual(CONTENT);
    for (const location of ['../secret.bin', '../models-of-others/secret.bin', '..', '.'])
      expect(() => read(location)).toThrow(expect.objectContaining({ code: 'graphFileRefused' }));
  });
});

describe('what is no file of data', () => {
  test('nothing at all', async () => {
    expect(await outcomeOf('gone.bin')).toEqual(refused('gone.bin', /not there/));
    await symlink('gone.bin', at('dangling.bin'));
    expect(await outcomeOf('dangling.bin')).toEqual(refused('dangling.bin', /not there/));
  });

  test('a folder, a pipe that nobody writes to, a device', async () => {
    expect(await outcomeOf('data')).toEqual(refused('data', /no regular file/));
    execFileSync('mkfifo', [at('pipe')]);
    expect(await outcomeOf('pipe')).toEqual(refused('pipe', /no regular file/));
    await symlink('/dev/zero', at('zeros'));
    expect(await outcomeOf('zeros')).toEqual(refused('zeros', /outside the folder/));
  });

  test('one that is too short', async () => {
    await writeFile(at('short.bin'), CONTENT.subarray(0, 11));
    expect(await outcomeOf('short.bin')).toEqual(refused('short.bin', /ends at byte 12 of 11/));
  });

  test('one that is larger than any model, which is not read', async () => {
    await writeFile(at('sparse.bin'), '');
    await truncate(at('sparse.bin'), DEFAULT_LIMITS.bytes + 1);
    expect(await outcomeOf('sparse.bin')).toEqual([
      'graphTooLarge',
      expect.objectContaining({ what: 'bytes' }),
    ]);
    await expect(importModelFile(at('sparse.bin'))).rejects.toMatchObject({ code: 'graphTooLarge' });
  });
});

describe('the model file itself', () => {
  test('is there, and a file', async () => {
    await expect(importModelFile(at('gone.onnx'))).rejects.toMatchObject({ code: 'dataFileMissing' });
    await expect(importModelFile(at('data'))).rejects.toMatchObject({ code: 'dataFileMissing' });
    await expect(importModelFile(at('weights.bin'))).rejects.toMatchObject({ code: 'graphMalformed' });
  });

  test('is read as it is asked for', async () => {
    const file = await writeModel('weights.bin');
    await expect(importModelFile(file, { freeze: ['weights'] })).rejects.toMatchObject({
      code: 'graphWithoutParameters',
    });
    await expect(importModelFile(file, { inputShape: [9] })).rejects.toMatchObject({
      code: 'dataShapeMismatch',
    });
  });
});
