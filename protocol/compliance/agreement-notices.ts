/**
 * Who is to be told that rows of a data set were withdrawn: the consumers of the agreements on it that are in force, by the entries of
 * the log. SPEC.md 6.7. Pure.
 */
import type { AuditData, AuditEvent } from '../../schemas/audit-event.ts';
import type { DataSetChange } from '../../schemas/data-set-change.ts';
import type { OrganisationId } from '../../schemas/ids.ts';

export interface AgreementNotice extends DataSetChange {
  readonly agreementId: string;
  /** Whose data set it is. */
  readonly provider: OrganisationId;
  /** Who is to be told. */
  readonly consumer: OrganisationId;
  /** Of the entry `dataset.versioned`. */
  readonly index: number;
}

/** What is read of `agreement.concluded`; `agreement.ended` names one by its id. */
interface Concluded {
  readonly agreementId: string;
  readonly provider: OrganisationId;
  readonly consumer: OrganisationId;
  /** Without a version: on each that there will be. */
  readonly dataSet: { readonly name: string; readonly version?: string };
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** @param entries in the order of the log */
export function agreementNotices(
  entries: Iterable<{ readonly index: number; readonly event: Pick<AuditEvent, 'type' | 'time' | 'data'> }>,
): AgreementNotice[] {
  const agreements = new Map<string, Concluded>();
  const changes = new Map<string, DataSetChange[]>();
  const notices: AgreementNotice[] = [];
  for (const { index, event } of entries) {
    switch (event.type) {
      case 'hanse.agreement.concluded': {
        const concluded = event.data as unknown as Concluded;
        agreements.set(concluded.agreementId, concluded);
        break;
      }
      case 'hanse.agreement.ended':
        agreements.delete((event.data as unknown as Concluded).agreementId);
        break;
      case 'hanse.dataset.versioned': {
        const data = event.data as AuditData<'dataset.versioned'>;
        const { organisationId, dataSet: name, oldVersion, newVersion, reason, removed } = data;
        const change = { name, oldVersion, newVersion, reason, removed };
        const key = `${organisationId}\n${name}`;
        const earlier = changes.get(key) ?? [];
        changes.set(key, [...earlier, change]);
        const versions = versionsBefore(oldVersion, earlier);
        for (const { agreementId, provider, consumer, dataSet, expiresAt } of agreements.values()) {
          const isAbout = provider === organisationId && dataSet.name === name;
          const isOfVersion = dataSet.version === undefined || versions.has(dataSet.version);
          if (isAbout && isOfVersion && Date.parse(expiresAt) > Date.parse(event.time))
            notices.push({ agreementId, provider, consumer, index, ...change });
        }
        break;
      }
      default:
    }
  }
  return notices;
}

/** A version, and those that it has taken the place of. */
function versionsBefore(version: string, changes: readonly DataSetChange[]): ReadonlySet<string> {
  const versions = new Set([version]);
  for (const { oldVersion, newVersion } of changes.toReversed())
    if (versions.has(newVersion)) versions.add(oldVersion);
  return versions;
}
