import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import {
  Attempt,
  DataSetVersion,
  FederationId,
  JobId,
  NodeId,
  OrganisationId,
  PublicKey,
  Round,
  Sha256,
  Timestamp,
} from '../../schemas/ids.ts';

const hex = (digits: number) => '0123456789abcdef'.repeat(4).slice(0, digits);

/** For each id: what it may be, and what looks like it. */
const IDS: readonly (readonly [
  name: string,
  schema: TSchema,
  right: readonly unknown[],
  wrong: readonly unknown[],
])[] = [
  [
    'federationId',
    FederationId,
    [`fed-${hex(16)}`],
    [hex(16), `fed-${hex(15)}`, `fed-${hex(17)}`, `FED-${hex(16)}`, `fed-${hex(15)}A`],
  ],
  ['jobId', JobId, [`job-${hex(16)}`], [`fed-${hex(16)}`, `job-${hex(16)}\n`, `job-${hex(15)}g`, '']],
  ['nodeId', NodeId, [hex(32)], [hex(31), hex(33), hex(32).toUpperCase(), 1]],
  ['sha256', Sha256, [hex(64)], [hex(63), `${hex(64)}\n`, hex(64).toUpperCase(), `0x${hex(62)}`]],
  ['publicKey', PublicKey, [hex(64)], [hex(32), `${hex(63)}G`]],
  [
    'organisationId',
    OrganisationId,
    ['a', 'hospital-1', 'lab.example', '4'.repeat(63)],
    ['', '-a', 'a-', '.a', 'a.', 'A', 'a b', 'ü', 'a/b', '4'.repeat(64)],
  ],
  [
    'dataSetVersion',
    DataSetVersion,
    ['1', '2026-01-01', 'v1.0_final', 'x'.repeat(64)],
    ['', '.1', '-1', '1 2', 'x'.repeat(65), 'ä'],
  ],
  ['round', Round, [1, 1_000_000], [0, -1, 1.5, 1_000_001, '1', Number.NaN]],
  ['attempt', Attempt, [1, 1000], [0, 1001, 0.5, '1']],
  [
    'timestamp',
    Timestamp,
    ['2026-01-01T00:00:00Z', '2026-01-01T12:34:56.789Z', '2028-02-29T23:59:59.000Z'],
    [
      '2026-01-01',
      '2026-01-01T00:00:00',
      '2026-01-01T00:00:00+01:00',
      '2026-13-01T00:00:00Z',
      '2026-02-29T00:00:00Z',
      'now',
      0,
    ],
  ],
];

test.each(IDS)('%s', (_, schema, right, wrong) => {
  for (const value of right) expect(Value.Check(schema, value), JSON.stringify(value)).toBe(true);
  for (const value of wrong) expect(Value.Check(schema, value), JSON.stringify(value)).toBe(false);
});
