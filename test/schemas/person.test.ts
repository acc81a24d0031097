// covers: schemas/person-event.ts
import {
  LinkRequest,
  LinkSignIn,
  Person,
  PersonInvite,
  PersonLink,
  Token,
  TokenRequest,
} from '../../schemas/person.ts';
import { PersonEvent } from '../../schemas/person-event.ts';
import { CREDENTIAL, PERSON } from '../fixtures/sample-events.ts';
import { describeForm } from './form-of.ts';

const AT = '2026-01-01T00:00:00.000Z';
const TOKEN = `${'A-_z'.repeat(10)}AAA`;
const ID = 'a'.repeat(32);

const invite = {
  organisationId: 'clinic-a.example',
  role: 'researcher',
  handle: 'ada.l',
  name: 'Ada Lovelace',
  lifetimeSeconds: 3600,
};

describeForm('invitation of a person', PersonInvite, {
  sound: invite,
  takes: [
    ...['operator', 'partner', 'auditor'].map((role) => ['role', role] as const),
    ['name', '李明'],
    ['handle', 'a'],
  ],
  refuses: [
    // No role of a person, in letters that look like those of one, or in more of them.
    ...[
      'participant',
      'witness',
      'node',
      'admin',
      'Operator',
      'оperator',
      'operator ',
      'operator\u200b',
      '',
      null,
    ].map((role) => ['role', role] as const),
    ['role', ['operator']],
    ...['Ada', 'аda', 'ada ', '-ada', 'ada.', '', 'a'.repeat(41), 'ada\u0301', '../ada'].map(
      (handle) => ['handle', handle] as const,
    ),
    ['name', 'A\u202eda'],
    ['name', 'A\u200bda'],
    ['name', ''],
    ['lifetimeSeconds', 59],
    ['lifetimeSeconds', 604_801],
    ['organisationId', 'Clinic'],
    ['personId', PERSON],
  ],
});

describeForm('link', PersonLink, {
  sound: { personId: PERSON, token: TOKEN, expiresAt: AT },
  refuses: [
    ['token', 'A'],
    ['personId', 'a'.repeat(64)],
  ],
});

describeForm('request for a link', LinkRequest, {
  sound: { lifetimeSeconds: 60 },
  refuses: [['lifetimeSeconds', 0]],
});
describeForm('sign-in by a link', LinkSignIn, { sound: { token: TOKEN }, refuses: [['token', `${TOKEN}A`]] });

const request = { name: 'nightly', scopes: ['listJobs'], lifetimeSeconds: 7_776_000 };
describeForm('request for a token', TokenRequest, {
  sound: { ...request, personId: PERSON },
  refuses: [
    ['lifetimeSeconds', 7_776_001],
    ['scopes', []],
    ['scopes', ['*']],
    ['scopes', ['listJobs', 'listJobs']],
    ['scopes', 'listJobs'],
    ['role', 'operator'],
    ['organisationId', 'operator'],
  ],
});

describeForm('token as it is listed', Token, {
  sound: {
    ...{ tokenId: ID, personId: PERSON, name: 'nightly', scopes: ['listJobs'], expiresAt: AT },
    ...{ issuedAt: AT, revokedAt: null, lastUsed: '2026-01-01' },
  },
  takes: [['lastUsed', null]],
  refuses: [
    ['token', `hanse_${TOKEN}`],
    ['tokenSha256', ID],
    ['lastUsed', AT],
  ],
});

describeForm('person as listed', Person, {
  sound: {
    ...{
      personId: PERSON,
      organisationId: 'clinic-a.example',
      role: 'auditor',
      handle: 'ada',
      shownAs: 'Ada',
    },
    ...{ invitedAt: AT, enrolledAt: null, revokedAt: null },
  },
  refuses: [
    ['shownAs', ''],
    ['credentials', []],
  ],
});

describeForm('event of a passkey', PersonEvent, {
  sound: { type: 'personEnrolled', personId: PERSON, credential: CREDENTIAL },
  refuses: [
    ['credential.counter', -1],
    ['credential.credentialId', 'short'],
    ['role', 'operator'],
  ],
});
