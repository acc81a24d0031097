// covers: client/commands/told-problem.ts
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../cli.ts';
import { HanseError, PROBLEMS } from '../protocol/problem.ts';
import { SOFTWARE } from '../protocol/versions.ts';
import type { CommandDefinition, CommandInput, CommandIo } from '../schemas/command.ts';
import { hanse } from './fixtures/command-line.ts';

const PATHS = Object.keys(COMMANDS);

afterEach(() => {
  vi.restoreAllMocks();
});

/** Puts something in the place of what a command does; its options and help stay. */
async function replaceRun(path: string, run: (input: CommandInput<never>, io: CommandIo) => Promise<object>) {
  const entry = COMMANDS[path];
  if (!entry) throw new Error(`no command ${path}`);
  const definition: CommandDefinition<never> = { ...(await entry.load()), run };
  vi.spyOn(entry, 'load').mockResolvedValue(definition);
  return definition;
}

describe.each(PATHS)('hanse %s', (path) => {
  test('has help with its options and examples', async () => {
    const definition = await COMMANDS[path]?.load();
    if (!definition) expect.fail('no definition');
    const { exitCode, out } = await hanse([...path.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expect(definition.examples.length).toBeGreaterThan(0);
    for (const [line] of definition.examples) expect(out).toContain(line);
    for (const { flags } of definition.options) expect(out).toContain(flags);
    expect(out).toContain('--json');
    expect(definition.summary).toBe(COMMANDS[path]?.summary);
  });

  test('understands its own examples', async () => {
    const inputs: CommandInput<never>[] = [];
    const { examples } = await replaceRun(path, async (input) => {
      inputs.push(input);
      return {};
    });
    for (const [line] of examples) {
      const [program, ...words] = wordsOf(line);
      expect(program).toBe('hanse');
      expect(words.slice(0, path.split(' ').length).join(' ')).toBe(path);
      const { exitCode, err } = await hanse(words);
      expect({ line, exitCode, err }).toEqual({ line, exitCode: 0, err: '' });
    }
    expect(inputs).toHaveLength(examples.length);
  });

  test('suggests the flag that was meant', async () => {
    await replaceRun(path, async () => ({}));
    const { exitCode, err, json } = await hanse([...path.split(' '), '--jsn', '--json']);
    expect(exitCode).toBe(2);
    expect(err).toContain("unknown option '--jsn'");
    expect(err).toContain('(Did you mean --json?)');
    expect(json).toMatchObject({
      problem: { code: 'usage', particulars: { reason: expect.stringContaining('--jsn') } },
    });
  });
});

describe('exit code and output', () => {
  const failWith = (error: unknown) =>
    replaceRun('job list', async () => {
      throw error;
    });

  test('0, and the result as the last line of --json', async () => {
    await replaceRun('job list', async (_input, io) => {
      io.print('for people');
      io.note('by the way');
      io.event({ step: 1 });
      return { done: true };
    });
    expect(await hanse(['job', 'list'])).toMatchObject({
      exitCode: 0,
      out: 'for people\n',
      err: 'by the way\n',
    });
    const { out, json } = await hanse(['job', 'list', '--json']);
    expect(out).toBe('{"step":1}\n{"done":true}\n');
    expect(json).toEqual({ done: true });
  });

  test('1 for a problem, with its code, cause and remedy', async () => {
    await failWith(new HanseError('jobUnknown', { jobId: 'job-0123456789abcdef' }));
    const { exitCode, out, err, json } = await hanse(['job', 'list', '--json']);
    expect(exitCode).toBe(1);
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    const { cause, remedy } = PROBLEMS.jobUnknown;
    expect(json).toEqual({
      problem: {
        code: 'jobUnknown',
        cause,
        detail: `${cause} (jobId job-0123456789abcdef)`,
        remedy,
        particulars: { jobId: 'job-0123456789abcdef' },
      },
    });
    expect(err).toBe(`hanse: jobUnknown: ${cause} (jobId job-0123456789abcdef)\n  remedy: ${remedy}\n`);
    expect((await hanse(['job', 'list'])).out).toBe('');
  });

  test('1 for a bug, which shows where it happened, though not in JSON', async () => {
    await failWith(new TypeError('a bug of ours'));
    const { exitCode, err, json } = await hanse(['job', 'list', '--json']);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/TypeError: a bug of ours\n +at /);
    const { cause, remedy } = PROBLEMS.internalError;
    expect(json).toMatchObject({ problem: { code: 'internalError', cause, remedy } });
    expect(JSON.stringify(json)).not.toContain('a bug of ours');
  });

  test('2 for wrong usage found by the command itself', async () => {
    await failWith(new HanseError('usage', { reason: 'no' }));
    expect((await hanse(['job', 'list'])).exitCode).toBe(2);
  });

  test('what members call themselves does not move the cursor', async () => {
    await replaceRun('job list', async (_input, io) => {
      io.print('a\u001b[2Jb\tc');
      io.print('exe.\u202egnp');
      io.note('d\u0007e\rf');
      throw new HanseError('usage', { reason: 'g\u009b1mh' });
    });
    const { out, err } = await hanse(['job', 'list']);
    expect(out).toBe('a\uFFFD[2Jb\tc\nexe.\uFFFDgnp\n');
    expect(err).toContain('d\uFFFDe\uFFFDf\n');
    expect(err).toContain('g\uFFFD1mh');
  });
});

test.each<[words: string[], said: string]>([
  [['srve'], '(Did you mean serve?)'],
  [['jobs'], '(Did you mean job?)'],
  [['job', 'craete'], '(Did you mean create?)'],
  [['--versoin'], '(Did you mean --version?)'],
  [['sim', 'one-too-many'], 'too many arguments'],
  [['job', 'show'], "missing required argument 'job'"],
  [['sim', '--rounds', 'ten'], 'must be an integer'],
  [['sim', '--rounds', '1.5'], 'must be an integer'],
  [['sim', '--rounds', ''], 'must be an integer'],
  [['sim', '--lr', 'fast'], 'must be a number'],
  [['sim', '--provider', 'tpu'], 'Allowed choices are auto, cpu, wasm'],
  [['invite'], '--organisation'],
  [['privacy', 'poll', '--epsilon', '40'], 'must be <= 10'],
])('hanse %j is wrong usage, and says why', async (words, said) => {
  const { exitCode, out, err } = await hanse(words);
  expect(exitCode).toBe(2);
  expect(out).toBe('');
  expect(err).toMatch(/^hanse: usage: /m);
  expect(err).toMatch(/^ {2}remedy: hanse .*--help/m);
  expect(err).toContain(said);
  const { exitCode: same, json } = await hanse([...words, '--json']);
  expect(same).toBe(2);
  expect(json).toMatchObject({ problem: { code: 'usage', remedy: PROBLEMS.usage.remedy } });
});

test.each([[[]], [['job']], [['model']], [['graph']]])('hanse %j shows what there is', async (words) => {
  const { exitCode, err } = await hanse(words);
  expect(exitCode).toBe(2);
  const below = PATHS.filter((path) => path.startsWith(words.join(' ')));
  for (const path of below) expect(err).toContain(path.split(' ')[words.length] ?? '');
  expect((await hanse([...words, '--help'])).exitCode).toBe(0);
});

test.each<[words: string[], hint: string]>([
  [['sim', '--quux'], 'remedy: hanse sim --help says what there is'],
  [['job', 'show', '--quux'], 'remedy: hanse job show --help says what there is'],
  [['job', '--quux'], 'remedy: hanse job --help says what there is'],
  [['--quux'], 'remedy: hanse --help says what there is'],
])('hanse %j resembles nothing: the help is named', async (words, hint) => {
  const { exitCode, err } = await hanse(words);
  expect(exitCode).toBe(2);
  expect(err).toContain("unknown option '--quux'");
  expect(err).not.toContain('Did you mean');
  expect(err).toContain(hint);
});

test.each(['job', 'model', 'graph'])(
  'the help of the group %s has an example of each command',
  async (group) => {
    const { out } = await hanse([group, '--help']);
    const paths = PATHS.filter((path) => path.startsWith(`${group} `));
    expect(paths.length).toBeGreaterThan(1);
    for (const path of paths) {
      const { examples = [] } = (await COMMANDS[path]?.load()) ?? {};
      expect(out).toContain(`  ${examples[0]?.[0]}  `);
    }
    expect(out).toContain('--json');
  },
);

describe('a value out of its range', () => {
  const RANGES: [words: string[], said: string][] = [
    [['serve', '--port', '99999'], 'It must be <= 65535.'],
    [['serve', '--port', '-5'], 'It must be >= 0.'],
    [['serve', '--keep-updates', '-1'], 'It must be >= 0.'],
    [['demo', '--port', '99999'], 'It must be <= 65535.'],
    [['demo', '--rounds', '0'], 'It must be >= 1.'],
    [['sim', '--lr', '0'], 'It must be > 0.'],
    [['graph', 'compile', 'm.onnx', '--batch', '0'], 'It must be >= 1.'],
    [['graph', 'check', 'm.onnx', '--batch', '0'], 'It must be >= 1.'],
    [['job', 'show', 'digits'], 'It must match pattern'],
    [['model', 'export', 'job-1'], 'It must match pattern'],
  ];

  test.each(RANGES)('hanse %j is wrong usage before the command begins', async (words, said) => {
    const path = PATHS.find((known) => words.join(' ').startsWith(known)) ?? '';
    const begun = vi.fn(async () => ({}));
    await replaceRun(path, begun);
    const { exitCode, err, json } = await hanse([...words, '--json']);
    expect(exitCode).toBe(2);
    expect(err).toContain(said);
    expect(json).toMatchObject({ problem: { code: 'usage', remedy: PROBLEMS.usage.remedy } });
    expect(begun).not.toHaveBeenCalled();
  });

  test('and one within it is taken', async () => {
    const begun = vi.fn(async () => ({}));
    await replaceRun('serve', begun);
    for (const port of ['0', '65535']) expect((await hanse(['serve', '--port', port])).exitCode).toBe(0);
    expect(begun).toHaveBeenCalledTimes(2);
  });
});

test('the version is that of the package', async () => {
  const file = fileURLToPath(new URL('../package.json', import.meta.url));
  const { version } = JSON.parse(await readFile(file, 'utf8')) as { version: string };
  expect(await hanse(['--version'])).toMatchObject({ exitCode: 0, out: `${SOFTWARE}\n` });
  expect(SOFTWARE).toBe(`hanse/${version}`);
});

/** A command line as a shell would take it apart, as far as examples go. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}
