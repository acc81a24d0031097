/**
 * `hanse sim fuzz`: the protocol under random faults, with the code of production and in virtual time.
 */
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { writeOutput } from '../../client/commands/output-file.ts';
import { fileProblem } from '../../client/file-problem.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { asUsage, parse, parseJson } from '../../protocol/parse.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { FuzzSchedule } from '../../schemas/fuzz-schedule.ts';
import { Aggregation } from '../../schemas/job.ts';
import { type Find, runCampaign } from '../fuzz/campaign.ts';
import { drawSchedule } from '../fuzz/draw-schedule.ts';
import { runSchedule } from '../fuzz/run-schedule.ts';
import { progressBar } from '../progress-bar.ts';

interface FuzzOptions {
  readonly seeds: number;
  readonly from: number;
  readonly participants: number;
  readonly rounds: number;
  readonly aggregation?: Aggregation;
  readonly replay?: string;
  readonly output?: string;
}

const Seed = FuzzSchedule.properties.seed;

export const simFuzzCommand = defineCommand<FuzzOptions>({
  summary: 'search for faults that break a rule of the protocol',
  options: [
    {
      flags: '--seeds <n>',
      description: 'schedules to run',
      kind: 'integer',
      default: 1000,
      schema: Type.Integer({ minimum: 1, maximum: 4_294_967_295 }),
    },
    { flags: '--from <seed>', description: 'the first seed', kind: 'integer', default: 0, schema: Seed },
    {
      flags: '--participants <n>',
      description: 'participants of each federation',
      kind: 'integer',
      default: 8,
      schema: FuzzSchedule.properties.participants,
    },
    {
      flags: '--rounds <n>',
      description: 'rounds of each job',
      kind: 'integer',
      default: 1,
      schema: FuzzSchedule.properties.rounds,
    },
    {
      flags: '--aggregation <kind>',
      description: 'jobs of one kind alone: plain or secure; without it there are both',
      schema: Aggregation,
    },
    { flags: '--replay <seed|file>', description: 'run one schedule again, and show its records' },
    {
      flags: '-o, --output <file>',
      description: 'write the first schedule that breaks a rule, for --replay',
    },
  ],
  examples: [
    ['hanse sim fuzz --seeds 10000', 'ten thousand schedules of eight participants and one round'],
    ['hanse sim fuzz --replay 4711', 'that seed once more, with what was recorded'],
    ['hanse sim fuzz --seeds 1000 --rounds 3 --json', 'one object for each find, and one on the last line'],
  ],
  async run({ options }, io) {
    return options.replay === undefined ? search(options, io) : replay(options.replay, options, io);
  },
  isFailure: (result) => 'violations' in result && result.violations !== 0,
});

async function search(options: FuzzOptions, io: CommandIo): Promise<object> {
  const { seeds, from, participants, rounds, aggregation } = options;
  const size = { participants, rounds, ...(aggregation && { aggregation }) };
  const bar = progressBar(io, 'seed', seeds);
  const started = performance.now();
  const { finds, ...sums } = await runCampaign({
    ...{ ...size, seeds, from, signal: io.signal },
    onSeed: (done, found) => bar.update(done, `${found} violations`),
    onFind: (find) => {
      tell(find, io);
      return false;
    },
  }).finally(() => bar.stop());
  const [first] = finds;
  if (first && options.output !== undefined)
    await writeOutput(options.output, utf8(`${JSON.stringify(first.schedule, null, 2)}\n`));
  const seconds = (performance.now() - started) / 1000;
  io.print(
    `${sums.seeds} seeds in ${seconds.toFixed(1)} s, ${sums.faults} faults, ` +
      `${sums.receipts} updates acknowledged, ${sums.released} rounds released, ` +
      `${sums.aborted} attempts aborted, ${finds.length} violations`,
  );
  const violations = finds.length;
  return { ...sums, violations, from, ...size, seconds };
}

/** One schedule, of a seed or of a file. */
async function replay(which: string, options: FuzzOptions, io: CommandIo): Promise<object> {
  const { participants, rounds, aggregation } = options;
  const schedule = /^[0-9]+$/.test(which)
    ? drawSchedule(
        asUsage(() => parse(Seed, Number(which), '--replay')),
        { participants, rounds, ...(aggregation && { aggregation }) },
      )
    : await readSchedule(which);
  const { violation, story, ...sums } = await runSchedule(schedule);
  for (const record of story) io.note(record);
  if (violation) tell({ seed: schedule.seed, violation, schedule }, io);
  else io.print(`seed ${schedule.seed}, ${schedule.faults.length} faults: every rule held`);
  return { seeds: 1, violations: violation ? 1 : 0, ...sums, ...(violation && { violation }) };
}

async function readSchedule(path: string): Promise<FuzzSchedule> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileProblem(path, error);
  }
  return asUsage(() => parseJson(FuzzSchedule, text, path));
}

function tell({ seed, violation, schedule }: Find, io: CommandIo): void {
  io.event({ seed, ...violation, schedule });
  io.print(`seed ${seed}, ${violation.atMs} ms: ${violation.rule}: ${violation.message}`);
  io.print(`  replay: ${JSON.stringify(schedule)}`);
}
