/**
 * Where the passphrase of a key comes from: a file, the environment, or a person at a terminal. Node only.
 */
import { readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { utf8 } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { Secret } from '../protocol/secret.ts';
import type { AskPassphrase } from './stored-key.ts';

/** Of the environment. Others of the same user can read it while the process runs: a file is better. */
const VARIABLE = 'HANSE_PASSPHRASE';

export interface PassphraseSource {
  /** Its first line; absent: from the environment. */
  readonly passphraseFile?: string;
}

/** A terminal at which somebody may be asked. */
export interface Keyboard {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly isTerminal: boolean;
}

/**
 * What was given beforehand, without asking anybody.
 * @throws `usage` for a file that others can read, or that is not there
 */
export async function givenPassphrase({ passphraseFile }: PassphraseSource): Promise<Secret | undefined> {
  if (passphraseFile !== undefined) return fromFile(passphraseFile);
  const text = process.env[VARIABLE];
  return text ? passphraseOf(text) : undefined;
}

/** What was given, or what somebody types. */
export function askPassphrase(source: PassphraseSource, keyboard: Keyboard = terminal()): AskPassphrase {
  return async (file) => (await givenPassphrase(source)) ?? typed(`Passphrase of ${file}: `, keyboard);
}

/**
 * A passphrase to come: what was given, or what somebody types twice.
 * @throws `passphraseNeeded` if there is none; `usage` if it is empty or the second is another
 */
export async function newPassphrase(
  file: string,
  source: PassphraseSource,
  keyboard: Keyboard = terminal(),
): Promise<Secret> {
  const given = await givenPassphrase(source);
  if (given) return given;
  const first = await typed(`New passphrase of ${file}: `, keyboard);
  if (!first) throw new HanseError('passphraseNeeded', { file });
  const second = await typed('Once more: ', keyboard);
  if (Buffer.compare(first.reveal(), second?.reveal() ?? new Uint8Array()) !== 0)
    throw new HanseError('usage', { reason: 'the two passphrases are not the same' });
  return first;
}

async function fromFile(file: string): Promise<Secret> {
  const unreadable = (reason: string, cause?: unknown) =>
    new HanseError('usage', { reason: `--passphrase-file ${file}: ${reason}` }, { cause });
  let text: string;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw unreadable(`others may read it: mode ${(mode & 0o777).toString(8)}`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof HanseError) throw error;
    throw unreadable((error as NodeJS.ErrnoException).code ?? String(error), error);
  }
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line === '') throw unreadable('it holds no passphrase');
  return passphraseOf(line);
}

/** However a keyboard composes characters, it is the same passphrase: NFKC. */
function passphraseOf(text: string): Secret {
  return new Secret(utf8(text.normalize('NFKC')));
}

function terminal(): Keyboard {
  const { stdin: input, stderr: output } = process;
  return { input, output, isTerminal: input.isTTY === true && output.isTTY === true };
}

/** What is typed is not shown. Undefined where nobody can be asked, or nothing was typed. */
function typed(question: string, { input, output, isTerminal }: Keyboard): Promise<Secret | undefined> {
  if (!isTerminal) return Promise.resolve(undefined);
  output.write(question);
  const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: muted, terminal: true });
  return new Promise((resolve) => {
    const end = (line: string) => {
      resolve(line === '' ? undefined : passphraseOf(line));
      lines.close();
      output.write('\n');
    };
    lines.once('line', end);
    lines.once('SIGINT', () => end(''));
    lines.once('close', () => resolve(undefined));
  });
}
