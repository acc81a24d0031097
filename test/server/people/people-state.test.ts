import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PersonEvent } from '../../../schemas/person-event.ts';
import { foldPeople, NO_PEOPLE, type PeopleState } from '../../../server/people/people-state.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const id = (digit: number | string, length = 64) => String(digit).repeat(length).slice(0, length);
const who = (person: number) => id(person, 32);
const NODE = id('a', 32);

const invited = (person: number, handle = `p${person}`): PersonEvent => ({
  ...{ type: 'personInvited', personId: who(person), organisationId: 'hansa', role: 'researcher' },
  ...{ handle, name: 'Ada', by: NODE },
});
const linked = (person: number, link: number): PersonEvent => ({
  ...{ type: 'linkIssued', linkSha256: id(link), personId: who(person), expiresAt: at(59), by: NODE },
});
const spent = (person: number, link: number): PersonEvent => ({
  ...{ type: 'linkSpent', linkSha256: id(link), personId: who(person) },
});
const credential = (number: number) => ({
  ...{ credentialId: id(number, 22), publicKey: 'pQ', counter: 0, isBackedUp: false },
});
const enrolled = (person: number, passkey: number): PersonEvent => ({
  ...{ type: 'personEnrolled', personId: who(person), credential: credential(passkey) },
});
const added = (person: number, passkey: number): PersonEvent => ({
  ...{ type: 'credentialAdded', personId: who(person), credential: credential(passkey) },
});
const removed = (person: number, passkey: number): PersonEvent => ({
  ...{ type: 'credentialRemoved', personId: who(person), credentialId: id(passkey, 22) },
});
const revoked = (person: number): PersonEvent => ({
  ...{ type: 'personRevoked', personId: who(person), reason: 'left', by: NODE },
});
const issued = (person: number, token: number): PersonEvent => ({
  ...{ type: 'tokenIssued', tokenId: id(token, 32), tokenSha256: id(token), personId: who(person) },
  ...{ name: 'script', scopes: ['listJobs'], expiresAt: at(59), by: NODE },
});
const tokenRevoked = (token: number): PersonEvent => ({
  ...{ type: 'tokenRevoked', tokenId: id(token, 32), by: NODE },
});

const stateAfter = (...events: readonly PersonEvent[]) =>
  events.reduce((state, event, index) => foldPeople(state, event, at(index)), NO_PEOPLE);

test('a person comes with an invitation, is enrolled with the first passkey, and goes with all that is theirs', () => {
  const state = stateAfter(invited(1), linked(1, 5), spent(1, 5), enrolled(1, 7), added(1, 8), issued(1, 9));
  expect(state.people.get(who(1))).toMatchObject({ handle: 'p1', enrolledAt: at(3), revokedAt: null });
  expect([...state.credentials.keys()]).toEqual([id(7, 22), id(8, 22)]);
  expect(state.links.get(id(5))?.spentAt).toBe(at(2));
  const gone = foldPeople(state, revoked(1), at(10));
  expect(gone.people.get(who(1))).toMatchObject({ revokedAt: at(10), credentials: [] });
  expect([...gone.credentials, ...gone.handles]).toEqual([]);
  expect(gone.tokens.get(id(9, 32))?.revokedAt).toBe(at(10));
  expect(foldPeople(gone, invited(2, 'p1'), at(11)).handles.get('p1')).toBe(who(2));
});

test('a new link takes the place of the one before, where nobody has used that', () => {
  expect([...stateAfter(invited(1), linked(1, 5), linked(1, 6)).links.keys()]).toEqual([id(6)]);
  expect([...stateAfter(invited(1), invited(2), linked(1, 5), linked(2, 6)).links.keys()]).toEqual([
    id(5),
    id(6),
  ]);
});

