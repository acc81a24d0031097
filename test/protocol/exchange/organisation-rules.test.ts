import { expect, test } from 'vitest';
import {
  asksWhoIsThere,
  authorPermitted,
  excludedAbsent,
  knownPresent,
  whoIsThere,
} from '../../../protocol/exchange/organisation-rules.ts';
import type { NodePolicy } from '../../../schemas/node-policy.ts';
import { AT, directoryOf, organisationOf } from '../../fixtures/directory-maker.ts';
import { manifestOf } from '../../fixtures/manifest.ts';

const clinic = await organisationOf('clinic', ['a']);
const lab = await organisationOf('lab', ['b', 'c']);
const gone = { ...(await organisationOf('gone', ['d'])), revokedAt: AT };
const directory = await directoryOf([clinic, lab, gone]);
const STRANGER = '0'.repeat(32);
const nodeOf = ({ nodes }: typeof clinic, place = 0) => nodes[place]?.nodeId ?? '';
const NOW = Date.parse('2026-01-15T00:00:00Z');

const manifest = manifestOf('fed-0123456789abcdef');

function verdicts(
  policy: NodePolicy,
  createdBy: string | undefined,
  cohort: readonly string[],
  pinned = true,
) {
  const job = { cohort: [...cohort], ...(createdBy !== undefined && { createdBy }) };
  const there = whoIsThere(pinned ? directory : undefined, policy, job, NOW);
  const context = { at: NOW, examples: 1, secondsSpent: 0, ...there };
  const input = { policy, limits: {}, manifest, context };
  return [authorPermitted(input), knownPresent(input), excludedAbsent(input)];
}

const author = (policy: NodePolicy, createdBy: string | undefined, pinned = true) =>
  verdicts(policy, createdBy, [], pinned)[0]?.verdict;
const excluded = (policy: NodePolicy, cohort: readonly string[], pinned = true) =>
  verdicts(policy, undefined, cohort, pinned)[2]?.verdict;

test('an author is served by the id or the key of its organisation', () => {
  for (const organisations of [['lab'], [lab.publicKey], ['clinic', 'lab']]) {
    expect(author({ organisations }, nodeOf(lab))).toBe('permitted');
    expect(author({ organisations }, nodeOf(lab, 1))).toBe('permitted');
  }
  expect(author({ organisations: ['clinic', clinic.publicKey] }, nodeOf(lab))).toBe('refused');
  // A key is not the id of whoever took its name.
  expect(author({ organisations: [clinic.publicKey] }, nodeOf(lab))).toBe('refused');
});

test('who is revoked, who is in no directory, and whom nobody named is nobody', () => {
  expect(author({ organisations: ['gone'] }, nodeOf(gone))).toBe('refused');
  for (const createdBy of [STRANGER, undefined, ''])
    expect(author({ organisations: ['lab', 'clinic'] }, createdBy)).toBe('refused');
  expect(author({ organisations: ['lab'] }, nodeOf(lab), false)).toBe('refused');
  expect(author({}, STRANGER)).toBe('doesNotApply');
});

test('what is excluded is not served either, also where it is listed', () => {
  const policy = { organisations: ['lab', 'clinic'], excludedOrganisations: [lab.publicKey] };
  expect(author(policy, nodeOf(lab))).toBe('refused');
  expect(author(policy, nodeOf(clinic))).toBe('permitted');
  expect(author({ excludedOrganisations: ['gone'] }, nodeOf(gone))).toBe('refused');
  expect(author({ excludedOrganisations: ['lab'] }, STRANGER)).toBe('permitted');
});

test('a cohort must not have a node of who is excluded, revoked or not, nor one that may be of it', () => {
  const policy = { excludedOrganisations: ['lab', gone.publicKey] };
  expect(excluded(policy, [nodeOf(clinic)])).toBe('permitted');
  for (const other of [nodeOf(lab), nodeOf(lab, 1), nodeOf(gone), STRANGER])
    expect(excluded(policy, [nodeOf(clinic), other])).toBe('refused');
  expect(excluded(policy, [nodeOf(clinic)], false)).toBe('refused');
  expect(excluded({}, [STRANGER])).toBe('doesNotApply');
});

test('what was refused because nobody said is marked', () => {
  const policy = { organisations: ['lab'], excludedOrganisations: ['gone'], minimumKnownOrganisations: 1 };
  expect(verdicts(policy, undefined, [], false).map(({ isForLackOfWord }) => isForLackOfWord)).toEqual([
    true,
    true,
    true,
  ]);
  const said = verdicts(policy, nodeOf(gone), [nodeOf(gone)]);
  expect(said.map(({ verdict }) => verdict)).toEqual(['refused', 'refused', 'refused']);
  expect(said.map(({ isForLackOfWord }) => isForLackOfWord)).toEqual([undefined, undefined, undefined]);
});

test('the coordinator is asked only for rules that are about organisations', () => {
  expect(asksWhoIsThere({ purposes: ['x'], knownOrganisations: ['lab'] })).toBe(false);
  for (const rule of [
    { organisations: ['lab'] },
    { excludedOrganisations: ['lab'] },
    { minimumKnownOrganisations: 1 },
  ])
    expect(asksWhoIsThere(rule)).toBe(true);
});
