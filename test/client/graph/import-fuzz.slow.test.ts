// covers: client/graph/import-model.ts
/**
 * Whatever the bytes: a model, or a refusal with a code, after a number of steps and bytes that their length bounds.
 *
 *   HANSE_FUZZ_RUNS=100000 HANSE_FUZZ_SEED=7 npx vitest run test/client/graph/import-fuzz.slow.test.ts
 *
 * looks longer, and elsewhere.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { compileTrainStep } from '../../../client/graph/compile-train-step.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../../client/graph/gen/onnx_pb.ts';
import { GraphBuilder } from '../../../client/graph/graph-builder.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { mlpBytes } from '../../../client/graph/models/mlp.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { answerNames, COMMITTED, readAnswer } from './known-answers.ts';
import { bytesOf, floats } from './model-sketch.ts';
import { mutateBytes, mutateFields } from './mutate-model.ts';
import { numbers } from './random-arrays.ts';

const RUNS = Number(process.env.HANSE_FUZZ_RUNS ?? 400);
const SEED = Number(process.env.HANSE_FUZZ_SEED ?? 1);

/** Larger ones are as good, and slower. */
const LARGEST_MODEL = process.env.HANSE_FUZZ_RUNS === undefined ? 4000 : 30_000;

const SMALL = mlpBytes([2, 2, 1], numbers(1));

/** What exporters really write: models of PyTorch, and one of ours. */
const CORPUS: readonly Uint8Array[] = [
  SMALL,
  ...answerNames(COMMITTED)
    .map((name) => new Uint8Array(Buffer.from(readAnswer(COMMITTED, name).model, 'base64')))
    .filter(({ length }) => length <= LARGEST_MODEL),
];

const REFUSALS = /^(graph\w+|operatorUnsupported)$/;
const REFUSALS_OF_TRAINING = /^(graph\w+|operatorUnsupported|gradientUnsupported|manifestInvalid)$/;

/** 'read', or the code of the refusal. Rethrows anything else, with the bytes that led to it. */
function outcomeOf(bytes: Uint8Array): string {
  try {
    importModel(bytes);
    return 'read';
  } catch (error) {
    return requireRefusal(error, REFUSALS, bytes);
  }
}

/** The same, and what is read is compiled for training, where it may be refused as well. */
function outcomeOfTraining(bytes: Uint8Array): string {
  const outcome = outcomeOf(bytes);
  if (outcome !== 'read') return outcome;
  const forward = importModel(bytes);
  const batchSize = forward.input.batch ?? 2;
  if (batchSize > 8) return outcome;
  try {
    compileTrainStep(forward, { loss: { type: 'mse' }, optimizer: { type: 'sgd' }, batchSize });
    return 'trained';
  } catch (error) {
    return requireRefusal(error, REFUSALS_OF_TRAINING, bytes);
  }
}

function requireRefusal(error: unknown, codes: RegExp, bytes: Uint8Array): string {
  if (error instanceof HanseError && codes.test(error.code)) return error.code;
  if (error instanceof Found) throw error;
  throw new Found(`${Buffer.from(bytes).toString('base64')}`, { cause: error });
}

/** A model that should have been read or refused, base64. */
class Found extends Error {}

