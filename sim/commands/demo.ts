/**
 * `hanse demo`: the whole system on one machine, with a screen to watch it.
 */
import { join } from 'node:path';
import { HanseError } from '../../protocol/problem.ts';
import { SECURE_LEAST } from '../../protocol/secagg/descriptor.ts';
import { type CommandIo, defineCommand, Port } from '../../schemas/command.ts';
import { Round } from '../../schemas/ids.ts';
import { TrainingManifest } from '../../schemas/job.ts';
import { BROWSER_ROUNDS, DEMO_PARTICIPANTS, DEMO_ROUNDS, minimumOf, PRIVATE_ROUNDS } from '../demo/plan.ts';
import { type DemoResult, type DemoView, runDemo } from '../demo/run-demo.ts';
import { renderLine, renderScreen } from '../demo/screen.ts';
import { parsePartition } from '../partition/partition.ts';

interface DemoCommandOptions {
  readonly rounds?: number;
  readonly participants: number;
  readonly partition: string;
  readonly seed: string;
  readonly port: number;
  readonly dataDir?: string;
  readonly keep?: boolean;
  readonly browser: number;
  readonly drop: number;
  readonly plain?: boolean;
  /** False with --no-dp. */
  readonly dp?: boolean;
  readonly tamper?: boolean;
}

/** Redraws a second at most. */
const FRAMES = 10;
/** Lines that are written where there is no terminal. */
const LOG_LINES = 10;

