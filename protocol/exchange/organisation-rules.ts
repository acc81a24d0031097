/**
 * The rules of an owner about organisations: whose jobs are served, who has to be in a cohort and who must not. SPEC.md
 * section 6.5. Fail-closed: what nobody has said is refused where a rule asks for it. Pure.
 */
import type { Directory } from '../../schemas/directory.ts';
import type { JobStatus } from '../../schemas/job.ts';
import type { NodePolicy } from '../../schemas/node-policy.ts';
import { companyOf, organisationOfNode, presentOrganisations } from '../known-organisations.ts';
import { compare, type Finding, type ParticipationContext, type RuleInput, shown } from './rule-finding.ts';

type WhoIsThere = Pick<ParticipationContext, 'author' | 'organisations' | 'company'>;

/** Those of the policy's list that have a valid node among these, each by one of its names; and everybody else. */
export function cohortByDirectory(
  directory: Directory,
  { knownOrganisations: listed = [] }: NodePolicy,
  nodeIds: readonly string[],
  at: number,
): Required<Pick<WhoIsThere, 'organisations' | 'company'>> {
  const present = presentOrganisations(directory, listed, nodeIds, new Date(at).toISOString());
  return {
    organisations: present.map(({ organisationId, publicKey }) =>
      listed.includes(publicKey) ? publicKey : organisationId,
    ),
    company: companyOf(directory, nodeIds),
  };
}

/**
 * What the directory makes of what the coordinator says of a job.
 * @param directory the pinned one; without it nobody is known
 * @param job attacker-controlled
 */
export function whoIsThere(
  directory: Directory | undefined,
  policy: NodePolicy,
  { cohort, createdBy }: Pick<JobStatus, 'cohort' | 'createdBy'>,
  at: number,
): WhoIsThere {
  if (!directory) return {};
  const author = createdBy === undefined ? undefined : organisationOfNode(directory, createdBy);
  return { ...cohortByDirectory(directory, policy, cohort, at), ...(author && { author }) };
}

/** Whether a node has to ask the coordinator who has created a job, and who is there. */
export function asksWhoIsThere(policy: NodePolicy): boolean {
  const { organisations, excludedOrganisations, minimumKnownOrganisations } = policy;
  return [organisations, excludedOrganisations, minimumKnownOrganisations].some((rule) => rule !== undefined);
}

/** `organisations`: also of what is excluded, since that an author is so holds for every round of its job. */
export function authorPermitted({ policy, context: { author } }: RuleInput): Finding {
  const { organisations, excludedOrganisations } = policy;
  const rule = [
    organisations && `jobs of ${shown(organisations)}`,
    excludedOrganisations && `no jobs of ${shown(excludedOrganisations)}`,
  ].filter((part) => part !== undefined);
  const found = author
    ? `${author.organisationId}${author.isRevoked ? ', revoked' : ''}, as the coordinator says`
    : 'nobody that is known';
  const finding = compare(rule.length > 0 ? rule.join('; ') : undefined, found, () => {
    if (author && isNamed(author, excludedOrganisations ?? [])) return false;
    return !organisations || (author !== undefined && !author.isRevoked && isNamed(author, organisations));
  });
  return lacking(finding, author === undefined);
}

/** `minimumKnownOrganisations` */
export function knownPresent({ policy, context }: Among): Finding {
  const { minimumKnownOrganisations: least, knownOrganisations = [] } = policy;
  const present = new Set(context.organisations);
  const known = new Set(knownOrganisations.filter((name) => present.has(name))).size;
  const permitted = least === undefined ? undefined : `at least ${least} of those that are known`;
  const finding = compare(permitted, `${known}`, () => known >= (least ?? 0));
  return lacking(finding, context.organisations === undefined);
}

/** `excludedOrganisations`: a node that the directory does not have may be anybody's. */
export function excludedAbsent({ policy, context: { company } }: Among): Finding {
  const { excludedOrganisations: excluded } = policy;
  const there = company?.organisations.filter((one) => isNamed(one, excluded ?? [])) ?? [];
  const finding = compare(
    excluded && `a cohort without ${shown(excluded)}`,
    company ? describeCompany(there, company.strangers) : 'nobody said who is there',
    () => company !== undefined && there.length === 0 && company.strangers === 0,
  );
  return lacking(finding, company === undefined);
}

interface Among extends Pick<RuleInput, 'policy'> {
  readonly context: Pick<WhoIsThere, 'organisations' | 'company'>;
}

interface Named {
  readonly organisationId: string;
  readonly publicKey: string;
}

/** By its id or its key. */
function isNamed({ organisationId, publicKey }: Named, names: readonly string[]): boolean {
  return names.includes(organisationId) || names.includes(publicKey);
}

function lacking(finding: Finding, isUnsaid: boolean): Finding {
  return finding.verdict === 'refused' && isUnsaid ? { ...finding, isForLackOfWord: true } : finding;
}

function describeCompany(there: readonly Named[], strangers: number): string {
  const names = there.map(({ organisationId }) => organisationId);
  const unknown = strangers > 0 ? [`${strangers} that the directory does not have`] : [];
  return [...names, ...unknown].join(', ') || 'none of them';
}
