/**
 * Who belongs to which organisation, by the entries of a log: nodes, people, and their tokens; and whom an entry names where its salts
 * were handed over. Pure.
 */
import type { AuditData } from '../../schemas/audit-event.ts';
import type { VerifiedEntry } from './verified-entries.ts';

/** Of nodes, people and tokens that are remembered; of others the organisation is not told. */
const MEMBERS = 50_000;

/** Places of salted ids of nodes. */
const POINTERS = ['/data/node', '/data/cohort', '/data/members', '/data/member', '/data/reader'] as const;

export class Participants {
  readonly #organisations = new Map<string, string>();

  take({ type, event }: VerifiedEntry): void {
    switch (type) {
      case 'member.enrolled':
      case 'member.requested': {
        const { nodeId, organisationId } = event.data as AuditData<'member.enrolled'>;
        this.#remember(nodeId, organisationId);
        return;
      }
      case 'person.invited': {
        const { person, organisationId } = event.data as AuditData<'person.invited'>;
        this.#remember(person, organisationId);
        return;
      }
      case 'token.issued': {
        const { token, person } = event.data as AuditData<'token.issued'>;
        this.#remember(token, this.organisationOf(person));
        return;
      }
      default:
    }
  }

  #remember(id: string, organisationId: string | undefined): void {
    if (organisationId !== undefined && this.#organisations.size < MEMBERS)
      this.#organisations.set(id, organisationId);
  }

  /** Undefined for one of which nothing was told before. @param id of a node, a person, a token */
  organisationOf(id: string): string | undefined {
    return this.#organisations.get(id);
  }

  /** Organisations of those whom the entry names, each as often as it does; undefined where it names nobody that can be told. */
  organisationsIn(entry: VerifiedEntry): readonly string[] | undefined {
    return nodesIn(entry)?.map((nodeId) => this.organisationOf(nodeId) ?? 'unknown');
  }
}

/** Ids of nodes that stand behind salted fields; undefined where there are none, or their salts were not handed over. */
export function nodesIn({ opened }: VerifiedEntry): readonly string[] | undefined {
  if (opened.size === 0) return undefined;
  for (const pointer of POINTERS) {
    const value = opened.get(pointer);
    if (typeof value === 'string') return [value];
    if (Array.isArray(value)) return value.filter((one) => typeof one === 'string');
  }
  return undefined;
}
