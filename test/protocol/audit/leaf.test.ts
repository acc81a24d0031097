// covers: schemas/audit-event.ts
import { describe, expect, test } from 'vitest';
import { decodeLeaf, encodeLeaf, typeOf } from '../../../protocol/audit/leaf.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';

const HASH = '0'.repeat(64);
const event: AuditEvent = {
  specversion: '1.0',
  id: 'job/job-0123456789abcdef/7',
  source: `urn:hanse:coordinator:${HASH}`,
  type: 'hanse.round.released',
  time: '2026-01-01T00:00:00.000Z',
  subject: 'urn:hanse:round:job-0123456789abcdef/1/1',
  datacontenttype: 'application/json',
  data: { jobId: 'job-0123456789abcdef', round: 1, attempt: 1, model: HASH },
};
const text = new TextDecoder().decode(encodeLeaf(event));

test('is the canonical form of its event', () => {
  expect(text.startsWith('{"data":{"attempt":1,"jobId":')).toBe(true);
  expect(decodeLeaf(utf8(text))).toEqual(event);
  expect(typeOf(event)).toBe('round.released');
});

describe('refused is', () => {
  test.each([
    ['white space', text.replace(':', ': ')],
    ['another order', `{"time":"${event.time}",${text.slice(1).replace(`,"time":"${event.time}"`, '')}`],
    ['a member twice', text.replace('"attempt":1', '"attempt":1,"attempt":1')],
    ['a number in another form', text.replace('"attempt":1', '"attempt":1.0')],
    ['an escape that is not needed', text.replace('hanse.round', 'h\\u0061nse.round')],
    ['something behind', `${text}\n`],
    ['a byte order mark', `\ufeff${text}`],
    ['a cut', text.slice(0, -1)],
    ['another version of the envelope', text.replace('"1.0"', '"0.3"')],
    ['a type that nobody knows', text.replace('round.released', 'round.reversed')],
    ['a type of Object', text.replace('round.released', 'to.constructor')],
    ['a member that the type does not have', text.replace('"attempt":1', '"attempt":1,"evil":1')],
    ['one that is missing', text.replace('"attempt":1,', '')],
    ['a source that is none', text.replace(':coordinator:0', ':coordinator:z')],
    ['no JSON', 'hello'],
    ['a list', '[]'],
    ['nothing', ''],
  ])('%s', (_, changed) => {
    expect(changed).not.toBe(text);
    expect(() => decodeLeaf(utf8(changed))).toThrow(expect.objectContaining({ code: 'leafMalformed' }));
  });

  test('half of a character, which has no canonical form', () => {
    const declined = {
      ...event,
      type: 'hanse.round.declined',
      data: { jobId: 'job-0123456789abcdef', round: 1, attempt: 1, node: { salted: HASH }, code: 'x' },
    };
    const sound = new TextDecoder().decode(encodeLeaf(declined));
    expect(decodeLeaf(utf8(sound))).toEqual(declined);
    const halved = sound.replace('"code":"x"', '"code":"\\ud83d"');
    expect(halved).not.toBe(sound);
    expect(() => decodeLeaf(utf8(halved))).toThrow(expect.objectContaining({ code: 'leafMalformed' }));
    const written = encodeLeaf({ ...declined, data: { ...declined.data, code: 'a\\ud' } });
    expect(decodeLeaf(written).data).toMatchObject({ code: 'a\\ud' });
  });

  test('what is no UTF-8', () => {
    const bytes = utf8(text);
    bytes[20] = 0xff;
    expect(() => decodeLeaf(bytes)).toThrow(expect.objectContaining({ code: 'leafMalformed' }));
    // Also where any characters may stand, and these bytes would be read as one of them.
    const free = { jobId: 'job-0123456789abcdef', round: 1, attempt: 1, code: '\ufffd' };
    const written = encodeLeaf({ ...event, type: 'hanse.round.failed', data: free });
    expect(decodeLeaf(written).data).toEqual(free);
    const at = written.indexOf(0xef);
    const changed = Uint8Array.of(...written.subarray(0, at), 0xff, ...written.subarray(at + 3));
    expect(() => decodeLeaf(changed)).toThrow(
      expect.objectContaining({ code: 'leafMalformed', detail: { reason: 'no UTF-8' } }),
    );
  });

  test('to be written: what is longer than an entry may be', () => {
    const failed = (code: string): AuditEvent => ({
      ...{ ...event, type: 'hanse.round.failed' },
      data: { jobId: 'job-0123456789abcdef', round: 1, attempt: 1, code },
    });
    const room = 65_535 - encodeLeaf(failed('')).length;
    expect(encodeLeaf(failed('x'.repeat(room)))).toHaveLength(65_535);
    expect(() => encodeLeaf(failed('x'.repeat(room + 1)))).toThrow(RangeError);
  });

  test('to be written: what is not of the catalogue', () => {
    expect(() => encodeLeaf({ ...event, data: {} })).toThrow(
      expect.objectContaining({ code: 'invalidFormat' }),
    );
    expect(() => encodeLeaf({ ...event, type: 'hanse.round.other' })).toThrow(
      expect.objectContaining({ code: 'invalidFormat' }),
    );
  });
});
