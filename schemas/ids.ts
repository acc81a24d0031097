/**
 * The identifiers that appear in messages, events and files. SPEC.md section 2.1.
 *
 * Brands exist where mixing two values up would be a security bug; the constructors that check them are in
 * `protocol/parse.ts`.
 */
import { type Static, Type } from 'typebox';

export const FederationId = Type.String({
  pattern: '^fed-[0-9a-f]{16}$',
  description: 'one coordinator and its members',
});
export type FederationId = Static<typeof FederationId>;

export const OrganisationId = Type.String({
  pattern: '^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$',
  description: 'chosen by the operator: lower case, as in a host name',
});
export type OrganisationId = Static<typeof OrganisationId>;

/** The first 16 bytes of SHA-256("HSA1 pid" || 0x00 || public key), in hex: nobody can choose somebody else's. */
export const NodeId = Type.String({
  pattern: '^[0-9a-f]{32}$',
  description: 'derived from the public key of the node',
});
export type NodeId = Static<typeof NodeId>;

export const JobId = Type.String({ pattern: '^job-[0-9a-f]{16}$' });
export type JobId = Static<typeof JobId>;

/** Between two organisations, about a data set. */
export const AgreementId = Type.String({ pattern: '^agr-[0-9a-f]{16}$' });
export type AgreementId = Static<typeof AgreementId>;

export const Round = Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'counts from 1' });
export type Round = Static<typeof Round>;

export const Attempt = Type.Integer({
  minimum: 1,
  maximum: 1000,
  description: 'counts from 1 within a round',
});
export type Attempt = Static<typeof Attempt>;

export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 in lower-case hex' });
export type Sha256 = Static<typeof Sha256>;

export const PublicKey = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'Ed25519 public key in lower-case hex',
});
export type PublicKey = Static<typeof PublicKey>;

export const Signature = Type.String({
  pattern: '^[0-9a-f]{128}$',
  description: 'Ed25519 signature in lower-case hex',
});
export type Signature = Static<typeof Signature>;

/** Changes whenever a row of the data set does; the owner chooses how it is written. */
/** Of text that people read: nothing that moves a cursor, hides or reorders what stands beside it. */
export const PRINTABLE = '^[^\\p{C}]+$';

export const DataSetVersion = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });
export type DataSetVersion = Static<typeof DataSetVersion>;

/** Ends in Z, so that moments written alike can be compared as text. */
export const Timestamp = Type.String({
  format: 'date-time',
  pattern: 'Z$',
  description: 'RFC 3339, UTC',
});
export type Timestamp = Static<typeof Timestamp>;
