/**
 * What it costs to decide about a request, where many policies are loaded.
 */

import { Authorizer } from '../../../server/access/authorizer.ts';
import { cedar } from '../../../server/access/cedar.ts';
import type { JobResource } from '../../../server/access/cedar-entities.ts';
import { DEFAULT_POLICIES } from '../../../server/access/cedar-schema.ts';
import { PolicySet } from '../../../server/access/policy-set.ts';
import type { Principal } from '../../../server/access/principal.ts';
import type { RowDefinition } from '../row.ts';

const POLICIES = 500;
const REQUESTS = 4000;
/** Requests by which the slices are prepared, each of another organisation. */
const WARM_UP = POLICIES;

export const authorize500: RowDefinition = {
  name: 'policy/authorize/500',
  unit: 'ms',
  what: 'a decision that was not made before, with 500 policies loaded of which each is about an organisation: the 99th percentile; baseline: Cedar given all of them, whoever asks',
  asked: [{ of: 'value', atMost: 0.5 }],
  async measure(context) {
    const text = policies();
    const authorizer = new Authorizer(new PolicySet(text));
    const whole = wholeSet(authorizer.policies);
    const [values, baselines, medians]: [number[], number[], number[]] = [[], [], []];
    for (let run = 0; run < 3; run += 1) {
      context.progress(`run ${run + 1} of 3`);
      for (let i = 0; i < WARM_UP; i += 1) decide(authorizer, run, -1 - i);
      const took = times(REQUESTS, (i) => decide(authorizer, run, i));
      values.push(quantile(took, 0.99));
      medians.push(quantile(took, 0.5));
      baselines.push(
        quantile(
          times(REQUESTS / 10, () => whole()),
          0.99,
        ),
      );
    }
    return { values, baselines, more: { p50: Math.min(...medians) } };
  },
};

function decide(authorizer: Authorizer, run: number, i: number): void {
  const principal: Principal = {
    kind: 'node',
    id: `${run}${i}`.padStart(32, '0'),
    organisationId: `organisation-${Math.abs(i) % POLICIES}.example`,
    role: 'researcher',
  };
  const job: JobResource = {
    type: 'Job',
    id: `job-${run}-${i}`,
    author: `author-${i % 7}.example`,
    hasAsked: () => i % 2 === 0,
    isOpen: i % 3 === 0,
    purpose: 'research',
  };
  authorizer.decide(principal, 'readJob', job);
}

function policies(): string {
  const own = Array.from(
    { length: POLICIES },
    (_, i) => `@id("agreement-${i}")
permit (principal in Hanse::Organisation::"organisation-${i}.example", action == Hanse::Action::"readJob", resource)
when { resource.author == Hanse::Organisation::"author-${i % 7}.example" && resource.isOpen };`,
  );
  return `${DEFAULT_POLICIES}\n${own.join('\n')}`;
}

/** One request, decided with all policies in hand. */
function wholeSet(set: PolicySet): () => void {
  cedar.preparsePolicySet('whole', { staticPolicies: set.textsOf([...set.policies.keys()]) });
  const organisation = { type: 'Hanse::Organisation', id: 'organisation-1.example' };
  const principal = { type: 'Hanse::Node', id: 'n' };
  const resource = { type: 'Hanse::Job', id: 'j' };
  const entities = [
    { uid: principal, attrs: { organisation: { __entity: organisation } }, parents: [organisation] },
    {
      uid: resource,
      attrs: { author: { __entity: organisation }, isOpen: true, purpose: 'research' },
      parents: [],
    },
  ];
  return () => {
    cedar.statefulIsAuthorized({
      principal,
      action: { type: 'Hanse::Action', id: 'readJob' },
      resource,
      context: {},
      entities,
      preparsedPolicySetId: 'whole',
      validateRequest: false,
    });
  };
}

/** Milliseconds of each. */
function times(count: number, run: (i: number) => void): number[] {
  return Array.from({ length: count }, (_, i) => {
    const begin = performance.now();
    run(i);
    return performance.now() - begin;
  });
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
