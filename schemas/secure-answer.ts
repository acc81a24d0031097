/**
 * What M1, M3, M5 and M7 are answered with: beside what is known of the message that was sent, the one of the coordinator
 * that follows upon it, where that is known before the sender's wait ends. SPEC.md section 9.1.
 */
import { type Static, Type } from 'typebox';
import { Certificate, Roster, Survivors } from './secagg.ts';
import { Receipt } from './task.ts';

const closed = { additionalProperties: false } as const;

/** Of M1, with M2. */
export const KeysAnswer = Type.Object({ roster: Type.Optional(Roster) }, closed);
export type KeysAnswer = Static<typeof KeysAnswer>;

/** Of M3, with M4 in base64. */
export const SharesAnswer = Type.Object(
  { ...Receipt.properties, delivery: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$' })) },
  closed,
);
export type SharesAnswer = Static<typeof SharesAnswer>;

/** Of M5, with M6. */
export const UpdateAnswer = Type.Object(
  { ...Receipt.properties, survivors: Type.Optional(Survivors) },
  closed,
);
export type UpdateAnswer = Static<typeof UpdateAnswer>;

/** Of M7, with M8. */
export const ConsentAnswer = Type.Object({ certificate: Type.Optional(Certificate) }, closed);
export type ConsentAnswer = Static<typeof ConsentAnswer>;
