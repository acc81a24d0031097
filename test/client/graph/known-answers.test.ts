import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { supportedOperators } from '../../../client/graph/forward-operators.ts';
import { ModelProtoSchema } from '../../../client/graph/gen/onnx_pb.ts';
import {
  answerNames,
  answerProvider,
  COMMITTED,
  differences,
  FOLDER,
  failures,
  type KnownAnswer,
  PERMITTED,
  readAnswer,
  trainAnswer,
} from './known-answers.ts';

const some = (await answerProvider('cpu')) ?? (await answerProvider('wasm'));

/** All of them, on every provider, are among the slow suites. */
const every8th = answerNames(FOLDER).filter((_, index) => index % 8 === 0);

describe(`known answers of PyTorch on ${some?.name}, every eighth`, () => {
  it.skipIf(!some).each(every8th)('%s', async (name) => {
    if (some) expect(await failures(readAnswer(FOLDER, name), some)).toEqual({});
  });
});

describe('what is compared', () => {
  const answer = readAnswer(COMMITTED, 'linear');
  const base64Of = (values: Float32Array) => Buffer.from(values.buffer).toString('base64');

  it.skipIf(!some)(
    'a parameter that is a little off is found, and one that is missing or not known',
    async () => {
      if (!some) return;
      const trained = await trainAnswer(answer, some);
      const [name = ''] = Object.keys(answer.parameters);
      const values = trained.parameters.get(name) ?? new Float32Array();
      const off = (by: number) => {
        const moved = values.map((value, index) => (index === 1 ? value + by : value));
        const parameters = {
          ...answer.parameters,
          [name]: { shape: [moved.length], base64: base64Of(moved) },
        };
        return differences({ ...answer, parameters }, trained).get(name);
      };
      expect(values.length).toBeGreaterThan(1);
      expect(off(PERMITTED / 2)).toBeLessThan(PERMITTED);
      expect(off(PERMITTED * 1.5)).toBeGreaterThan(PERMITTED);
      expect(off(Number.NaN)).toBe(Number.POSITIVE_INFINITY);

      const { [name]: removed, ...others } = answer.parameters;
      expect(differences({ ...answer, parameters: others }, trained).get(name)).toBe(
        Number.POSITIVE_INFINITY,
      );
      const more = { ...answer.parameters, more: removed ?? { shape: [], base64: '' } };
      expect(differences({ ...answer, parameters: more }, trained).get('more')).toBe(
        Number.POSITIVE_INFINITY,
      );
    },
  );

  it.skipIf(!some)('another optimiser, rate, loss or batch gets elsewhere', async () => {
    if (!some) return;
    const { dtype, shape } = answer.x;
    const zeros = { dtype, shape, base64: base64Of(new Float32Array(20)) };
    const wrong: Partial<KnownAnswer>[] = [
      { optimizer: { type: 'nesterov', momentum: 0.5 } },
      { learningRate: 0.101 },
      { loss: { type: 'softmax_ce', labelSmoothing: 0.01 } },
      { gradientClip: 0.1 },
      { x: zeros },
      { steps: 4 },
    ];
    for (const change of wrong) expect(await failures({ ...answer, ...change }, some)).not.toEqual({});
  });

  it('has every operator that can be read, and every opset that PyTorch writes and later ones', () => {
    const operators = new Set<string>();
    const opsets = new Set<number>();
    for (const name of answerNames(COMMITTED)) {
      const { model, opset } = readAnswer(COMMITTED, name);
      const { graph } = fromBinary(ModelProtoSchema, new Uint8Array(Buffer.from(model, 'base64')));
      opsets.add(opset);
      for (const { opType } of graph?.node ?? []) operators.add(opType);
    }
    expect(supportedOperators().filter((operator) => !operators.has(operator))).toEqual([]);
    expect([...opsets]).toEqual(expect.arrayContaining([13, 14, 15, 16, 17, 18, 20, 21]));
  });
});
