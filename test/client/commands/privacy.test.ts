/** `hanse privacy account`: lines in, lines out. */
import { afterEach, expect, test, vi } from 'vitest';
import { COMMANDS } from '../../../cli.ts';
import { privacyAccountCommand } from '../../../client/commands/privacy.ts';
import type { CommandDefinition } from '../../../schemas/command.ts';
import { hanse } from '../../fixtures/command-line.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs the command with a standard input that comes in pieces. */
async function account(text: string, words: readonly string[] = ['--json'], pieceBytes = 7) {
  const bytes = new TextEncoder().encode(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const entry = COMMANDS['privacy account'];
  if (!entry) throw new Error('no such command');
  vi.spyOn(entry, 'load').mockResolvedValue(privacyAccountCommand(pieces) as CommandDefinition<never>);
  return hanse(['privacy', 'account', ...words]);
}

const question = (id: string, noiseMultiplier: number) =>
  JSON.stringify({ id, kind: 'account', event: { type: 'gaussian', noiseMultiplier }, deltas: [1e-5] });
const answersOf = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('one answer for each line, the last of which may lack its end', async () => {
  const { exitCode, out } = await account(`${question('größe', 0.3)}\r\n\n${question('b', 0.8)}`);
  expect(exitCode).toBe(0);
  const answers = answersOf(out);
  expect(answers.map(({ id }) => id)).toEqual(['größe', 'b']);
  expect(answers[0].rdp.epsilon['0.00001']).toBeCloseTo(20.392520209469453, 6);
  expect(answers[1].rdp.epsilon['0.00001']).toBeCloseTo(6.122757864599008, 6);
  expect(answers[0].pld.epsilon['0.00001']).toBeCloseTo(19.130767834361926, 6);
});

test('a line that is none is refused, and the others are answered all the same', async () => {
  const bomb = `{"id":"bomb","kind":"account","deltas":[1e-5],"event":${'{"type":"repeat","count":1,"event":'.repeat(3000)}1${'}'.repeat(3000)}}`;
  const lines = [
    question('a', 1),
    question('cut', 1).slice(0, 40),
    '{"id":NaN}',
    question('bad', -1),
    bomb,
    question('z', 1),
  ];
  const { exitCode, out } = await account(lines.join('\n'), ['--json'], 4096);
  expect(exitCode).toBe(0);
  expect(answersOf(out).map(({ id, refused }) => [id, refused])).toEqual([
    ['a', undefined],
    [null, 'invalidFormat'],
    [null, 'invalidFormat'],
    ['bad', 'invalidFormat'],
    ['bomb', 'invalidFormat'],
    ['z', undefined],
  ]);
});

test('for people the figures name their relation', async () => {
  const { out } = await account(`${question('a', 0.3)}\n${question('b', -1)}`, []);
  expect(out).toMatch(
    /^a: epsilon 20\.39\d+ at delta 0\.00001 by rdp; epsilon 19\.13\d+ at delta 0\.00001 by pld \(add-or-remove-one\)\nb: refused, invalidFormat: /,
  );
});

test('without a question it is used wrongly, and a line without end is not kept', async () => {
  expect(await account('\n')).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
  vi.restoreAllMocks();
  const endless = await account('x'.repeat(5_000_000), ['--json'], 1_000_000);
  expect(endless).toMatchObject({ exitCode: 1, json: { problem: { code: 'invalidFormat' } } });
});