export const demoCommand = defineCommand<DemoCommandOptions>({
  summary: 'a whole federation on this machine: coordinator, participants, training on MNIST',
  options: [
    {
      flags: '--rounds <n>',
      description: `rounds of training (default: ${PRIVATE_ROUNDS}, with --no-dp ${DEMO_ROUNDS}, with --browser ${BROWSER_ROUNDS})`,
      kind: 'integer',
      schema: Round,
    },
    {
      flags: '--participants <n>',
      description: 'participants',
      kind: 'integer',
      default: DEMO_PARTICIPANTS,
      schema: TrainingManifest.properties.cohort.properties.size,
    },
    { flags: '--partition <rule>', description: 'iid, shards or dirichlet:<alpha>', default: 'shards' },
    { flags: '--seed <text>', description: 'decides partition, initial weights and orders', default: '1' },
    {
      flags: '--port <n>',
      description: 'port of the coordinator; 0 takes a free one',
      kind: 'integer',
      default: 0,
      schema: Port,
    },
    {
      flags: '--data-dir <dir>',
      description: 'where everything is kept; a new folder in .hanse if not given',
    },
    { flags: '--keep', description: 'let the federation run on at the end, until Ctrl+C' },
    {
      flags: '--browser <n>',
      description: 'so many of the participants are tabs of a headless browser, on WebGPU',
      kind: 'integer',
      default: 0,
      schema: TrainingManifest.properties.cohort.properties.extra,
    },
    {
      flags: '--drop <n>',
      description:
        'so many participants, drawn afresh, are lost in each round between their shares and their update',
      kind: 'integer',
      default: 0,
      schema: TrainingManifest.properties.cohort.properties.extra,
    },
    {
      flags: '--plain',
      description: `without secure aggregation: the coordinator sees each update; so too of fewer than ${SECURE_LEAST}`,
    },
    {
      flags: '--no-dp',
      description: 'without differential privacy: no noise, and more accuracy in less time',
    },
    {
      flags: '--tamper',
      description:
        'change one stored byte of the audit log after the run: its verification fails, and names the entry',
    },
  ],
  examples: [
    ['hanse demo', 'ten participants with two label shards each'],
    ['hanse demo --no-dp', 'the same without differential privacy'],
    ['hanse demo --partition iid --rounds 30', 'everybody sees all digits'],
    ['hanse demo --browser 2', 'two of the ten train in a browser'],
    ['hanse demo --drop 2', 'two are lost in every round; the sum of the others is opened all the same'],
    ['hanse demo --rounds 3 --tamper', 'what an auditor sees of a log that somebody has changed'],
    ['hanse demo --json', 'one object on the last line'],
  ],
  async run({ options }, io) {
    const { participants, seed, port, browser, drop } = options;
    if (browser > participants)
      throw new HanseError('usage', { reason: `--browser ${browser} of ${participants} participants` });
    const isPlain = options.plain ?? false;
    const isPrivate = options.dp ?? true;
    const usual = isPrivate ? PRIVATE_ROUNDS : DEMO_ROUNDS;
    const rounds = options.rounds ?? (browser > 0 ? BROWSER_ROUNDS : usual);
    const most = participants - minimumOf(participants);
    if (drop > 0 && (isPlain || participants < SECURE_LEAST))
      throw new HanseError('usage', {
        reason: `--drop is about secure rounds: of at least ${SECURE_LEAST}, without --plain`,
      });
    if (drop > most)
      throw new HanseError('usage', {
        reason: `--drop ${drop}: the demo wants the updates of four fifths of ${participants}, so that at most ${most} may be lost`,
      });
    const isTampered = options.tamper ?? false;
    if (isTampered && options.keep)
      throw new HanseError('usage', { reason: '--tamper ends the coordinator, which --keep lets run on' });
    const name = `demo-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
    const dataDir = options.dataDir ?? join('.hanse', name);
    const partition = parsePartition(options.partition);
    const keep = options.keep ?? false;
    const screen = io.isTerminal ? terminalScreen() : logScreen(io, rounds);
    let result: DemoResult;
    try {
      result = await runDemo(
        {
          ...{ rounds, participants, partition, seed, port, dataDir, keep, browser, drop },
          ...{ isPlain, isPrivate, isTampered },
        },
        io,
        screen.show,
      );
    } finally {
      screen.close();
    }
    io.print(
      `accuracy   ${(100 * result.accuracy).toFixed(2)} % on the 10,000 test images, after ${result.rounds} rounds`,
    );
    io.print(`time       ${result.seconds.toFixed(1)} s from the start of the coordinator`);
    io.print(
      `traffic    ${(result.bytesUp / 1e6).toFixed(1)} MB of updates up, ${(result.bytesDown / 1e6).toFixed(1)} MB of models down`,
    );
    io.print(`sums       ${sumsOf(result)}`);
    for (const [at, line] of promiseOf(result).entries())
      io.print(`${at === 0 ? 'promise' : ''}`.padEnd(11) + line);
    for (const [at, line] of auditOf(result).entries())
      io.print(`${at === 0 ? 'log' : ''}`.padEnd(11) + line);
    io.print(`model      ${result.modelFile}`);
    io.print(`           SHA-256 ${result.modelSha256}`);
    io.print(`data       ${result.dataDir}`);
    return result;
  },
});

function sumsOf({ secureAggregation: secure }: DemoResult): string {
  if (!secure) return 'plain sums: the coordinator sees each update, and no row of data';
  const { survivors, dropped, threshold } = secure;
  const lost = dropped === 0 ? 'none lost' : `${dropped} lost after their shares`;
  return `secure sums: the coordinator saw no single update, only sums of ${survivors} or more (${lost}; threshold ${threshold})`;
}

/** What was promised to whom. */
function promiseOf({ privacy }: DemoResult): string[] {
  if (!privacy)
    return ['no differential privacy (--no-dp): sums and models may tell something about single images'];
  const { unit, epsilonServer, epsilonModel, epsilonSpent, delta, noiseMultiplier, clipNorm } = privacy;
  return [
    `to the owner of each ${unit}, against the coordinator, the participants and all who get the models:`,
    `epsilon ${epsilonServer.toFixed(2)} at delta ${delta}, of which ${epsilonSpent.toFixed(2)} was spent; whoever gets the models alone learns no more than at ${epsilonModel.toFixed(2)}`,
    `if its contribution had been nothing instead (zero-out), the same would have happened nearly as likely`,
    `kept by noise ${noiseMultiplier.toFixed(2)} times the longest gradient (${clipNorm}), drawn by the participants themselves`,
  ];
}

/** What an auditor finds. */
function auditOf({ audit: { size, root, verified, rounds, findings } }: DemoResult): string[] {
  return [
    `${size} entries, root ${root}`,
    ...findings.map(
      ({ leaf, code, message }) => `${leaf === undefined ? '' : `leaf ${leaf}: `}${code}: ${message}`,
    ),
    `verified: ${verified}${verified ? `, with the sums and models of ${rounds} rounds made again` : ''}`,
  ];
}

interface Screen {
  show(view: DemoView): void;
  close(): void;
}

/** Redrawn in place. */
function terminalScreen(): Screen {
  const { stderr } = process;
  let height = 0;
  let latest: DemoView | undefined;
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    timer = undefined;
    if (!latest) return;
    const lines = renderScreen(latest, stderr.columns ?? 80).slice(0, (stderr.rows ?? 40) - 1);
    stderr.write(`${height > 0 ? `\x1b[${height}A` : ''}\x1b[J${lines.join('\n')}\n`);
    height = lines.length;
  };
  return {
    show(view) {
      latest = view;
      timer ??= setTimeout(draw, 1000 / FRAMES);
    },
    close() {
      clearTimeout(timer);
      draw();
    },
  };
}

/** A line at each stage and at each tenth of the rounds. */
function logScreen(io: CommandIo, rounds: number): Screen {
  let stage = '';
  let told = 0;
  return {
    show(view) {
      const share = Math.floor(((view.job?.rounds.length ?? 0) * LOG_LINES) / rounds);
      if (view.stage === stage && share <= told) return;
      io.note(view.stage === stage ? renderLine(view) : view.stage);
      stage = view.stage;
      told = Math.max(told, share);
    },
    close() {},
  };
}
