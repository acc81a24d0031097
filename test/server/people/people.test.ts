// covers: server/people/person-decisions.ts, server/people/token-decisions.ts, server/people/sign-in-challenge.ts
import { beforeEach, describe, expect, test } from 'vitest';
import type { PersonLink, PersonRole } from '../../../schemas/person.ts';
import type { People } from '../../../server/people/people.ts';
import { CookieJar } from '../../../server/people/session-cookie.ts';
import { webOriginOf } from '../../../server/people/web-origin.ts';
import { TestFederation } from '../../fixtures/federation.ts';
import { SoftwareAuthenticator } from '../../fixtures/software-authenticator.ts';

const ORIGIN = 'https://hanse.example';
const ACTIONS = new Set(['listJobs', 'getJob']);

let federation: TestFederation;
let operator: string;
const people = (): People => {
  const { people: all } = federation.coordinator;
  all.servedAt(webOriginOf(ORIGIN, ORIGIN));
  return all;
};
beforeEach(async () => {
  federation = await TestFederation.open({ participants: 1 });
  operator = federation.operator.nodeId;
});

/** A browser: it sends what it was given. */
class Browser {
  readonly kept = new Map<string, string>();

  async visit<Answer>(ask: (cookies: CookieJar) => Answer | Promise<Answer>): Promise<Answer> {
    const sent = [...this.kept].map(([name, value]) => `${name}=${value}`).join('; ');
    const jar = new CookieJar(sent, true);
    try {
      return await ask(jar);
    } finally {
      for (const cookie of jar.answers) {
        const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(cookie) ?? [];
        if (/Max-Age=0/.test(cookie)) this.kept.delete(name);
        else this.kept.set(name, value);
      }
    }
  }

  get session(): string {
    return this.kept.get('__Host-hanse') ?? '';
  }
}

const invite = (handle = 'ada', role: PersonRole = 'researcher', organisationId = 'hansa') =>
  people().invite(
    { organisationId, role, handle, name: `Name of ${handle}`, lifetimeSeconds: 3600 },
    operator,
  );
const byLink = (browser: Browser, { token }: Pick<PersonLink, 'token'>) =>
  browser.visit((cookies) => people().signInByLink(token, cookies));
const byPasskey = (browser: Browser, authenticator: SoftwareAuthenticator) =>
  browser
    .visit(async (cookies) => {
      const options = people().startSignIn(cookies);
      return options;
    })
    .then(async (options) => {
      const assertion = await authenticator.sign(options);
      return browser.visit((cookies) => people().signInByPasskey(assertion, cookies));
    });
async function enrol(browser: Browser, link: PersonLink): Promise<SoftwareAuthenticator> {
  await byLink(browser, link);
  const authenticator = await SoftwareAuthenticator.make(ORIGIN);
  const options = await browser.visit((cookies) => people().startPasskey(link.personId, cookies));
  const registration = await authenticator.register(options);
  await browser.visit((cookies) => people().addPasskey(link.personId, registration, cookies));
  return authenticator;
}
const problem = (code: string) => expect.objectContaining({ code });

