import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import { LETTER_LIFETIME_MS, openLetter, writeLetter } from '../../protocol/letter.ts';
import type { Directory } from '../../schemas/directory.ts';
import { LETTER_BYTES_MAX, type Letter } from '../../schemas/letter.ts';
import { AT, directoryOf, keyOf, LATER, organisationOf } from '../fixtures/directory-maker.ts';

const FEDERATION = 'fed-0123456789abcdef';
const NOON = '2026-01-01T12:00:00.000Z';
const EVENING = '2026-01-01T20:00:00.000Z';
const later = (at: string, milliseconds: number) => new Date(Date.parse(at) + milliseconds).toISOString();

type Draft = Parameters<typeof writeLetter>[0];
let directory: Directory;
let draft: Draft;
let reader: Parameters<typeof openLetter>[1];

beforeAll(async () => {
  const organisations = [await organisationOf('clinic', ['a', 'b']), await organisationOf('lab', ['c'])];
  directory = await directoryOf(organisations);
  const nodeId = organisations[0]?.nodes[0]?.nodeId ?? '';
  draft = {
    federationId: FEDERATION,
    letterId: '0123456789abcdef'.repeat(2),
    from: { organisationId: 'clinic', nodeId },
    to: 'lab',
    type: 'greeting',
    createdAt: NOON,
    expiresAt: EVENING,
    body: '{"text":"Grüße"}',
  };
  reader = { federationId: FEDERATION, organisationId: 'lab', directory };
});

const written = async (change: Partial<Draft> = {}, key = 'a') =>
  writeLetter({ ...draft, ...change }, await keyOf(key));
const refused = (reason: RegExp) => ({ code: 'letterInvalid', message: expect.stringMatching(reason) });
const withSender = async (change: Partial<Directory['organisations'][number]>, node = {}) => ({
  ...directory,
  organisations: directory.organisations.map((organisation) =>
    organisation.organisationId === 'clinic'
      ? { ...organisation, nodes: organisation.nodes.map((one) => ({ ...one, ...node })), ...change }
      : organisation,
  ),
});

test('what is signed is the label, a zero byte and the canonical statement, which names the hash of the body', async () => {
  const { statement, body, signature } = await written();
  expect(statement.bodySha256).toBe(toHex(await primitives.sha256(utf8(body))));
  const { publicKey } = await keyOf('a');
  const bytes = Uint8Array.from(Buffer.from(signature, 'hex'));
  expect(await primitives.verify(bytes, utf8(`HANSE letter\0${canonicalJson(statement)}`), publicKey)).toBe(
    true,
  );
});

test('a letter is opened by whom it is for, from its writing to its end', async () => {
  const letter = await written();
  for (const at of [later(NOON, -300_000), NOON, later(EVENING, -1)])
    await expect(openLetter(letter, reader, at)).resolves.toBeUndefined();
  await expect(openLetter(letter, reader, EVENING)).rejects.toMatchObject({ code: 'letterExpired' });
});

test('the key of the organisation itself may sign, where no node is named', async () => {
  const from = { organisationId: 'clinic', nodeId: null };
  await expect(openLetter(await written({ from }, 'clinic'), reader, NOON)).resolves.toBeUndefined();
  await expect(openLetter(await written({ from }, 'a'), reader, NOON)).rejects.toMatchObject(
    refused(/signature/),
  );
});

test('a letter changed anywhere is forged', async () => {
  const letter = await written();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('letterId', 'type', 'createdAt', 'expiresAt', 'bodySha256', 'body', 'signature'),
      async (place) => {
        const other = await written({ body: 'other', letterId: 'f'.repeat(32), type: 'other' });
        const moved = { createdAt: later(NOON, 1), expiresAt: later(EVENING, 1) };
        const source: Record<string, unknown> = { ...other.statement, ...moved, ...other, statement: {} };
        const forged: Letter =
          place in letter.statement
            ? { ...letter, statement: { ...letter.statement, [place]: source[place] } }
            : { ...letter, [place]: source[place] };
        await expect(openLetter(forged, reader, NOON)).rejects.toMatchObject({ code: 'letterInvalid' });
      },
    ),
    { numRuns: 20 },
  );
});

describe('refused', () => {
  test.each<[string, RegExp, Partial<Draft>, string?]>([
    ['another federation', /another federation/, { federationId: 'fed-fedcba9876543210' }],
    ['another recipient', /for clinic/, { to: 'clinic' }],
    [
      'a sender that nobody has heard of',
      /directory/,
      { from: { organisationId: 'clinic', nodeId: '0'.repeat(32) } },
    ],
    [
      'an organisation that nobody has heard of',
      /directory/,
      { from: { organisationId: 'ghost', nodeId: null } },
    ],
    ['the key of another node', /signature/, {}, 'b'],
    ['the key of another organisation', /signature/, {}, 'c'],
    ['no time to live', /no time/, { expiresAt: NOON }],
    ['an end before the beginning', /no time/, { expiresAt: AT }],
    ['too long a life', /more than 7 days/, { expiresAt: later(NOON, LETTER_LIFETIME_MS + 1) }],
    ['the future', /future/, { createdAt: later(NOON, 300_001) }],
    ['too long a body', /16384 bytes/, { body: 'ü'.repeat(LETTER_BYTES_MAX / 2 + 1) }],
    ['half a surrogate pair', /not text/, { body: '\ud800' }],
  ])('%s', async (_, reason, change, key) => {
    await expect(openLetter(await written(change, key), reader, NOON)).rejects.toMatchObject(refused(reason));
  });

  test('a node under the name of another organisation of the directory', async () => {
    const from = { ...draft.from, organisationId: 'lab' };
    await expect(openLetter(await written({ from }), reader, NOON)).rejects.toMatchObject(
      refused(/directory/),
    );
  });

  test('a sender that is revoked, with its organisation or alone, whenever it wrote', async () => {
    const letter = await written();
    for (const pinned of [await withSender({ revokedAt: LATER }), await withSender({}, { revokedAt: LATER })])
      await expect(openLetter(letter, { ...reader, directory: pinned }, NOON)).rejects.toMatchObject(
        refused(/revoked/),
      );
  });

  test('a key that another had replaced when the letter was written; not one that was replaced since', async () => {
    const letter = await written();
    const pinned = async (validUntil: string) => ({
      ...reader,
      directory: await withSender({}, { validUntil }),
    });
    await expect(openLetter(letter, await pinned(NOON), NOON)).rejects.toMatchObject(refused(/place/));
    await expect(
      openLetter(letter, await pinned(later(NOON, 1)), later(EVENING, -1)),
    ).resolves.toBeUndefined();
  });
});

test('the longest body, and the longest life', async () => {
  const body = 'ü'.repeat(LETTER_BYTES_MAX / 2);
  const letter = await written({ body, expiresAt: later(NOON, LETTER_LIFETIME_MS) });
  await expect(openLetter(letter, reader, NOON)).resolves.toBeUndefined();
});
