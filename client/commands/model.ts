/**
 * `hanse model export|predict`: using what a federation has learnt.
 */
import { Type } from 'typebox';
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { defineCommand } from '../../schemas/command.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import { loadExamples } from '../data/data-source.ts';
import { checkInputShape } from '../data/examples.ts';
import { importModelFile } from '../data/model-file.ts';
import { chooseProvider } from '../engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../engine/node-providers.ts';
import { Predictor } from '../engine/predictor.ts';
import { compilePrediction } from '../graph/compile-prediction.ts';
import type { ForwardInput } from '../graph/forward-graph.ts';
import { initialParameters } from '../graph/parameters.ts';
import { elementCount } from '../graph/tensor-type.ts';
import { releasedModel } from '../released-model.ts';
import { type ChoiceOptions, choicesOf, INPUT_SHAPE_OPTION } from './choice-option.ts';
import { columnsOf, DATA_OPTIONS, type DataOptions } from './data-options.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { JOB_ARGUMENT, jobIdOf } from './job.ts';
import { writeOutput } from './output-file.ts';

interface ExportOptions extends IdentityOptions {
  readonly output: string;
}

export const modelExportCommand = defineCommand<ExportOptions>({
  summary: 'write the released model of a job as an ONNX file',
  arguments: [JOB_ARGUMENT],
  options: [
    { flags: '-o, --output <file>', description: 'file to write', default: '.hanse/model.onnx' },
    ...IDENTITY_OPTIONS,
  ],
  examples: [['hanse model export job-0123456789abcdef -o .hanse/digits.onnx', 'for any ONNX runtime']],
  async run({ args, options }, io) {
    const { api } = await connectAs(options, io.signal);
    const jobId = jobIdOf(args);
    const job = await api.call('getJob', { params: { jobId }, query: {} });
    const released = job.rounds.filter(({ outcome }) => outcome === 'released');
    if (released.length === 0) throw new HanseError('modelUnreleased', { jobId });
    const bytes = await releasedModel(job, api);
    await writeOutput(options.output, bytes);
    const fileSha256 = toHex(await primitives.sha256(bytes));
    const round = released.at(-1)?.round ?? 0;
    io.print(`${options.output}: model of round ${round}, ${bytes.length} bytes`);
    io.print(`  file         ${fileSha256}: SHA-256 of the ONNX file`);
    io.print(
      `  parameters   ${job.model}: SHA-256 of the parameters in it, as \`hanse job show\` names them`,
    );
    return {
      jobId,
      round,
      file: options.output,
      bytes: bytes.length,
      modelSha256: fileSha256,
      fileSha256,
      parametersSha256: job.model,
    };
  },
});

interface PredictOptions extends Partial<DataOptions>, Pick<ChoiceOptions, 'inputShape'> {
  readonly input?: string;
  readonly limit: number;
  readonly provider: 'auto' | ProviderName;
}

export const modelPredictCommand = defineCommand<PredictOptions>({
  summary: 'run a model on examples',
  arguments: [{ name: '<model>', description: 'an ONNX file' }],
  options: [
    { flags: '--input <numbers>', description: 'one example: its values, comma-separated' },
    ...DATA_OPTIONS.map((option) => ({ ...option, required: false })),
    INPUT_SHAPE_OPTION,
    {
      flags: '--limit <n>',
      description: 'examples to print',
      kind: 'integer',
      default: 10,
      schema: Type.Integer({ minimum: 1 }),
    },
    {
      flags: '--provider <name>',
      description: 'where to run',
      choices: ['auto', 'cpu', 'wasm'],
      default: 'auto',
    },
  ],
  examples: [
    ['hanse model predict line.onnx --input 5', 'one example'],
    ['hanse model predict .hanse/digits.onnx --data mnist:test', 'the first ten test images'],
  ],
  async run({ args, options }, io) {
    const forward = await importModelFile(args[0] ?? '', choicesOf(options));
    const { features, inputShape, targets } = await examplesOf(options, forward.input.dtype);
    checkInputShape(inputShape, forward.input.example);
    const { provider } = await chooseProvider(options.provider, { candidates: NODE_PROVIDERS });
    const predictor = await Predictor.create(provider, compilePrediction(forward, { batchSize: 1 }));
    try {
      const outputs = await predictor.predict({ parameters: initialParameters(forward), features });
      const [name = '', output] = Object.entries(outputs)[0] ?? [];
      const count = output?.shape[0] ?? 0;
      const width = (output?.data.length ?? 0) / count;
      const rows = Array.from({ length: Math.min(count, options.limit) }, (_, i) =>
        Array.from(output?.data.subarray(i * width, (i + 1) * width) ?? [], Number),
      );
      rows.forEach((row, i) => {
        const best = row.indexOf(Math.max(...row));
        const truth = targets === undefined ? '' : `  true ${targets[i]}`;
        const answer = width > 1 ? `class ${best}${truth}` : truth;
        io.print(`${row.map((value) => value.toFixed(4)).join(' ')}  ${answer}`.trimEnd());
      });
      return { output: name, predictions: rows };
    } finally {
      await predictor.release();
    }
  },
});

async function examplesOf(options: PredictOptions, type: ForwardInput['dtype']) {
  const { input, data } = options;
  if (input !== undefined) {
    const numbers = input.split(',').map((text) => (text.trim() === '' ? Number.NaN : Number(text)));
    const features = Float32Array.from(numbers);
    if (!features.every(Number.isFinite))
      throw new HanseError('usage', { reason: '--input takes numbers, comma-separated' });
    const isTokens = type !== 'float32';
    if (isTokens && !numbers.every(Number.isInteger))
      throw new HanseError('usage', { reason: 'the model takes tokens: --input takes integers' });
    const typed = isTokens ? Int32Array.from(numbers) : features;
    return { features: typed, inputShape: [features.length], targets: undefined };
  }
  if (data === undefined) throw new HanseError('usage', { reason: 'give --input or --data' });
  // A table without a column to predict is read with a feature in its place, which is not shown.
  const target = options.target ?? options.features?.split(',')[0]?.trim();
  const classes =
    options.target === undefined ? {} : { ...(options.classes && { classes: options.classes }) };
  const { data: _, classes: __, ...given } = options;
  const asked = { ...given, ...classes, ...(target !== undefined && { target }), data };
  const examples = await loadExamples({ ...asked, ...columnsOf(asked) });
  const { count, inputShape, targets } = examples;
  if (count === 0) throw new HanseError('dataEmpty', { source: examples.name });
  const isTold = options.target !== undefined || !data.startsWith('csv:');
  const wanted = Math.min(count, options.limit) * elementCount(inputShape);
  return {
    features: examples.features.subarray(0, wanted),
    inputShape,
    targets: isTold ? targets : undefined,
  };
}
