// covers: server/people/people-handlers.ts, server/people/sign-in-handlers.ts, server/people/people-view.ts, schemas/person.ts
/**
 * People over real HTTP: sign-in, sessions, tokens, and what must not come of them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACTIONS, type ActionName } from '../../../protocol/actions.ts';
import { isDecided, ROUTES, type Route, type RouteName } from '../../../protocol/routes.ts';
import type {
  IssuedToken,
  Person,
  PersonLink,
  PersonRole,
  Self,
  Sessions,
  Tokens,
} from '../../../schemas/person.ts';
import { Authorizer } from '../../../server/access/authorizer.ts';
import { FRESH_MS, IDLE_MS } from '../../../server/people/sessions.ts';
import { webOriginOf } from '../../../server/people/web-origin.ts';
import { BrowserClient } from '../../fixtures/browser-client.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { type Answer, expectProblem, expectSuccess, send, signed } from '../../fixtures/signed-client.ts';
import { SoftwareAuthenticator } from '../../fixtures/software-authenticator.ts';

let listening: ListeningApp;
beforeAll(async () => {
  listening = await listeningApp({ participants: 1 });
});
afterAll(() => listening.close());

let invited = 0;
async function invite(role: PersonRole = 'researcher', organisationId = 'hansa'): Promise<PersonLink> {
  invited += 1;
  const body = {
    organisationId,
    role,
    handle: `p${invited}`,
    name: `Person ${invited}`,
    lifetimeSeconds: 3600,
  };
  const answer = await listening.call(listening.federation.operator, 'invitePerson', { body });
  return expectSuccess(answer).json as PersonLink;
}
const browser = () => new BrowserClient(listening.server);
async function signedIn(role?: PersonRole, organisationId?: string) {
  const client = browser();
  const link = await invite(role, organisationId);
  await client.signInByLink(link);
  return { client, personId: link.personId };
}
const bearer = (token: string, route: RouteName, parts = {}) =>
  browser().call(route, parts, {
    headers: { authorization: `Bearer ${token}`, origin: undefined, 'sec-fetch-site': undefined },
  });

describe('a person', () => {
  test('signs in by the link, adds a passkey, signs in by it elsewhere, and signs out', async () => {
    const [first, second] = [browser(), browser()];
    const link = await invite('auditor');
    expect(await first.signInByLink(link)).toMatchObject({
      person: { personId: link.personId, role: 'auditor', enrolledAt: null },
      passkeys: [],
    });
    expect(first.setCookies[0]).toMatch(
      /^hanse=[A-Za-z0-9_-]{43}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const authenticator = await first.addPasskey();
    expectSuccess(await second.signInByPasskey(authenticator));
    const self = expectSuccess(await second.call('getSelf')).json as Self;
    expect(self.passkeys).toHaveLength(1);
    expectSuccess(await second.call('listMembers'));
    const { sessions } = expectSuccess(await second.call('listOwnSessions')).json as Sessions;
    expect(sessions.map(({ method, isThis }) => [method, isThis])).toEqual([
      ['link', false],
      ['passkey', true],
    ]);
    const kept = new Map(second.cookies);
    expectSuccess(await second.call('signOut'));
    expect(second.cookies.size).toBe(0);
    expectProblem(await second.call('getSelf'), 'signatureMissing', 401);
    for (const [name, value] of kept) second.cookies.set(name, value);
    expectProblem(await second.call('getSelf'), 'sessionEnded', 401);
    expectSuccess(await first.call('getSelf'));
  });

  test('ends another of its sessions, and no session of anybody else', async () => {
    const mine = await signedIn();
    const also = browser();
    expectSuccess(await also.signInByPasskey(await mine.client.addPasskey()));
    const theirs = await signedIn();
    const { sessions } = (await theirs.client.call('listOwnSessions')).json as Sessions;
    for (const sessionId of [sessions[0]?.sessionId ?? '', '0'.repeat(32)])
      expectProblem(await also.call('endOwnSession', { params: { sessionId } }), 'sessionUnknown', 404);
    const own = (await also.call('listOwnSessions')).json as Sessions;
    const other = own.sessions.find(({ isThis }) => !isThis)?.sessionId ?? '';
    expectSuccess(await also.call('endOwnSession', { params: { sessionId: other } }));
    expectProblem(await mine.client.call('getSelf'), 'sessionEnded', 401);
    expectSuccess(await theirs.client.call('getSelf'));
  });

  test('whose sessions an operator ends may sign in again; whom one revokes may not', async () => {
    const { operator } = listening.federation;
    const { client, personId } = await signedIn();
    const authenticator = await client.addPasskey();
    const params = { personId };
    expectSuccess(await listening.call(operator, 'endPersonSessions', { params }));
    expectProblem(await client.call('getSelf'), 'sessionEnded', 401);
    expectSuccess(await client.signInByPasskey(authenticator));
    expectSuccess(await client.call('getSelf'));
    expectSuccess(await listening.call(operator, 'revokePerson', { params, body: { reason: 'left' } }));
    expectProblem(await client.call('getSelf'), 'sessionEnded', 401);
    client.cookies.clear();
    expectProblem(await client.signInByPasskey(authenticator), 'passkeyUnknown', 404);
  });

  test('with a name like that of another is shown by the id', async () => {
    const { operator } = listening.federation;
    const called = async (handle: string, name: string) => {
      const body = { organisationId: 'hansa', role: 'partner', handle, name, lifetimeSeconds: 60 };
      expectSuccess(await listening.call(operator, 'invitePerson', { body }));
    };
    await called('ada', 'Ada');
    await called('eve', 'Аda');
    await called('bob', 'Bob');
    const { people } = (await listening.call(operator, 'listPeople')).json as { people: Person[] };
    const shown = (handle: string) => people.find((person) => person.handle === handle);
    expect(shown('ada')?.shownAs).toBe('Ada');
    expect(shown('bob')?.shownAs).toBe('Bob');
    expect(shown('eve')?.shownAs).toBe(shown('eve')?.personId);
  });
});

describe('what a body says beside what it is asked', () => {
  test.each<[RouteName, object, object]>([
    ['invitePerson', { personId: '1'.repeat(32) }, {}],
    ['invitePerson', { enrolledAt: '2026-01-01T00:00:00.000Z' }, {}],
    ['invitePerson', { role: 'administrator' }, {}],
    ['invitePerson', { role: 'оperator' }, {}],
    ['invitePerson', { role: 'participant' }, {}],
    ['invitePerson', { handle: 'аda' }, {}],
  ])('%s with %j is refused', async (route, odd) => {
    const { operator } = listening.federation;
    invited += 1;
    const sound = { organisationId: 'hansa', role: 'partner', name: 'Bob', lifetimeSeconds: 60 };
    const body = { ...sound, handle: `p${invited}` };
    expectProblem(await listening.call(operator, route, { body: { ...body, ...odd } }), 'invalidFormat', 400);
    expectSuccess(await listening.call(operator, route, { body }));
  });

  test('a person gives itself no role, and issues no token for somebody else', async () => {
    const { client, personId } = await signedIn('auditor');
    const other = await signedIn('operator');
    const body = { name: 'x', scopes: ['listJobs'], lifetimeSeconds: 60 };
    for (const odd of [{ personId: other.personId }, { role: 'operator' }, { organisationId: 'operator' }])
      expectProblem(await client.call('createOwnToken', { body: { ...body, ...odd } }), 'invalidFormat', 400);
    const mine = expectSuccess(await client.call('createOwnToken', { body })).json as IssuedToken;
    expect(mine.personId).toBe(personId);
    expectProblem(
      await client.call('createToken', { body: { ...body, personId: other.personId } }),
      'accessRefused',
      403,
    );
  });
});

describe('a session', () => {
  test('that was idle for too long is over', async () => {
    const { client } = await signedIn();
    await listening.federation.clock.advance(IDLE_MS - 1);
    expectSuccess(await client.call('getSelf'));
    await listening.federation.clock.advance(IDLE_MS);
    expectProblem(await client.call('getSelf'), 'sessionEnded', 401);
  });

  test('is not fixed by whoever plants a cookie: a sign-in gives another', async () => {
    const client = browser();
    const planted = 'A'.repeat(43);
    client.cookies.set('hanse', planted);
    await client.signInByLink(await invite());
    expect(client.cookies.get('hanse')).not.toBe(planted);
    const thief = browser();
    thief.cookies.set('hanse', planted);
    expectProblem(await thief.call('getSelf'), 'sessionEnded', 401);
    expectSuccess(await client.call('getSelf'));
  });

  test('of another that was planted is not taken over: it ends', async () => {
    const attacker = await signedIn();
    const victim = browser();
    victim.cookies.set('hanse', attacker.client.cookies.get('hanse') ?? '');
    const self = await victim.signInByLink(await invite());
    expect(self.person.personId).not.toBe(attacker.personId);
    expectProblem(await attacker.client.call('getSelf'), 'sessionEnded', 401);
  });

  test('that is stolen ends for the thief too once its person signs out', async () => {
    const { client } = await signedIn();
    const thief = browser();
    thief.cookies.set('hanse', client.cookies.get('hanse') ?? '');
    expectSuccess(await thief.call('getSelf')); // it is bound to nothing else
    expectSuccess(await client.call('signOut'));
    expectProblem(await thief.call('getSelf'), 'sessionEnded', 401);
  });

  test('that is a quarter of an hour old gives no credentials that would outlast it', async () => {
    const { client } = await signedIn();
    const authenticator = await client.addPasskey();
    const body = { name: 'x', scopes: ['listJobs'], lifetimeSeconds: 60 };
    await listening.federation.clock.advance(FRESH_MS - 1);
    expectSuccess(await client.call('createOwnToken', { body }));
    await listening.federation.clock.advance(1);
    const { credentialId } = authenticator;
    for (const [route, parts] of [
      ['createOwnToken', { body }],
      ['startPasskey', {}],
      ['removePasskey', { params: { credentialId } }],
    ] as const)
      expectProblem(await client.call(route, parts), 'sessionStale', 403);
    expectSuccess(await client.call('listOwnTokens'));
    expectSuccess(await client.signInByPasskey(authenticator));
    expectSuccess(await client.call('startPasskey'));
  });

  test('is in no answer, but in the cookie that it is set by', async () => {
    const client = browser();
    const { token } = await invite();
    const answer = expectSuccess(await client.call('signInByLink', { body: { token } }));
    const secret = client.cookies.get('hanse') ?? '';
    expect(JSON.stringify(answer.json)).not.toContain(secret);
    expect(JSON.stringify((await client.call('listOwnSessions')).json)).not.toContain(secret);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });
});

describe('a request from a page of another site', () => {
  const FOREIGN: readonly Record<string, string | undefined>[] = [
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    { 'sec-fetch-site': 'same-site', origin: 'http://localhost:1' },
    { 'sec-fetch-site': undefined, origin: 'https://evil.example' },
    { 'sec-fetch-site': undefined, origin: 'null' },
    { 'sec-fetch-site': undefined, origin: undefined },
  ];

  test('changes nothing with the cookie of a session', async () => {
    const { client } = await signedIn('operator');
    const body = { organisationId: 'hansa', role: 'participant', lifetimeSeconds: 60 };
    for (const headers of FOREIGN)
      expectProblem(await client.call('createInvite', { body }, { headers }), 'originRefused', 403);
    expectSuccess(await client.call('createInvite', { body }));
    const direct = { 'sec-fetch-site': undefined };
    expectSuccess(await client.call('createInvite', { body }, { headers: direct }));
  });

  test('reads nothing either, and needs the header that no form can set', async () => {
    const { client } = await signedIn();
    const [headers = {}] = FOREIGN;
    expectProblem(await client.call('listJobs', {}, { headers }), 'originRefused', 403);
    const formLike = { 'hanse-protocol': undefined };
    expectProblem(await client.call('listJobs', {}, { headers: formLike }), 'versionUnsupported', 400);
    expectSuccess(await client.call('listJobs'));
  });

  test('as a form would send it is no JSON', async () => {
    const { client } = await signedIn('operator');
    const body = { organisationId: 'hansa', role: 'participant', lifetimeSeconds: 60 };
    const headers = { 'content-type': 'text/plain' };
    expectProblem(await client.call('createInvite', { body }, { headers }), 'mediaTypeUnsupported', 415);
  });

  test('signs nobody in', async () => {
    const client = browser();
    const link = await invite();
    for (const headers of FOREIGN) {
      const answer = await client.call('signInByLink', { body: { token: link.token } }, { headers });
      expectProblem(answer, 'originRefused', 403);
      expectProblem(await client.call('startSignIn', {}, { headers }), 'originRefused', 403);
    }
    expect(client.cookies.size).toBe(0);
    await client.signInByLink(link);
  });
});

describe('a passkey', () => {
  test('is of this origin: one that was used at another is refused', async () => {
    const { client } = await signedIn();
    const authenticator = await client.addPasskey();
    const { json } = await client.call('startSignIn');
    const options = json as Parameters<SoftwareAuthenticator['sign']>[0];
    expect(options.rpId).toBe('localhost');
    for (const odd of [{ origin: 'http://localhost:1' }, { rpId: 'evil.example' }, { crossOrigin: true }]) {
      const body = await authenticator.sign(options, odd);
      expectProblem(await client.call('signInByPasskey', { body }), 'passkeyRefused', 401);
    }
    const body = await authenticator.sign(options);
    expectSuccess(await client.call('signInByPasskey', { body }));
  });

  test('whose answer is replayed opens no second session', async () => {
    const { client } = await signedIn();
    const authenticator = await client.addPasskey(
      await SoftwareAuthenticator.make(client.origin, { counts: false }),
    );
    const other = browser();
    const { json } = await other.call('startSignIn');
    const pending = other.cookies.get('hanse-pending') ?? '';
    const body = await authenticator.sign(json as Parameters<SoftwareAuthenticator['sign']>[0]);
    expectSuccess(await other.call('signInByPasskey', { body }));
    expect(other.cookies.has('hanse-pending')).toBe(false);
    expectProblem(await other.call('signInByPasskey', { body }), 'passkeyRefused', 401);
    const thief = browser();
    thief.cookies.set('hanse-pending', pending);
    expectProblem(await thief.call('signInByPasskey', { body }), 'passkeyRefused', 401);
  });

  test('of somebody else cannot be removed', async () => {
    const [mine, theirs] = [await signedIn(), await signedIn()];
    const { credentialId } = await theirs.client.addPasskey();
    await mine.client.addPasskey();
    const params = { credentialId };
    expectProblem(await mine.client.call('removePasskey', { params }), 'passkeyUnknown', 404);
    expectProblem(await theirs.client.call('removePasskey', { params }), 'passkeyLast', 409);
  });
});

describe('an API token', () => {
  const issue = async (client: BrowserClient, scopes: readonly string[]) => {
    const body = { name: 'nightly', scopes, lifetimeSeconds: 3600 };
    return expectSuccess(await client.call('createOwnToken', { body })).json as IssuedToken;
  };

  test('may what it names and its person may, and nothing else', async () => {
    const { client } = await signedIn('auditor');
    const { token } = await issue(client, ['listJobs', 'inviteMember']);
    expectSuccess(await bearer(token, 'listJobs'));
    expectSuccess(await client.call('listMembers'));
    expectProblem(await bearer(token, 'listMembers'), 'accessRefused', 403); // not named
    const invitation = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 };
    expectProblem(await bearer(token, 'createInvite', { body: invitation }), 'accessRefused', 403); // not permitted
  });

  test('makes itself no wider token, adds no passkey and opens no session, whatever it names', async () => {
    const { client, personId } = await signedIn('operator');
    const { token } = await issue(client, ['manageOwnAccount', 'listJobs']);
    const body = { name: 'wider', scopes: Object.keys(ACTIONS), lifetimeSeconds: 3600 };
    for (const [route, parts] of [
      ['createOwnToken', { body }],
      ['createToken', { body: { ...body, personId } }],
      ['startPasskey', {}],
      ['listOwnTokens', {}],
      ['getSelf', {}],
    ] as const)
      expectProblem(await bearer(token, route, parts), 'accessRefused', 403);
    expectSuccess(await bearer(token, 'listJobs'));
  });

  test('is listed without what it is, and revoked by its person alone or an operator', async () => {
    const [mine, theirs, operator] = [await signedIn(), await signedIn(), await signedIn('operator')];
    const issued = await issue(mine.client, ['listJobs']);
    expectSuccess(await bearer(issued.token, 'listJobs'));
    const { json } = expectSuccess(await mine.client.call('listOwnTokens'));
    expect((json as Tokens).tokens).toMatchObject([
      { tokenId: issued.tokenId, lastUsed: expect.any(String) },
    ]);
    expect(JSON.stringify(json)).not.toContain(issued.token.slice(6));
    expect(((await theirs.client.call('listOwnTokens')).json as Tokens).tokens).toEqual([]);
    const params = { tokenId: issued.tokenId };
    expectProblem(await theirs.client.call('revokeOwnToken', { params }), 'tokenUnknown', 404);
    expectProblem(await theirs.client.call('revokeToken', { params }), 'accessRefused', 403);
    expectSuccess(await operator.client.call('revokeToken', { params }));
    expectProblem(await bearer(issued.token, 'listJobs'), 'tokenRefused', 401);
  });

  test('of wrong form, or in a wrong place, is refused', async () => {
    const { client } = await signedIn();
    const { token, tokenId } = await issue(client, ['listJobs']);
    for (const wrong of [`${token}A`, token.slice(6), tokenId, 'hanse_', token.toUpperCase()])
      expectProblem(await bearer(wrong, 'listJobs'), 'tokenRefused', 401);
    const basic = { headers: { authorization: `Basic ${token}` } };
    expectProblem(await browser().call('listJobs', {}, basic), 'signatureMissing', 401); // none of ours
    const odd = { headers: { authorization: `Bearer ${token} ${token}` } };
    expectProblem(await browser().call('listJobs', {}, odd), 'tokenRefused', 401);
    expectProblem(await bearer(token, 'nextTasks'), 'signatureMissing', 401); // for nodes alone
    expectSuccess(await bearer(token, 'listJobs'));
  });
});

test('a person sees the jobs of its organisation, their content and the log, and of others not that there is one', async () => {
  const { federation } = listening;
  const author = await federation.enrol('author', 'researcher', 'own.example');
  await federation.storeContent();
  const manifest = federation.manifest({ cohort: { size: 8, minimum: 8 } });
  const { jobId } = await federation.call('createJob', author, { body: manifest });
  const [mine, theirs, auditor] = [
    await signedIn('researcher', 'own.example'),
    await signedIn('researcher', 'other.example'),
    await signedIn('auditor', 'audit.example'),
  ];
  const listed = async ({ client }: typeof mine) =>
    ((await client.call('listJobs')).json as { jobs: { jobId: string }[] }).jobs.map((job) => job.jobId);
  const content = { params: { sha256: manifest.initialModel } };
  for (const one of [mine, auditor]) {
    expectSuccess(await one.client.call('getJob', { params: { jobId } }));
    expect(await listed(one)).toContain(jobId);
    const told = await one.client.call('getBlob', content);
    expect([told.status, told.headers.get('cache-control')]).toEqual([200, 'no-store']);
  }
  // A node keeps what it has fetched; a browser would keep it for whoever sits there next.
  const fetched = await listening.call(author, 'getBlob', content);
  expect(fetched.headers.get('cache-control')).toContain('immutable');
  expectProblem(await theirs.client.call('getJob', { params: { jobId } }), 'jobUnknown', 404);
  expectProblem(await theirs.client.call('cancelJob', { params: { jobId } }), 'jobUnknown', 404);
  expectProblem(await theirs.client.call('getBlob', content), 'blobUnknown', 404);
  expect(await listed(theirs)).not.toContain(jobId);
  expectProblem(await auditor.client.call('cancelJob', { params: { jobId } }), 'accessRefused', 403);
  expectSuccess(await mine.client.call('cancelJob', { params: { jobId } }));
});

test('a request with more than one of signature, session and token is refused', async () => {
  const { federation, server } = listening;
  const { client } = await signedIn('operator');
  const body = { name: 'x', scopes: ['listJobs'], lifetimeSeconds: 60 };
  const { token } = (await client.call('createOwnToken', { body })).json as IssuedToken;
  const authorization = `Bearer ${token}`;
  const ambiguous = (answer: Answer) => expectProblem(answer, 'credentialsAmbiguous', 400);
  ambiguous(await client.call('listJobs', {}, { headers: { authorization } }));
  const cookie = `hanse=${client.cookies.get('hanse')}`;
  for (const more of [{ cookie }, { authorization }]) {
    const request = await signed(federation.operator, federation.clock, 'listJobs');
    Object.assign(request.headers, more);
    ambiguous(await send(server, request));
  }
  const alone = await signed(federation.operator, federation.clock, 'listJobs');
  expectSuccess(await send(server, alone));
});

test('a person is a caller in each role as policies say, route by route', async () => {
  const authorizer = Authorizer.ofDefaults();
  const federation = { type: 'Federation', id: listening.federation.coordinator.federation.id } as const;
  const params = {
    ...{ nodeId: '0'.repeat(32), organisationId: 'nobody.example', jobId: 'job-0000000000000000' },
    ...{ version: '9', personId: '0'.repeat(32), tokenId: '0'.repeat(32), sessionId: '0'.repeat(32) },
    credentialId: '0'.repeat(32),
  };
  const seen = { permitted: 0, refused: 0 };
  for (const role of ['operator', 'partner', 'researcher', 'auditor'] as const) {
    const { client, personId } = await signedIn(role, 'own.example');
    const who = { kind: 'person', id: personId, organisationId: 'own.example', role } as const;
    for (const [name, route] of Object.entries(ROUTES) as [RouteName, Route][]) {
      if (!isDecided(route) || name === 'signOut') continue;
      const answer = await client.call(name, {
        params: { ...params, ...PLACES },
        body: route.body ? {} : undefined,
      });
      if (route.access === 'member') {
        expectProblem(answer, 'signatureMissing', 401);
        continue;
      }
      const action = route.action as ActionName;
      if (ACTIONS[action].on !== 'Federation') {
        expect([404], `${role} ${name}`).toContain(answer.status);
        continue;
      }
      const isPermitted = authorizer.decide(who, action, federation).isPermitted;
      seen[isPermitted ? 'permitted' : 'refused'] += 1;
      if (isPermitted) expect([200, 400, 404, 409], `${role} ${name}`).toContain(answer.status);
      else expectProblem(answer, 'accessRefused', 403);
    }
  }
  expect(Math.min(seen.permitted, seen.refused)).toBeGreaterThan(20);
});

/** Whatever else a path has room for. */
const PLACES = {
  ...{ sha256: '0'.repeat(64), base: '1'.repeat(64), round: '1', attempt: '1', uploadId: '0'.repeat(32) },
  ...{ offset: '0', signature: '0'.repeat(128), place: '000', streamId: '0'.repeat(32) },
};

test('with TLS before it a browser keeps the session under a name that no other host can set', async () => {
  const others = await listeningApp({ participants: 0 });
  const { people } = others.federation.coordinator;
  people.servedAt(webOriginOf('https://hanse.example', others.server));
  const body = { organisationId: 'hansa', role: 'auditor', handle: 'ada', name: 'Ada', lifetimeSeconds: 60 };
  const { json } = expectSuccess(await others.call(others.federation.operator, 'invitePerson', { body }));
  const client = new BrowserClient(others.server, 'https://hanse.example');
  await client.signInByLink(json as PersonLink);
  expect(client.setCookies[0]).toMatch(
    /^__Host-hanse=[A-Za-z0-9_-]{43}; Max-Age=28800; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  expectSuccess(await client.call('getSelf'));
  const local = new BrowserClient(others.server, others.server);
  for (const [name, value] of client.cookies) local.cookies.set(name, value);
  expectProblem(await local.call('signOut'), 'originRefused', 403);
  await others.close();
});
