/**
 * `hanse policy check`: whether policies are sound, and what they would change, before anybody proposes them. SPEC.md 4.10.
 */
import type { ActionName } from '../../protocol/actions.ts';
import { ACTIONS } from '../../protocol/actions.ts';
import { type CommandDefinition, defineCommand } from '../../schemas/command.ts';
import { cellOf, permittedIn, principalIn, ROLES } from '../access/access-matrix.ts';
import { Authorizer } from '../access/authorizer.ts';
import { DEFAULT_POLICIES } from '../access/cedar-schema.ts';
import { policyChanges } from '../access/policy-diff.ts';
import { PolicySet } from '../access/policy-set.ts';
import { type FetchPolicies, readPolicies } from './policy-source.ts';

interface CheckOptions {
  readonly inForce?: boolean;
}

/** What a role could do and could not any more, or the other way round. */
interface CellChange {
  readonly role: string;
  readonly action: string;
  readonly before: string;
  readonly after: string;
}

/** @param fetchPolicies of the client's room, @param options by which it finds out who asks */
export function policyCheckCommand<Asking>(
  fetchPolicies: FetchPolicies<Asking>,
  options: CommandDefinition['options'],
): CommandDefinition<CheckOptions & Asking> {
  return defineCommand<CheckOptions & Asking>({
    summary: 'check policies, and tell what they would change',
    arguments: [{ name: '<file>', description: 'policies in Cedar, each with an @id' }],
    options: [
      {
        flags: '--in-force',
        description:
          'compare with those in force at the coordinator of --identity; else with those it comes with',
      },
      ...options,
    ],
    examples: [
      ['hanse policy check policies.cedar', 'whether they are sound; policies and roles that differ'],
      ['hanse policy check policies.cedar --in-force', 'what would change at the coordinator in this folder'],
    ],
    async run({ args: [file = ''], options: given }, io) {
      const text = await readPolicies(file);
      const checked = new PolicySet(text);
      const before = given.inForce ? await fetchPolicies(given, io.signal) : DEFAULT_POLICIES;
      const changes = policyChanges(before, text);
      const roles = changedCells(new PolicySet(before), checked);
      const locksOut = !mayChange(checked);
      io.print(`${checked.policies.size} policies, sound; SHA-256 ${checked.sha256}`);
      for (const line of changes.diff.split('\n').slice(0, -1)) io.print(`  ${line}`);
      if (changes.diff === '') io.print('  the same policies');
      for (const { role, action, before: was, after } of roles)
        io.print(`  ${role}, ${action}: ${was} -> ${after}`);
      if (locksOut) io.print('  no operator could change them any more: such policies are refused');
      return { sha256: checked.sha256, policies: [...checked.policies.keys()], ...changes, roles, locksOut };
    },
    isFailure: (result) => (result as { locksOut: boolean }).locksOut,
  });
}

function changedCells(before: PolicySet, after: PolicySet): CellChange[] {
  const [old, next] = [new Authorizer(before), new Authorizer(after)];
  const actions = Object.keys(ACTIONS) as ActionName[];
  return ROLES.flatMap((role) =>
    actions
      .map((action) => ({
        role,
        action,
        before: cellOf(old, role, action),
        after: cellOf(next, role, action),
      }))
      .filter((cell) => cell.before !== cell.after),
  );
}

/** Of an operator of whom no policy speaks by name. */
function mayChange(policies: PolicySet): boolean {
  const authorizer = new Authorizer(policies);
  const { role } = principalIn('operator');
  return (['readPolicies', 'changePolicies'] as const).every(
    (action) => permittedIn(authorizer, role, action).length > 0,
  );
}
