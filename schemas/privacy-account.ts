/**
 * A question to the accountants, as a line of JSON, and its answer. Unknown fields of a question are ignored; an event is
 * closed.
 */
import { Type } from 'typebox';
import { Neighbouring } from './dp-event.ts';

const Id = Type.Union([Type.String({ maxLength: 200 }), Type.Integer()]);
const Delta = Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 });

/** What is lost by this event? */
export const AccountQuestion = Type.Object({
  id: Id,
  kind: Type.Literal('account'),
  /** Add-or-remove-one unless said. */
  neighbouring: Type.Optional(Neighbouring),
  event: Type.Unknown(),
  deltas: Type.Array(Delta, { minItems: 1, maxItems: 64 }),
});

/** How much noise is sufficient? */
export const CalibrateQuestion = Type.Object({
  id: Id,
  kind: Type.Literal('calibrate'),
  neighbouring: Type.Optional(Neighbouring),
  accountant: Type.Union([Type.Literal('rdp'), Type.Literal('pld')]),
  targetEpsilon: Type.Number({ exclusiveMinimum: 0, maximum: 1e9 }),
  delta: Delta,
  /** An event with `"$NOISE_MULTIPLIER"` in the place of the noise. */
  eventTemplate: Type.Unknown(),
});

/** Epsilon by `String(delta)`; `inf` where no finite one is known. */
export interface EpsilonByDelta {
  readonly epsilon: Readonly<Record<string, number | 'inf'>>;
}

/** `id` is null where the question has none. */
export interface PrivacyAnswer {
  readonly id: string | number | null;
  /** The relation under which the figures hold. */
  readonly neighbouring?: Neighbouring;
  readonly rdp?: EpsilonByDelta;
  readonly pld?: EpsilonByDelta;
  readonly noiseMultiplier?: number;
  readonly epsilon?: number;
  /** Code of the problem, if there is no figure. */
  readonly refused?: string;
  /** The particular case, for people. */
  readonly reason?: string;
}