describe('a person', () => {
  test('is invited, signs in by the link, adds a passkey, and signs in by that from then on', async () => {
    const [first, second] = [new Browser(), new Browser()];
    const link = await invite();
    const authenticator = await enrol(first, link);
    const session = await byPasskey(second, authenticator);
    expect(session).toMatchObject({ personId: link.personId, method: 'passkey' });
    expect(first.kept.size).toBe(1); // nothing is pending
    await federation.reopen();
    for (const browser of [first, second])
      expect((await people().ofSession(browser.session)).person).toMatchObject({ handle: 'ada' });
    await byPasskey(second, authenticator);
  });

  test('has a handle of its own and a name in one normal form', async () => {
    await invite('ada');
    await expect(invite('ada')).rejects.toEqual(problem('handleTaken'));
    const odd = { organisationId: 'hansa', role: 'auditor', handle: 'bob', lifetimeSeconds: 60 } as const;
    for (const name of ['Jo\u0308rg', ' Bob', 'Bob '])
      await expect(people().invite({ ...odd, name }, operator)).rejects.toEqual(problem('invalidFormat'));
    await expect(people().invite({ ...odd, name: 'Jörg' }, operator)).resolves.toBeDefined();
  });

  test('that is revoked has no session, no passkey, no link and no token, at once and for good', async () => {
    const browser = new Browser();
    const link = await invite();
    const authenticator = await enrol(browser, link);
    const request = { personId: link.personId, name: 'x', scopes: ['listJobs'], lifetimeSeconds: 60 };
    const { token } = await people().issueToken(request, ACTIONS, link.personId);
    const another = await people().link(link.personId, 3600, operator);
    expect((await people().ofToken(token)).person.personId).toBe(link.personId);
    await people().revoke(link.personId, 'left', operator);
    await people().revoke(link.personId, 'left', operator);
    for (const _ of ['now', 'after a restart']) {
      await expect(people().ofSession(browser.session)).rejects.toEqual(problem('sessionEnded'));
      await expect(people().ofToken(token)).rejects.toEqual(problem('tokenRefused'));
      await expect(byLink(new Browser(), another)).rejects.toEqual(problem('linkUnknown'));
      await expect(byPasskey(new Browser(), authenticator)).rejects.toEqual(problem('passkeyUnknown'));
      await federation.reopen();
    }
    await expect(people().revoke(link.personId, 'left', link.personId)).rejects.toEqual(
      problem('invalidFormat'),
    );
    await expect(people().revoke('0'.repeat(32), 'left', operator)).rejects.toEqual(problem('personUnknown'));
  });

  test('goes with the organisation', async () => {
    const [mine, theirs] = [new Browser(), new Browser()];
    const link = await invite('ada', 'partner', 'hansa');
    await byLink(mine, link);
    await byLink(theirs, await invite('bob', 'auditor', 'elsewhere'));
    await federation.coordinator.federation.revokeOrganisation('hansa', 'left', operator);
    await expect(people().ofSession(mine.session)).rejects.toEqual(problem('memberRevoked'));
    await federation.coordinator.dismissRevoked();
    await expect(people().ofSession(mine.session)).rejects.toEqual(problem('sessionEnded'));
    await expect(invite('eve', 'partner', 'hansa')).rejects.toEqual(problem('memberRevoked'));
    await expect(people().link(link.personId, 60, operator)).rejects.toEqual(problem('memberRevoked'));
    expect(await people().ofSession(theirs.session)).toBeDefined();
  });
});

describe('a link', () => {
  test('works once, also for many at one moment, and after a restart not again', async () => {
    const link = await invite();
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => byLink(new Browser(), link)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(problem('linkSpent'));
    await federation.reopen();
    await expect(byLink(new Browser(), link)).rejects.toEqual(problem('linkSpent'));
  });

  test('whose use was written before a kill stays spent, and one whose was not still works', async () => {
    for (const [kill, outcome] of [
      ['before', undefined],
      ['after', 'linkSpent'],
    ] as const) {
      const link = await invite(kill);
      const { store } = federation;
      const append = store.append.bind(store);
      store.append = async (...args) => {
        if (kill === 'after') await append(...args);
        throw new Error('killed');
      };
      await expect(byLink(new Browser(), link)).rejects.toThrow();
      await federation.reopen();
      const again = byLink(new Browser(), link);
      if (outcome) await expect(again).rejects.toEqual(problem(outcome));
      else await expect(again).resolves.toMatchObject({ personId: link.personId });
    }
  });

  test('expires, gives way to a newer one, and is nowhere in the records', async () => {
    const old = await invite();
    const link = await people().link(old.personId, 60, operator);
    await expect(byLink(new Browser(), old)).rejects.toEqual(problem('linkUnknown'));
    await federation.clock.advance(59_000);
    const records = JSON.stringify(await federation.store.readAll(0, 1000));
    expect(records).toContain('linkIssued');
    expect(records).not.toContain(link.token);
    await federation.clock.advance(1000);
    await expect(byLink(new Browser(), link)).rejects.toEqual(problem('linkExpired'));
    await expect(byLink(new Browser(), { token: 'A'.repeat(43) })).rejects.toEqual(problem('linkUnknown'));
    const fresh = await people().link(old.personId, 60, operator);
    await federation.clock.advance(59_999);
    await expect(byLink(new Browser(), fresh)).resolves.toBeDefined();
  });
});

