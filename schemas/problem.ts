/**
 * A problem on the wire: RFC 9457 problem details, with the stable code of `protocol/problem.ts`. SPEC.md section 3.
 */
import { type Static, Type } from 'typebox';

export const ProblemDetails = Type.Object({
  /** `urn:hanse:problem:<code>` */
  type: Type.String(),
  /** The cause in general. */
  title: Type.String(),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  code: Type.String(),
  /** The particular case, for people. */
  detail: Type.String(),
  remedy: Type.String(),
  /** The particular case, for programs. */
  particulars: Type.Record(Type.String(), Type.Unknown()),
});
export type ProblemDetails = Static<typeof ProblemDetails>;
