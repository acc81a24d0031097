/**
 * What an entry names besides jobs and nodes: data sets, agreements, organisations, purposes; by its members, and by the names of W3C
 * PROV. Pure.
 */
import type { AuditEvent } from '../../schemas/audit-event.ts';

export interface NamedThings {
  /** `name`, or `name@version`. */
  readonly dataSets: readonly string[];
  readonly agreements: readonly string[];
  readonly organisations: readonly string[];
  readonly purposes: readonly string[];
}

const NONE: NamedThings = { dataSets: [], agreements: [], organisations: [], purposes: [] };
/** Members that name something. */
const MEMBERS = ['dataSet', 'dataSets', 'agreements', 'agreementId'];
const URN = /^urn:hanse:(dataset|agreement|organisation):(.+)$/;

/** @param event as `decodeLeaf` gives it */
export function namedIn({ data }: AuditEvent): NamedThings {
  const said = data as Readonly<Record<string, unknown>>;
  const { prov } = said as { readonly prov?: Readonly<Record<string, unknown>> };
  if (!prov && !MEMBERS.some((name) => Object.hasOwn(said, name))) return NONE;
  const urns = Object.values(prov ?? {})
    .flat()
    .flatMap((urn) => (typeof urn === 'string' ? [URN.exec(urn)] : []));
  const of = (kind: string) => urns.flatMap((found) => (found?.[1] === kind ? [found[2] ?? ''] : []));
  return {
    dataSets: distinct([...dataSetsOf(said), ...of('dataset')]),
    agreements: distinct([said.agreementId, ...listOf(said.agreements), ...of('agreement')]),
    organisations: distinct([...[said.organisationId, said.provider, said.consumer], ...of('organisation')]),
    purposes: distinct([said.purpose]),
  };
}

function dataSetsOf({ dataSet, dataSets }: Readonly<Record<string, unknown>>): unknown[] {
  return [dataSet, ...listOf(dataSets)].map((one) => {
    if (typeof one !== 'object' || one === null) return one;
    const { name, version } = one as { readonly name?: unknown; readonly version?: unknown };
    return typeof version === 'string' ? `${name}@${version}` : name;
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function distinct(names: readonly unknown[]): string[] {
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}
