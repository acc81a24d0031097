/**
 * What the README says about models and promises holds: its gallery, operators, losses and optimisers, and the command
 * lines that are shown for them.
 */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../cli.ts';
import { BUILT_IN_MODELS } from '../client/commands/built-in-models.ts';
import { loadModel } from '../client/commands/model-source.ts';
import { supportedOperators } from '../client/graph/forward-operators.ts';
import { parameterCount } from '../client/graph/parameters.ts';
import { answerQuestion } from '../protocol/dp/answer-question.ts';
import type { CommandDefinition } from '../schemas/command.ts';
import { Loss, Optimizer } from '../schemas/training.ts';
import { hanse } from './fixtures/command-line.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

afterEach(() => {
  vi.restoreAllMocks();
});

/** The text under a heading, up to the next heading of any level. */
function section(heading: string, text = README): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (start < 0) throw new Error(`no section ${heading}`);
  const length = lines.slice(start + 1).findIndex((line) => /^#{2,} /.test(line));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n');
}

function fences(text: string): string[] {
  return text.split(/^```.*$/m).filter((_, at) => at % 2 === 1);
}

/** The names between backticks in the sentence that begins so. */
function namesAfter(start: string): string[] {
  const [, sentence = ''] = README.split(`\n${start}`);
  return [...(sentence.split('.\n')[0] ?? '').matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name);
}

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly parameters: number;
  readonly command: string;
}

const GALLERY: readonly Row[] = section('Gallery')
  .split('\n')
  .filter((line) => line.startsWith('| ') && line.includes('`hanse sim'))
  .map((line) => {
    const [name = '', summary = '', parameters = '', command = ''] = line.slice(2).split(' | ');
    return {
      name,
      summary,
      parameters: Number(parameters.replaceAll(',', '')),
      command: command.replaceAll('`', ''),
    };
  });

describe('the gallery', () => {
  test('shows every built-in model once, in its words, and nothing else', () => {
    const shown = GALLERY.map(({ name, summary }) => [name, summary]);
    const builtIn = Object.entries(BUILT_IN_MODELS).map(([name, { summary }]) => [name, summary]);
    expect(shown.sort()).toEqual(builtIn.sort());
  });

  test.each(GALLERY)('$command trains so many parameters', async ({ name, parameters, command }) => {
    const [, source = name] = / --model (\S+)/.exec(command) ?? [];
    expect(source.split(':')[0]).toBe(name);
    const model = name === 'linear' ? 'linear:1,1' : source;
    expect(parameterCount(await loadModel(model, 'seed'))).toBe(parameters);
  });
});

test('the operators are those that models may be made of', () => {
  const [fence = ''] = fences(section('Operators'));
  expect(fence.trim().split(/\s+/)).toEqual(supportedOperators());
});

test('losses and optimisers are those of a job', () => {
  const types = (kinds: { anyOf: readonly { properties: { type: { const: string } } }[] }) =>
    kinds.anyOf.map(({ properties }) => properties.type.const).sort();
  expect(namesAfter('Losses: ').sort()).toEqual(types(Loss));
  expect(namesAfter('Optimisers: ').sort()).toEqual(types(Optimizer));
});

test('the question about an epsilon has the answer that is told', () => {
  const text = section('I am an auditor');
  const [, question = ''] = /echo '(.*)' \| hanse privacy account --json/.exec(text) ?? [];
  const { rdp, pld } = answerQuestion(JSON.parse(question));
  const [moments, losses] = [rdp, pld].map((figure) => Math.ceil(1000 * Number(figure?.epsilon['0.00001'])));
  expect(text).toContain(
    `By moments it is at most epsilon ${Number(moments) / 1000}, by loss distributions ${Number(losses) / 1000}.`,
  );
});

/** Lines that are run as they are. */
const ASKED =
  /^hanse (sim|graph|job create|privacy plan|privacy ledger|audit (uses|cost|denials|organisation|policies|report)) /;

describe('command lines', () => {
  const shown = [
    ...GALLERY.map(({ command }) => command),
    ...fences(README)
      .flatMap((fence) => fence.replaceAll(/ *\\\n */g, ' ').split('\n'))
      .filter((line) => ASKED.test(line))
      .map((line) => line.replace(/ {2,}#.*$| # .*$/, '').replace(' ... ', ' --name a --purpose b '))
      .map((line) => line.replace('<job>', 'job-0123456789abcdef')),
  ];

  test('there are some of each', () => {
    for (const path of ['sim', 'graph check', 'graph compile', 'graph step', 'job create', 'privacy plan'])
      expect(shown.some((line) => line.startsWith(`hanse ${path} `))).toBe(true);
  });

  test.each(shown)('%s is understood', async (line) => {
    const words = wordsOf(line).slice(1);
    const path = [words[0] ?? '', words.slice(0, 2).join(' ')].find((name) => COMMANDS[name]) ?? '';
    const entry = COMMANDS[path];
    if (!entry) expect.fail(`no command ${path}`);
    const run = vi.fn(async () => ({}));
    const definition: CommandDefinition<never> = { ...(await entry.load()), run };
    vi.spyOn(entry, 'load').mockResolvedValue(definition);
    expect(await hanse(words)).toMatchObject({ exitCode: 0, err: '' });
    expect(run).toHaveBeenCalledOnce();
    expect((await hanse([...words, '--nonsense'])).exitCode).toBe(2);
  });
});

function wordsOf(line: string): string[] {
  return [...line.matchAll(/["']([^"']*)["']|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}
