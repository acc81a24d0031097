/**
 * What is asked of an audit log, and what is answered: SPEC.md 13.14. All conditions hold for a row together.
 *
 * Members are texts, so that a query in an address, in options of a command and in a file is the same.
 */
import { type Static, Type } from 'typebox';
import { JobId, OrganisationId, PRINTABLE, Timestamp } from './ids.ts';

const closed = { additionalProperties: false } as const;
const Digits = Type.String({ pattern: '^(0|[1-9][0-9]{0,14})$' });
const Said = Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE });

/** Rows of a page: at most, and where nothing is said. */
export const PAGE_ROWS_MAX = 100;
export const PAGE_ROWS = 20;

/** Which entries are asked for. */
export const AUDIT_CONDITIONS = {
  /** From this moment on, and before that one. */
  since: Type.Optional(Timestamp),
  until: Type.Optional(Timestamp),
  /** Id of a node or a person; `anonymous`, `others`. */
  actor: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$' })),
  organisation: Type.Optional(OrganisationId),
  /** Its name, or `name@version`. */
  dataSet: Type.Optional(Said),
  agreement: Type.Optional(Type.String({ pattern: '^agr-[0-9a-f]{16}$' })),
  purpose: Type.Optional(Said),
  job: Type.Optional(JobId),
  round: Type.Optional(Type.String({ pattern: '^(0|[1-9][0-9]{0,6})$' })),
  /** One of the catalogue, or all of a domain: `round.*`. */
  type: Type.Optional(Type.String({ pattern: '^[a-z]{1,40}\\.(\\*|[a-zA-Z]{1,40})$' })),
  outcome: Type.Optional(
    Type.Union([Type.Literal('success'), Type.Literal('refused'), Type.Literal('failed')]),
  ),
  /** That has decided. */
  policy: Type.Optional(Said),
  /** Words that stand in its text, whole and in any order. */
  text: Type.Optional(Said),
} as const;

export const AuditConditions = Type.Object(AUDIT_CONDITIONS, closed);
export type AuditConditions = Static<typeof AuditConditions>;

export const AuditQuery = Type.Object(
  {
    ...AUDIT_CONDITIONS,
    /** Absent: newest. */
    order: Type.Optional(Type.Union([Type.Literal('newest'), Type.Literal('oldest')])),
    /** 1..100. */
    limit: Type.Optional(Type.String({ pattern: '^(100|[1-9][0-9]?)$' })),
    /** `next` of the page before. */
    cursor: Type.Optional(Digits),
  },
  closed,
);
export type AuditQuery = Static<typeof AuditQuery>;

/** An entry, with what proves it. */
export const ProvenEntry = Type.Object(
  {
    index: Type.Integer({ minimum: 0 }),
    /** The canonical form, whose bytes are the leaf. */
    entry: Type.String({ maxLength: 65_535 }),
    /** Hashes of the inclusion proof, base64, from the bottom to the top. */
    proof: Type.Array(Type.String({ minLength: 44, maxLength: 44 }), { maxItems: 63 }),
    /** What is hidden in it, where it was not erased and the caller may know it. */
    opened: Type.Array(
      Type.Object(
        {
          pointer: Type.String({ maxLength: 1000 }),
          salt: Type.String({ pattern: '^[0-9a-f]{32}$' }),
          value: Type.String({ maxLength: 1_048_576 }),
        },
        closed,
      ),
      { maxItems: 64 },
    ),
  },
  closed,
);
export type ProvenEntry = Static<typeof ProvenEntry>;

export const AuditPage = Type.Object(
  {
    /** Against which every proof holds; a signed note. */
    checkpoint: Type.String({ maxLength: 1_048_576 }),
    rows: Type.Array(ProvenEntry, { maxItems: PAGE_ROWS_MAX }),
    /** Entries that say what the rows are about: whose nodes, which purpose. In order. */
    context: Type.Array(ProvenEntry, { maxItems: 4096 }),
    /** Absent: there is no more. A page may have fewer rows than were asked for, and go on. */
    next: Type.Optional(Digits),
  },
  closed,
);
export type AuditPage = Static<typeof AuditPage>;