function countOutcomes(models: Iterable<Uint8Array>, judge = outcomeOf): Map<string, number> {
  const counts = new Map<string, number>();
  for (const bytes of models) {
    const outcome = judge(bytes);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}

describe('a model, or a refusal with a code', () => {
  it('and nothing else would be taken for one', () => {
    for (const error of [
      new RangeError('length'),
      new HanseError('internalError', { reference: '' }),
      new TypeError('undefined'),
    ])
      expect(() => requireRefusal(error, REFUSALS, SMALL)).toThrow(Found);
    expect(requireRefusal(new HanseError('graphMalformed', { reason: '' }), REFUSALS, SMALL)).toBe(
      'graphMalformed',
    );
  });

  it('every model of the corpus, as it is', () => {
    expect(CORPUS.length).toBeGreaterThan(100);
    const counts = countOutcomes(CORPUS);
    expect(counts.get('read') ?? 0).toBeGreaterThan(CORPUS.length * 0.8);
  });

  it('cut at every byte', () => {
    const counts = countOutcomes(Array.from(SMALL, (_, length) => SMALL.slice(0, length)));
    // Between two fields of the model it is one, and without the opset in the end it is none.
    expect(counts.get('read')).toBeUndefined();
    expect(outcomeOf(SMALL)).toBe('read');
  });

  it('with every bit flipped', () => {
    const counts = countOutcomes(
      Array.from({ length: 8 * SMALL.length }, (_, bit) => {
        const bytes = new Uint8Array(SMALL);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return bytes;
      }),
    );
    for (const outcome of ['read', 'graphMalformed', 'graphTooLarge', 'operatorUnsupported'])
      expect(counts.get(outcome) ?? 0).toBeGreaterThan(0);
  });

  it('with bytes changed, cut out, repeated, or taken from another model', () => {
    const random = numbers(SEED);
    const counts = countOutcomes(
      (function* () {
        for (let run = 0; run < RUNS; run += 1)
          yield mutateBytes(CORPUS[run % CORPUS.length] ?? SMALL, CORPUS, random);
      })(),
    );
    expect(counts.get('graphMalformed') ?? 0).toBeGreaterThan(RUNS / 10);
    expect(counts.get('read') ?? 0).toBeGreaterThan(0);
  });

  it('with fields changed: another operator, another length, another name', () => {
    const random = numbers(SEED);
    const counts = countOutcomes(
      (function* () {
        for (let run = 0; run < RUNS; run += 1)
          yield mutateFields(CORPUS[run % CORPUS.length] ?? SMALL, random);
      })(),
      outcomeOfTraining,
    );
    for (const outcome of ['trained', 'graphMalformed']) expect(counts.get(outcome) ?? 0).toBeGreaterThan(0);
  });

  it('random fields of random types', () => {
    const random = numbers(SEED);
    const below = (count: number) => Math.floor(random.unit() * count);
    const message = (depth: number): Uint8Array => {
      const writer = new BinaryWriter();
      for (let count = below(6); count > 0; count -= 1) {
        const field = 1 + below(15);
        const type = below(8);
        writer.tag(field, type === WireType.StartGroup ? WireType.LengthDelimited : (type as WireType));
        if (type === WireType.Varint) writer.uint64(BigInt(below(2 ** 30)));
        else if (type === WireType.Bit32) writer.fixed32(below(2 ** 32));
        else if (type === WireType.Bit64) writer.fixed64(BigInt(below(2 ** 30)));
        else writer.bytes(depth > 0 ? message(depth - 1) : new Uint8Array(below(9)).fill(below(256)));
      }
      return writer.finish();
    };
    const counts = countOutcomes(Array.from({ length: RUNS }, () => message(7)));
    expect(counts.get('read')).toBeUndefined();
  });
});

describe('lengths that are a lie', () => {
  it('a huge length in the place of every byte', () => {
    const huge = [
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      [0xff, 0xff, 0xff, 0xff, 0x07],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    ];
    const counts = countOutcomes(
      huge.flatMap((varint) =>
        Array.from(SMALL, (_, at) =>
          Uint8Array.from([...SMALL.slice(0, at), ...varint, ...SMALL.slice(at + 1)]),
        ),
      ),
    );
    expect(counts.get('graphMalformed') ?? 0).toBeGreaterThan(SMALL.length);
  });

  it('shapes of terabytes, in every tensor and in the input', () => {
    const sketch = {
      input: ['N', 2 ** 40],
      initializers: [floats('w', [1], 1)],
      nodes: [{ op: 'Mul', inputs: ['in', 'w'], output: 'out' }],
    };
    expect(outcomeOf(bytesOf({ ...sketch, input: ['N', 2] }))).toBe('read');
    expect(outcomeOf(bytesOf(sketch))).toBe('graphTooLarge');
    expect(outcomeOf(bytesOf({ ...sketch, input: [2 ** 40, 2] }))).toBe('graphTooLarge');
    for (const dim of [2n ** 20n, 2n ** 40n, 2n ** 62n, -1n]) {
      const initializer = create(TensorProtoSchema, { name: 'w', dims: [dim, dim], dataType: 1 });
      const model = create(ModelProtoSchema, {
        graph: create(GraphProtoSchema, {
          initializer: [initializer],
          output: [create(ValueInfoProtoSchema, { name: 'w' })],
        }),
      });
      expect(
        outcomeOf(
          Uint8Array.from([
            ...bytesOf({ ...sketch, initializers: [], input: ['N', 2] }),
            ...toBinary(ModelProtoSchema, model),
          ]),
        ),
      ).toMatch(/^graph/);
    }
  });
});

describe('the work is bounded by the length', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  /** Fields read and operators applied. */
  function countSteps(run: () => void): number {
    let steps = 0;
    const { tag } = BinaryReader.prototype;
    vi.spyOn(BinaryReader.prototype, 'tag').mockImplementation(function (this: BinaryReader) {
      steps += 1;
      return tag.call(this);
    });
    const { applyAll } = GraphBuilder.prototype;
    vi.spyOn(GraphBuilder.prototype, 'applyAll').mockImplementation(function (this: GraphBuilder, ...args) {
      steps += 1;
      return applyAll.apply(this, args);
    });
    run();
    vi.restoreAllMocks();
    return steps;
  }

  /** Bytes of typed arrays that are made with a number of elements or from something that has a length. */
  function countBytes(run: () => void): number {
    let bytes = 0;
    for (const name of [
      'Float32Array',
      'Float64Array',
      'Int32Array',
      'Uint32Array',
      'BigInt64Array',
      'Uint8Array',
    ] as const) {
      const original = globalThis[name];
      const count = (made: ArrayBufferView, of: unknown) => {
        if (!(of instanceof ArrayBuffer)) bytes += made.byteLength;
        return made;
      };
      vi.stubGlobal(
        name,
        new Proxy(original, {
          construct: (target, args) => count(Reflect.construct(target, args), args[0]),
          get: (target, key) =>
            key === 'from' || key === 'of'
              ? (...args: unknown[]) =>
                  count(Reflect.apply(Reflect.get(target, key), target, args), undefined)
              : Reflect.get(target, key),
        }),
      );
    }
    run();
    vi.unstubAllGlobals();
    return bytes;
  }

  /** One node may become a few; constants are folded up to a bound of 8 million elements. */
  const stepsPermitted = ({ length }: Uint8Array) => 1000 + 16 * length;
  const bytesPermitted = ({ length }: Uint8Array) => 80_000_000 + 64 * length;

  it('sees steps and bytes where there are some', () => {
    expect(countSteps(() => importModel(SMALL))).toBeGreaterThan(50);
    expect(countBytes(() => void new Float32Array(1000))).toBe(4000);
    expect(countBytes(() => void Int32Array.from({ length: 1000 }, () => 1))).toBe(4000);
    expect(countBytes(() => void new Uint8Array(new ArrayBuffer(1000)))).toBe(0);
  });

  it('for models with bytes or fields changed', () => {
    const random = numbers(SEED + 1);
    for (let run = 0; run < RUNS / 5; run += 1) {
      const original = CORPUS[run % CORPUS.length] ?? SMALL;
      const bytes = run % 2 === 0 ? mutateBytes(original, CORPUS, random) : mutateFields(original, random);
      expect(countSteps(() => void outcomeOf(bytes))).toBeLessThan(stepsPermitted(bytes));
      expect(countBytes(() => void outcomeOf(bytes))).toBeLessThan(bytesPermitted(bytes));
    }
  });
});
