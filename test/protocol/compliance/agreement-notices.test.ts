import { expect, test } from 'vitest';
import { agreementNotices } from '../../../protocol/compliance/agreement-notices.ts';

// Agreements are concluded by nobody yet: their entries are planted.

const NODE = 'a'.repeat(32);
const AT = '2026-06-01T12:00:00.000Z';
type Entry = readonly [type: string, data: object, time?: string];

const concluded = (agreementId: string, change: object = {}): Entry => [
  'agreement.concluded',
  {
    agreementId,
    provider: 'clinic.example',
    consumer: 'university.example',
    dataSet: { name: 'visits', version: '1' },
    expiresAt: '2027-01-01T00:00:00.000Z',
    ...change,
  },
];
const versioned = (oldVersion = '1', newVersion = '2', time = AT): Entry => [
  'dataset.versioned',
  {
    by: NODE,
    organisationId: 'clinic.example',
    dataSet: 'visits',
    oldVersion,
    newVersion,
    reason: 'consent',
    removed: 3,
  },
  time,
];
const notices = (...entries: Entry[]) =>
  agreementNotices(
    entries.map(([type, data, time = AT], index) => ({
      index,
      event: { type: `hanse.${type}`, time, data },
    })),
  );
const told = (...entries: Entry[]) =>
  notices(...entries).map(({ agreementId, oldVersion }) => `${agreementId} ${oldVersion}`);

test('the consumer of an agreement on the version is told what has changed, and not which rows', () => {
  expect(notices(concluded('agr-1'), versioned())).toEqual([
    {
      agreementId: 'agr-1',
      provider: 'clinic.example',
      consumer: 'university.example',
      index: 1,
      ...{ name: 'visits', oldVersion: '1', newVersion: '2', reason: 'consent', removed: 3 },
    },
  ]);
});

test('so are those of agreements on each version, and on one that was replaced before', () => {
  const always = concluded('agr-2', { dataSet: { name: 'visits' } });
  const later = concluded('agr-3', { dataSet: { name: 'visits', version: '2' } });
  expect(told(concluded('agr-1'), always, later, versioned(), versioned('2', '3'))).toEqual([
    'agr-1 1',
    'agr-2 1',
    'agr-1 2',
    'agr-2 2',
    'agr-3 2',
  ]);
});

test('nobody else is', () => {
  const others = [
    concluded('other data', { dataSet: { name: 'scans', version: '1' } }),
    concluded('other owner', { provider: 'bank.example' }),
    concluded('other version', { dataSet: { name: 'visits', version: '0' } }),
    concluded('over', { expiresAt: AT }),
    concluded('ended'),
    ['agreement.ended', { agreementId: 'ended' }] as const,
  ];
  expect(told(...others, versioned(), concluded('too late'))).toEqual([]);
  expect(told(...others, concluded('agr-1'), versioned())).toEqual(['agr-1 1']);
});
