/**
 * Policies as people write them: Cedar text, each with an `@id`. https://docs.cedarpolicy.com/policies/syntax-policy.html
 *
 * The parser of Cedar goes down into what is nested by recursion, and what is nested some hundred times ends it for good, for
 * everybody: texts are bounded before it sees them.
 */

import { HanseError } from '../../protocol/problem.ts';
import { cedar } from './cedar.ts';

/** Of all policies together, in UTF-16 units. */
export const POLICIES_TEXT_MAX = 262_144;
const MOST_POLICIES = 2000;
const ID = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/**
 * Of one policy. Cedar itself gives up somewhere above 64 levels, and above 128 operators one after the other; conditions count as
 * operators, since Cedar joins them by `&&`.
 */
const MOST_LEVELS = 24;
const MOST_OPERATORS = 96;
const POLICY_TEXT_MAX = 8192;

/** Texts and comments, which may hold anything; then what nests, and what makes a tree deeper. */
const TOKEN =
  /"(?:[^"\\]|\\[\s\S])*"|\/\/[^\n]*|[([{]|[)\]}]|;|[-+*.!]|&&|\|\||\b(?:if|has|like|when|unless)\b/g;

/** By id, in the order of the text. */
export type PolicyTexts = ReadonlyMap<string, string>;

/**
 * @param text attacker-controlled
 * @throws policyInvalid for what is no Cedar, for policies without an id of their own, and for what is too long or too deep
 */
export function parsePolicies(text: string): PolicyTexts {
  boundText(text);
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') throw invalid('the text', firstOf(parts.errors));
  if (parts.policy_templates.length > 0)
    throw invalid('the text', 'a template, which needs what fills it in');
  if (parts.policies.length > MOST_POLICIES) throw invalid('the text', `more than ${MOST_POLICIES} policies`);
  const policies = new Map<string, string>();
  for (const policy of parts.policies) {
    const id = idOf(policy);
    if (policies.has(id)) throw invalid(id, 'an id that two policies have');
    policies.set(id, policy);
  }
  return policies;
}

/** A problem of one policy, or of the whole text. */
export function invalid(policy: string, reason: string): HanseError {
  return new HanseError('policyInvalid', { policy: policy.slice(0, 80), reason: reason.slice(0, 300) });
}

/** What Cedar says first. */
export function firstOf(
  errors: readonly { readonly message: string; readonly help?: string | null }[],
): string {
  const [first] = errors;
  if (!first) return 'no reason given';
  return first.help ? `${first.message} (${first.help})` : first.message;
}

function idOf(policy: string): string {
  const parsed = cedar.policyToJson(policy);
  if (parsed.type === 'failure') throw invalid('the text', firstOf(parsed.errors));
  const id = parsed.json.annotations?.id;
  const begin = policy.replaceAll(/\s+/g, ' ').slice(0, 60);
  if (id === undefined) throw invalid(begin, 'it has no @id, by which denials and the log tell of it');
  if (!ID.test(id)) throw invalid(begin, 'an @id of other than small letters of ASCII, digits and hyphens');
  return id;
}

function boundText(text: string): void {
  const [odd] = /(?![\t\n\r])\p{C}/u.exec(text) ?? [];
  if (odd !== undefined)
    throw invalid('the text', `a character that nobody sees: U+${odd.codePointAt(0)?.toString(16)}`);
  if (text.length > POLICIES_TEXT_MAX)
    throw invalid('the text', `longer than ${POLICIES_TEXT_MAX} characters`);
  let levels = 0;
  let operators = 0;
  let begin = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if ('([{'.includes(token)) levels += 1;
    else if (')]}'.includes(token)) levels = Math.max(0, levels - 1);
    else if (/^[-+*.!&|a-z]/.test(token)) operators += 1;
    if (levels > MOST_LEVELS) throw invalid(at(text, index), `nested deeper than ${MOST_LEVELS} levels`);
    if (operators > MOST_OPERATORS)
      throw invalid(at(text, index), `more than ${MOST_OPERATORS} operators in one policy`);
    if (index - begin > POLICY_TEXT_MAX)
      throw invalid(at(text, index), `longer than ${POLICY_TEXT_MAX} characters`);
    if (token !== ';') continue;
    operators = 0;
    begin = index;
  }
  if (text.length - begin > POLICY_TEXT_MAX)
    throw invalid(at(text, begin), `longer than ${POLICY_TEXT_MAX} characters`);
}

function at(text: string, index: number): string {
  return `line ${text.slice(0, index).split('\n').length}`;
}
