/**
 * The file in which an organisation keeps the key with which it admits its nodes. SPEC.md section 4.6.
 */
import { type Static, Type } from 'typebox';
import { Seed } from './identity-file.ts';

export const OrganisationKeyFile = Type.Object(
  { version: Type.Literal(1), type: Type.Literal('organisationKey'), seed: Seed },
  { additionalProperties: false },
);
export type OrganisationKeyFile = Static<typeof OrganisationKeyFile>;
