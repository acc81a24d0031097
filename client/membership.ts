/**
 * Who a member is, apart from its key, which may lie where nobody can read it. SPEC.md section 4.5.
 */
import type { Role } from '../schemas/member.ts';

export interface Membership {
  /** Origin of the coordinator. */
  readonly server: string;
  readonly federationId: string;
  /** Pinned by the invite; hex. */
  readonly coordinatorKey: string;
  readonly nodeId: string;
  readonly organisationId: string;
  readonly role: Role;
  readonly name: string;
}
