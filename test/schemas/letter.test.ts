// covers: schemas/letter.ts, schemas/mailbox-event.ts
import { LETTER_BYTES_MAX, Letter, Letters, LettersRead } from '../../schemas/letter.ts';
import { MailboxEvent } from '../../schemas/mailbox-event.ts';
import { describeForm } from './form-of.ts';

const ID = 'a'.repeat(32);
const HASH = 'b'.repeat(64);
const AT = '2026-01-01T00:00:00.000Z';
const letter = {
  statement: {
    federationId: 'fed-0123456789abcdef',
    letterId: ID,
    from: { organisationId: 'clinic.example', nodeId: ID },
    to: 'lab.example',
    type: 'witness.request',
    createdAt: AT,
    expiresAt: AT,
    bodySha256: HASH,
  },
  body: '',
  signature: 'c'.repeat(128),
};

describeForm('letter', Letter, {
  sound: letter,
  takes: [
    ['statement.from.nodeId', null],
    ['body', 'ü'.repeat(LETTER_BYTES_MAX)], // bytes are counted by the rules
  ],
  refuses: [
    ['body', 'x'.repeat(LETTER_BYTES_MAX + 1)],
    ['body', {}],
    ['statement.letterId', ID.toUpperCase()],
    ['statement.type', ''],
    ['statement.type', 'Witness request'],
    ['statement.to', '../lab'],
    ['statement.expiresAt', '2026-01-01'],
    ['signature', HASH],
  ],
});

describeForm('letters', Letters, {
  sound: { letters: [{ number: 1, letter }] },
  takes: [['letters', []]],
  refuses: [
    ['letters', Array(17).fill({ number: 1, letter })],
    ['letters', [{ number: 0, letter }]],
    ['letters', [{ number: 1.5, letter }]],
  ],
});

describeForm('letters that were read', LettersRead, {
  sound: { upTo: 1 },
  refuses: [
    ['upTo', 0],
    ['upTo', '1'],
    ['upTo', 2 ** 53],
  ],
});

describeForm('event of the mailboxes', MailboxEvent, {
  sound: { type: 'lettersRead', organisationId: 'lab.example', upTo: 3, by: ID },
  takes: [['', { type: 'letterPosted', letter }]],
  refuses: [
    ['type', 'letterBurnt'],
    ['', { type: 'letterPosted' }],
  ],
});