describe('an event that cannot follow is refused', () => {
  const sound = [invited(1), linked(1, 5), spent(1, 5), enrolled(1, 7), issued(1, 9)];
  test.each<[string, PersonEvent[], PersonEvent]>([
    ['a person twice', [invited(1)], invited(1, 'other')],
    ['a handle twice', [invited(1)], invited(2, 'p1')],
    ['a link for nobody', [], linked(1, 5)],
    ['a link twice', [invited(1), linked(1, 5), spent(1, 5)], linked(1, 5)],
    ['a link spent twice', [invited(1), linked(1, 5), spent(1, 5)], spent(1, 5)],
    ['a link spent by another', [invited(1), invited(2), linked(1, 5)], spent(2, 5)],
    ['a link that is not there', [invited(1)], spent(1, 5)],
    ['enrolled twice', sound, enrolled(1, 8)],
    ['a second passkey before the first', [invited(1)], added(1, 8)],
    ['a passkey of two', [...sound, invited(2)], enrolled(2, 7)],
    ['the last passkey removed', sound, removed(1, 7)],
    ['a passkey of nobody removed', sound, removed(1, 8)],
    ['revoked twice', [...sound, revoked(1)], revoked(1)],
    ['a link for the revoked', [...sound, revoked(1)], linked(1, 6)],
    ['a passkey for the revoked', [...sound, revoked(1)], added(1, 8)],
    ['a token for the revoked', [...sound, revoked(1)], issued(1, 8)],
    ['a token twice', sound, issued(1, 9)],
    ['a token revoked twice', [...sound, tokenRevoked(9)], tokenRevoked(9)],
    ['no token revoked', [], tokenRevoked(9)],
  ])('%s', (_, before, event) => {
    expect(() => stateAfter(...before)).not.toThrow();
    expect(() => stateAfter(...before, event)).toThrow();
  });
});

/** What holds of each state that events have led to. */
function faultsOf({ people, handles, credentials, links, tokens, tokensByHash }: PeopleState): string[] {
  const faults: string[] = [];
  const active = [...people.values()].filter(({ revokedAt }) => revokedAt === null);
  const isActive = (personId: string) => active.some((person) => person.personId === personId);
  if (handles.size !== active.length) faults.push('handles');
  for (const [handle, personId] of handles)
    if (people.get(personId)?.handle !== handle || !isActive(personId)) faults.push('handle');
  const held = [...people.values()].flatMap(({ personId, credentials: own }) =>
    own.map(({ credentialId }) => [credentialId, personId] as const),
  );
  if (held.length !== credentials.size) faults.push('passkeys');
  for (const [credentialId, personId] of held)
    if (credentials.get(credentialId) !== personId || !isActive(personId)) faults.push('passkey');
  for (const { enrolledAt, credentials: own } of active)
    if ((enrolledAt !== null) !== own.length > 0) faults.push('enrolled');
  for (const { personId } of active)
    if ([...links.values()].filter((link) => link.personId === personId && link.spentAt === null).length > 1)
      faults.push('links');
  for (const { tokenId, tokenSha256, personId, revokedAt } of tokens.values())
    if (tokensByHash.get(tokenSha256) !== tokenId || (revokedAt === null && !isActive(personId)))
      faults.push('token');
  return faults;
}

test('whatever comes in whatever order: what is accepted leaves a sound state', () => {
  const few = fc.integer({ min: 1, max: 3 });
  const event = fc.oneof(
    fc.tuple(few, few).map(([person, handle]) => invited(person, `p${handle}`)),
    ...[linked, spent, enrolled, added, removed, issued].map((make) =>
      fc.tuple(few, few).map(([person, other]) => make(person, other)),
    ),
    few.map(tokenRevoked),
    few.map(revoked),
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(event, { minLength: 30, maxLength: 40, size: 'max' }), (events) => {
      let state = NO_PEOPLE;
      for (const [index, one] of events.entries()) {
        try {
          state = foldPeople(state, one, at(index));
          accepted += 1;
        } catch {
          continue;
        }
        expect(faultsOf(state)).toEqual([]);
      }
    }),
    { numRuns: 100 },
  );
  expect(accepted).toBeGreaterThan(500);
  const broken = stateAfter(invited(1), enrolled(1, 7));
  expect(faultsOf({ ...broken, credentials: new Map() })).toEqual(['passkeys', 'passkey']);
});