describe('a passkey sign-in', () => {
  let authenticator: SoftwareAuthenticator;
  let browser: Browser;
  let personId: string;
  beforeEach(async () => {
    const link = await invite();
    ({ personId } = link);
    authenticator = await enrol(new Browser(), link);
    browser = new Browser();
  });
  const asked = () => browser.visit((cookies) => people().startSignIn(cookies));
  const answer = (assertion: Awaited<ReturnType<SoftwareAuthenticator['sign']>>, by = browser) =>
    by.visit((cookies) => people().signInByPasskey(assertion, cookies));

  test('takes an assertion once: a replayed one is refused, with the cookie that it came with too', async () => {
    const silent = await SoftwareAuthenticator.make(ORIGIN, { counts: false });
    const session = new Browser();
    await byPasskey(session, authenticator);
    const options = await session.visit((cookies) => people().startPasskey(personId, cookies));
    const registration = await silent.register(options);
    await session.visit((cookies) => people().addPasskey(personId, registration, cookies));
    for (const one of [authenticator, silent]) {
      const assertion = await one.sign(await asked());
      const pending = browser.kept.get('__Host-hanse-pending') ?? '';
      await expect(answer(assertion)).resolves.toMatchObject({ personId });
      await expect(answer(assertion)).rejects.toEqual(problem('passkeyRefused'));
      for (const _ of ['now', 'after a restart']) {
        browser.kept.set('__Host-hanse-pending', pending);
        await expect(answer(assertion)).rejects.toEqual(problem('passkeyRefused'));
        await federation.reopen();
      }
    }
  });

  test('of two that bring one assertion at one moment takes one', async () => {
    const silent = await SoftwareAuthenticator.make(ORIGIN, { counts: false });
    const options = await browser.visit((cookies) => people().startPasskey(personId, cookies));
    const registration = await silent.register(options);
    await browser.visit((cookies) => people().addPasskey(personId, registration, cookies));
    const assertion = await silent.sign(await asked());
    const outcomes = await Promise.allSettled([answer(assertion), answer(assertion)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('is of the browser that has asked, within two minutes, for what it has asked', async () => {
    const sound = await asked();
    await expect(answer(await authenticator.sign(sound), new Browser())).rejects.toEqual(
      problem('passkeyRefused'),
    );
    const other = new Browser();
    await other.visit((cookies) => people().startSignIn(cookies));
    await expect(answer(await authenticator.sign(sound), other)).rejects.toEqual(problem('passkeyRefused'));
    await federation.clock.advance(119_999);
    await expect(answer(await authenticator.sign(sound))).resolves.toMatchObject({ personId });
    const late = await asked();
    await federation.clock.advance(120_000);
    await expect(answer(await authenticator.sign(late))).rejects.toEqual(problem('passkeyRefused'));
    const registering = await browser.visit((cookies) => people().startPasskey(personId, cookies));
    const crossed = await authenticator.sign({ ...sound, challenge: registering.challenge });
    await expect(answer(crossed)).rejects.toEqual(problem('passkeyRefused'));
  });

  test('a pending cookie that says a later end is another challenge', async () => {
    const options = await asked();
    const [number = '', end = ''] = (browser.kept.get('__Host-hanse-pending') ?? '').split('.');
    for (const forged of [
      `${number}.${Number(end) - 1}`,
      `${number}.1e15`,
      `${number}.${end}0`,
      number,
      '.',
    ]) {
      browser.kept.set('__Host-hanse-pending', forged);
      await expect(answer(await authenticator.sign(options))).rejects.toEqual(problem('passkeyRefused'));
    }
    browser.kept.set('__Host-hanse-pending', `${number}.${end}`);
    await expect(answer(await authenticator.sign(options))).resolves.toBeDefined();
  });

  test('of an authenticator that was copied is refused once the other has counted on', async () => {
    const options = await asked();
    authenticator.counter = 10;
    await answer(await authenticator.sign(options));
    const again = await asked();
    await expect(answer(await authenticator.sign(again, { counter: 11 }))).rejects.toEqual(
      problem('passkeyRefused'),
    );
    await expect(answer(await authenticator.sign(again))).resolves.toBeDefined();
  });

  test('a registration that another person has asked for is refused, and a passkey is of one person', async () => {
    const bob = await invite('bob');
    const registering = await browser.visit((cookies) => people().startPasskey(bob.personId, cookies));
    const made = await SoftwareAuthenticator.make(ORIGIN);
    const registration = await made.register(registering);
    const add = (whose: string, one = registration) =>
      browser.visit((cookies) => people().addPasskey(whose, one, cookies));
    await expect(add(personId)).rejects.toEqual(problem('passkeyRefused'));
    await add(bob.personId);
    const mine = await browser.visit((cookies) => people().startPasskey(personId, cookies));
    await expect(add(personId, await made.register(mine))).rejects.toEqual(problem('passkeyRefused'));
  });

  test('passkeys go but for the last one', async () => {
    const { credentialId } = authenticator;
    await expect(people().removePasskey(personId, credentialId)).rejects.toEqual(problem('passkeyLast'));
    const options = await browser.visit((cookies) => people().startPasskey(personId, cookies));
    const second = await SoftwareAuthenticator.make(ORIGIN);
    const registration = await second.register(options);
    await browser.visit((cookies) => people().addPasskey(personId, registration, cookies));
    await people().removePasskey(personId, credentialId);
    await expect(people().removePasskey(personId, credentialId)).rejects.toEqual(problem('passkeyUnknown'));
    await expect(byPasskey(browser, authenticator)).rejects.toEqual(problem('passkeyUnknown'));
    await expect(byPasskey(browser, second)).resolves.toBeDefined();
  });
});

describe('an API token', () => {
  const issue = (personId: string, scopes: readonly string[] = ['listJobs'], lifetimeSeconds = 60) =>
    people().issueToken(
      { personId, name: 'nightly', scopes: [...scopes], lifetimeSeconds },
      ACTIONS,
      operator,
    );

  test('is good until it expires or is revoked, across restarts, and stored by its hash', async () => {
    const { personId } = await invite();
    const first = await issue(personId);
    const second = await issue(personId, ['getJob', 'listJobs'], 3600);
    expect(first.token).toMatch(/^hanse_[A-Za-z0-9_-]{43}$/);
    await federation.reopen();
    expect((await people().ofToken(first.token)).token.scopes).toEqual(['listJobs']);
    expect(JSON.stringify(await federation.store.readAll(0, 1000))).not.toContain(first.token.slice(6));
    await federation.clock.advance(60_000);
    await expect(people().ofToken(first.token)).rejects.toEqual(problem('tokenRefused'));
    expect((await people().ofToken(second.token)).person.personId).toBe(personId);
    await people().revokeToken(second.tokenId, operator);
    await people().revokeToken(second.tokenId, operator);
    await expect(people().ofToken(second.token)).rejects.toEqual(problem('tokenRefused'));
    await expect(people().ofToken(second.tokenId)).rejects.toEqual(problem('tokenRefused'));
  });

  test('is for actions that there are, of somebody that there is', async () => {
    const { personId } = await invite();
    for (const scopes of [['everything'], ['listJobs', '*'], ['constructor']])
      await expect(issue(personId, scopes)).rejects.toEqual(problem('invalidFormat'));
    await expect(issue('0'.repeat(32))).rejects.toEqual(problem('personUnknown'));
    await expect(issue(personId)).resolves.toBeDefined();
  });

  test('of another person cannot be ended, nor told from one that is not there', async () => {
    const [ada, bob] = [await invite('ada'), await invite('bob')];
    const { tokenId, token } = await issue(ada.personId);
    for (const id of [tokenId, '0'.repeat(32)])
      await expect(people().revokeToken(id, bob.personId, bob.personId)).rejects.toEqual(
        problem('tokenUnknown'),
      );
    expect(await people().ofToken(token)).toBeDefined();
    await people().revokeToken(tokenId, ada.personId, ada.personId);
  });

  test('fifty of a person are enough', async () => {
    const { personId } = await invite();
    for (let i = 0; i < 50; i += 1) await issue(personId);
    await expect(issue(personId)).rejects.toEqual(problem('overloaded'));
    await federation.clock.advance(60_000);
    await expect(issue(personId)).resolves.toBeDefined();
  });

  test('that is made and revoked again and again is refused in the end, since records keep each for good', async () => {
    const [ada, bob] = [await invite('ada'), await invite('bob')];
    for (let i = 0; i < 100; i += 1)
      await people().revokeToken((await issue(ada.personId)).tokenId, ada.personId, ada.personId);
    await expect(issue(ada.personId)).rejects.toEqual(problem('overloaded'));
    await expect(issue(bob.personId)).resolves.toBeDefined();
    await federation.clock.advance(600_000);
    await expect(issue(ada.personId)).resolves.toBeDefined();
    await expect(issue(ada.personId)).rejects.toEqual(problem('overloaded'));
  });
});

test('nobody signs in by a passkey before it is known where browsers find the coordinator', async () => {
  await federation.reopen();
  const { people: unserved } = federation.coordinator;
  expect(() => unserved.startSignIn(new CookieJar('', true))).toThrow(problem('overloaded'));
  expect(() => people().startSignIn(new CookieJar('', true))).not.toThrow();
});
