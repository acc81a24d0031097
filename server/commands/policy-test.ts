/**
 * `hanse policy test`: what policies are expected to decide, case by case. SPEC.md 4.10.
 */
import { parseJson } from '../../protocol/parse.ts';
import { type CommandDefinition, defineCommand } from '../../schemas/command.ts';
import { Authorizer } from '../access/authorizer.ts';
import { type CaseResult, PolicyCases, runCase } from '../access/policy-cases.ts';
import { PolicySet } from '../access/policy-set.ts';
import {
  type FetchPolicies,
  POLICY_SOURCE_OPTIONS,
  type PolicySourceOptions,
  policiesOf,
  readPolicies,
} from './policy-source.ts';

export function policyTestCommand<Asking>(
  fetchPolicies: FetchPolicies<Asking>,
  options: CommandDefinition['options'],
): CommandDefinition<PolicySourceOptions & Asking> {
  return defineCommand<PolicySourceOptions & Asking>({
    summary: 'test policies by cases of who may do what',
    arguments: [
      {
        name: '<cases>',
        description:
          'a JSON array: {"name", "role", "organisation"?, "action", "job"?: {"author", "asked"?, "isOpen"?}, "of"?, "expected": permitted, refused or unseen, "by"?: [ids]}',
      },
    ],
    options: [...POLICY_SOURCE_OPTIONS, ...options],
    examples: [
      [
        'hanse policy test cases.json --policies policies.cedar',
        'exit code 1 where a case is decided otherwise',
      ],
      ['hanse policy test cases.json --in-force', 'the same of what is in force'],
    ],
    async run({ args: [file = ''], options: given }, io) {
      const cases = parseJson(PolicyCases, await readPolicies(file), 'cases');
      const authorizer = new Authorizer(new PolicySet(await policiesOf(given, fetchPolicies, io.signal)));
      const results = cases.map((one) => runCase(authorizer, one));
      for (const result of results) io.print(described(result));
      const failed = results.filter(({ passed }) => !passed).length;
      io.print(`${results.length - failed} of ${results.length} as expected`);
      return { cases: results, failed };
    },
    isFailure: (result) => (result as { failed: number }).failed > 0,
  });
}

function described({ name, expected, got, policies, passed }: CaseResult): string {
  const by = policies.length > 0 ? ` by ${policies.join(', ')}` : '';
  return passed ? `as expected  ${name}: ${got}${by}` : `OTHERWISE    ${name}: ${got}${by}, not ${expected}`;
}
