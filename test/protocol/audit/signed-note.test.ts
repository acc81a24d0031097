import { describe, expect, test } from 'vitest';
import {
  checkNote,
  formatNote,
  parseNote,
  parseSignatures,
  signText,
} from '../../../protocol/audit/signed-note.ts';
import { parseVerifierKey } from '../../../protocol/audit/verifier-key.ts';
import { noteKey, withFlippedBits } from './notes.ts';

/** Of C2SP signed-note. */
const KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const NOTE = `This is an example message.

\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;
const POEM = `Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed \u00e8 subito sera.

\u2014 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`;

describe('the note of the specification', async () => {
  const key = await parseVerifierKey(KEY);

  test('is signed by its key', async () => {
    const note = parseNote(NOTE);
    expect(note.text).toBe('This is an example message.\n');
    expect(formatNote(note)).toBe(NOTE);
    await expect(checkNote(note, [key])).resolves.toBeUndefined();
  });

  test('may have empty lines in its text', () => {
    expect(parseNote(POEM).text.split('\n')).toHaveLength(5);
    expect(formatNote(parseNote(POEM))).toBe(POEM);
  });

  test('with any bit changed is another form, or signed by nobody', async () => {
    let refused = 0;
    for (const changed of withFlippedBits(NOTE)) {
      const codes = expect.stringMatching(/noteMalformed|noteUnsigned/);
      await expect((async () => checkNote(parseNote(changed), [key]))(), changed).rejects.toThrow(
        expect.objectContaining({ code: codes }),
      );
      refused += 1;
    }
    expect(refused).toBeGreaterThan(100);
  });
});

test('signatures of strangers are not looked at, wrong ones of a known key are', async () => {
  const [log, stranger] = [await noteKey('log.example'), await noteKey('stranger.example', 'note', 2)];
  const text = 'said\n';
  const right = await signText(text, log.key, log.signer);
  const unknown = await signText('something else\n', stranger.key, stranger.signer);
  const wrong = { ...right, signature: right.signature.map((byte) => byte ^ 1) };
  await expect(checkNote({ text, signatures: [unknown, right] }, [log.key])).resolves.toBeUndefined();
  for (const signatures of [[unknown], [wrong], [right, wrong]])
    await expect(checkNote({ text, signatures }, [log.key])).rejects.toThrow(
      expect.objectContaining({ code: 'noteUnsigned' }),
    );
  // One name, two keys: the id tells which.
  const renewed = await noteKey('log.example', 'note', 3);
  await expect(checkNote({ text, signatures: [right] }, [renewed.key])).rejects.toThrow(
    /noteUnsigned|trusted/,
  );
  await expect(checkNote({ text, signatures: [right] }, [renewed.key, log.key])).resolves.toBeUndefined();
});

test('a key of witnesses signs no notes', async () => {
  const { key, signer } = await noteKey('witness.example', 'cosignature');
  const signatures = [await signText('text\n', key, signer)];
  await expect(checkNote({ text: 'text\n', signatures }, [key])).rejects.toThrow(
    expect.objectContaining({ code: 'noteUnsigned' }),
  );
});

const LINE = NOTE.split('\n')[2] as string;

test.each([
  ['nothing', ''],
  ['no text', `\n\n${LINE}\n`],
  ['no signatures', 'text\n\n'],
  ['no empty line', `text\n${LINE}\n`],
  ['no line end', NOTE.slice(0, -1)],
  ['another end of its last line', `${NOTE.slice(0, -1)}x`],
  ['a carriage return', NOTE.replace('message.', 'message.\r')],
  ['a tabulator', NOTE.replace('an ', 'an\t')],
  ['half a character', NOTE.replace('an ', '\ud800 ')],
  ['a hyphen for the dash', NOTE.replace('\u2014', '-')],
  ['two spaces', NOTE.replace('\u2014 ', '\u2014  ')],
  ['a plus in the name', NOTE.replace('com/foo', 'com+foo')],
  ['base64 without padding', NOTE.replace('QM=', 'QM')],
  ['bits that no byte has', NOTE.replace('QM=', 'QN=')],
  ['a signature of no bytes', NOTE.replace(/Uw2QOkn8.*/, 'Uw2QOg==')],
  ['something after a signature', NOTE.replace('QM=', 'QM= x')],
  ['more than a megabyte', `${'x'.repeat(1 << 20)}\n\n${LINE}\n`],
  ['more signatures than anybody reads', `text\n\n${`${LINE}\n`.repeat(1025)}`],
])('a note with %s is refused', (_, note) => {
  expect(() => parseNote(note)).toThrow(expect.objectContaining({ code: 'noteMalformed' }));
});

test('the shortest and the longest note are read', () => {
  const end = `\n\n${LINE}\n`;
  for (const text of ['x', 'x'.repeat((1 << 20) - end.length)])
    expect(parseNote(text + end).text).toBe(`${text}\n`);
  const shortest = parseSignatures(`${LINE.replace(/Uw2QOkn8.*/, 'Uw2QOgA=')}\n`);
  expect(shortest[0]?.signature).toEqual(Uint8Array.of(0));
});

test('as many signatures as a federation has witnesses are read', () => {
  expect(parseNote(`text\n\n${`${LINE}\n`.repeat(1024)}`).signatures).toHaveLength(1024);
  expect(parseSignatures(`${LINE}\n`)).toEqual(parseNote(NOTE).signatures);
});
