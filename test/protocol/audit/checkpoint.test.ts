import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import {
  checkpointText,
  parseCheckpoint,
  parseSize,
  readCheckpoint,
  signCheckpoint,
} from '../../../protocol/audit/checkpoint.ts';
import { formatNote, signText } from '../../../protocol/audit/signed-note.ts';
import { toBase64 } from '../../../protocol/bytes.ts';
import { noteKey, withFlippedBits } from './notes.ts';

/** Of C2SP tlog-checkpoint. */
const EXAMPLE = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`;
const root = await primitives.sha256(new Uint8Array([7]));
const log = await noteKey('hanse.example/log');

test('the one of the specification', () => {
  const { origin, size, root: told } = parseCheckpoint(EXAMPLE);
  expect([origin, size, toBase64(told)]).toEqual([
    'example.com/behind-the-sofa',
    20_852_163,
    'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=',
  ]);
});

test('is read back as it was signed', async () => {
  for (const size of [0, 1, 255, 256, 257, 65_535, 65_536, Number.MAX_SAFE_INTEGER]) {
    const note = await signCheckpoint({ size, root }, log.key, log.signer);
    expect(await readCheckpoint(note, log.key)).toMatchObject({ origin: 'hanse.example/log', size, root });
  }
});

test('lines beyond the three are kept, for they are signed', async () => {
  const text = `${checkpointText(log.key.name, { size: 3, root })}more\n`;
  const note = formatNote({ text, signatures: [await signText(text, log.key, log.signer)] });
  const read = await readCheckpoint(note, log.key);
  expect([read.size, read.note.text]).toEqual([3, text]);
  const cut = note.replace('more\n', '');
  await expect(readCheckpoint(cut, log.key)).rejects.toThrow(
    expect.objectContaining({ code: 'noteUnsigned' }),
  );
});

test('with any bit changed is believed by nobody', async () => {
  const note = await signCheckpoint({ size: 70_000, root }, log.key, log.signer);
  for (const changed of withFlippedBits(note))
    await expect((async () => readCheckpoint(changed, log.key))(), changed).rejects.toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/noteMalformed|checkpointMalformed|originUnknown|noteUnsigned/),
      }),
    );
});

test('of another log is refused, whoever has signed it', async () => {
  const other = await noteKey('other.example/log');
  const note = await signCheckpoint({ size: 1, root }, other.key, other.signer);
  await expect(readCheckpoint(note, other.key)).resolves.toMatchObject({ size: 1 });
  await expect(readCheckpoint(note, log.key)).rejects.toThrow(
    expect.objectContaining({ code: 'originUnknown' }),
  );
  // The name of the one, and the key of the other.
  const text = checkpointText(log.key.name, { size: 1, root });
  const foreign = await noteKey('hanse.example/log', 'note', 2);
  const forged = formatNote({ text, signatures: [await signText(text, foreign.key, foreign.signer)] });
  await expect(readCheckpoint(forged, log.key)).rejects.toThrow(
    expect.objectContaining({ code: 'noteUnsigned' }),
  );
});

describe('refused is', () => {
  test.each([
    ['no origin', EXAMPLE.replace('example.com/behind-the-sofa\n', '\n')],
    ['no size', EXAMPLE.replace('20852163\n', '')],
    ['a root of 31 bytes', EXAMPLE.replace(/CsU.*/, toBase64(root.subarray(1)))],
    ['an empty line within', EXAMPLE.replace('20852163\n', '20852163\n\n')],
    ['an empty line after', EXAMPLE.replace('q2I=\n', 'q2I=\n\n')],
  ])('%s', (_, note) => {
    expect(() => parseCheckpoint(note)).toThrow(expect.objectContaining({ code: 'checkpointMalformed' }));
  });

  test.each([
    '',
    '-1',
    '01',
    '+1',
    '1.0',
    '1e3',
    ' 1',
    '1 ',
    '0x1',
    '9007199254740992',
    '18446744073709551616',
    '\u0661',
  ])('a size of %j', (digits) => {
    expect(parseSize(digits)).toBeUndefined();
    expect(() => parseCheckpoint(EXAMPLE.replace('20852163', digits))).toThrow(
      expect.objectContaining({ code: 'checkpointMalformed' }),
    );
  });

  test('beside these', () => {
    expect(['0', '1', '65536', '9007199254740991'].map(parseSize)).toEqual([0, 1, 65_536, 2 ** 53 - 1]);
  });
});
