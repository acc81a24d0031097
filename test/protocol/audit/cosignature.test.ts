import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { signCheckpoint } from '../../../protocol/audit/checkpoint.ts';
import { cosign, cosignedAt } from '../../../protocol/audit/cosignature.ts';
import { parseNote } from '../../../protocol/audit/signed-note.ts';
import { concatBytes, utf8 } from '../../../protocol/bytes.ts';
import { cosigned, noteKey, withFlippedBits } from './notes.ts';

const log = await noteKey('hanse.example/log');
const witness = await noteKey('a.example/witness', 'cosignature', 2);
const note = await signCheckpoint({ size: 5, root: new Uint8Array(32) }, log.key, log.signer);

test('tells when, and is a signature over two lines and the text, as the specification has them', async () => {
  const whole = parseNote(await cosigned(note, [witness], 1_679_315_147));
  expect(await cosignedAt(whole, witness.key)).toBe(1_679_315_147);
  const { signature } = whole.signatures[1] as { signature: Uint8Array };
  const message = utf8(`cosignature/v1\ntime 1679315147\n${whole.text}`);
  expect(await primitives.verify(signature.subarray(8), message, witness.key.publicKey)).toBe(true);
  expect([...signature.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb]);
});

test('the latest one counts', async () => {
  const twice = await cosigned(await cosigned(note, [witness], 1000), [witness], 2000);
  expect(await cosignedAt(parseNote(twice), witness.key)).toBe(2000);
});

test('nobody else has cosigned', async () => {
  const whole = parseNote(await cosigned(note, [witness]));
  const other = await noteKey('b.example/witness', 'cosignature', 3);
  const renamed = await noteKey('b.example/witness', 'cosignature', 2);
  for (const { key } of [other, renamed, log]) expect(await cosignedAt(whole, key)).toBeUndefined();
  expect(await cosignedAt(parseNote(note), witness.key)).toBeUndefined();
});

test('what a key of notes signs is no cosignature, whatever its form', async () => {
  const { text, signatures } = parseNote(note);
  const line = await cosign(text, log.key, log.signer, 77);
  expect(await cosignedAt({ text, signatures: [line] }, log.key)).toBeUndefined();
  const same = await cosign(text, witness.key, log.signer, 77);
  const asWitness = { ...log.key, ...witness.key, publicKey: log.key.publicKey };
  expect(await cosignedAt({ text, signatures: [...signatures, same] }, asWitness)).toBe(77);
});

test('any bit changed in text or line makes it none', async () => {
  const line = (await cosigned(note, [witness])).slice(note.length);
  for (const changed of withFlippedBits(line)) {
    const read = (() => {
      try {
        return parseNote(note + changed);
      } catch {
        return undefined;
      }
    })();
    if (read) expect(await cosignedAt(read, witness.key), changed).toBeUndefined();
  }
  const whole = await cosigned(note, [witness]);
  expect(await cosignedAt(parseNote(whole.replace('\n5\n', '\n6\n')), witness.key)).toBeUndefined();
  expect(await cosignedAt(parseNote(whole), witness.key)).toBeGreaterThan(0);
});

test('a witness whose clock is wrong has seen the checkpoint all the same, at no other time than it says', async () => {
  for (const seconds of [1, 1_790_000_000, 4_000_000_000, Number.MAX_SAFE_INTEGER]) {
    const { text, signatures } = parseNote(await cosigned(note, [witness], seconds));
    expect(await cosignedAt({ text, signatures }, witness.key)).toBe(seconds);
    for (let at = 0; at < 8; at += 1) {
      const moved = signatures.map((one) => ({ ...one, signature: one.signature.slice() }));
      const bytes = moved[1]?.signature as Uint8Array;
      bytes[at] = (bytes[at] as number) ^ 1;
      expect(await cosignedAt({ text, signatures: moved }, witness.key)).toBeUndefined();
    }
  }
});

test('times that are none, and signatures that are cut, count for nothing', async () => {
  const { text, signatures } = parseNote(note);
  const told = async (line: Uint8Array) => {
    const { name, keyId } = witness.key;
    return cosignedAt({ text, signatures: [...signatures, { name, keyId, signature: line }] }, witness.key);
  };
  const { signature } = await cosign(text, witness.key, witness.signer, 77);
  expect(await told(signature)).toBe(77);
  expect(await told(signature.subarray(1))).toBeUndefined();
  expect(await told(signature.slice(0, 3))).toBeUndefined();
  expect(await told(concatBytes(signature, Uint8Array.of(0)))).toBeUndefined();
  // Signed as it should be, at no time.
  for (const time of [0n, 2n ** 63n, 2n ** 64n - 1n]) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, time);
    const signed = await witness.signer.sign(utf8(`cosignature/v1\ntime ${time}\n${text}`));
    expect(await told(concatBytes(bytes, signed))).toBeUndefined();
  }
});
