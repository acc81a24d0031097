import { expect, test } from 'vitest';
import { formatAdmissionRequest, parseAdmissionRequest } from '../../protocol/admission-request.ts';

const request = {
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: 'ab'.repeat(32),
  organisationId: 'clinic.example',
  role: 'participant',
  publicKey: 'cd'.repeat(32),
} as const;

test('a request is one word, which no shell changes, and is read as it was written', () => {
  const word = formatAdmissionRequest(request);
  expect(word).toMatch(/^[a-z0-9.:-]+$/);
  expect(parseAdmissionRequest(` ${word}\n`)).toEqual(request);
});

test.each<[what: string, change: (word: string) => string, where: RegExp]>([
  ['cut off', (word) => word.slice(0, -1), /key$/],
  ['without its beginning', (word) => word.slice(word.indexOf(':') + 1), /^admission request$/],
  ['with a part too many', (word) => `${word}:`, /^admission request$/],
  ['of another federation', (word) => word.replace('fed-', 'fad-'), /federation$/],
  ['of a role that there is not', (word) => word.replace('participant', 'owner'), /role$/],
  ['of an organisation in capitals', (word) => word.replace('clinic', 'Clinic'), /organisation$/],
  ['of no coordinator', (word) => word.replace('abab', 'xyxy'), /coordinator$/],
])('one that is %s is refused, by its part', (_what, change, where) => {
  const word = formatAdmissionRequest(request);
  expect(() => parseAdmissionRequest(change(word))).toThrow(
    expect.objectContaining({
      code: 'invalidFormat',
      detail: expect.objectContaining({ where: expect.stringMatching(where) }),
    }),
  );
});
