/** The Cedar schema of a coordinator, and the policies that it has where nobody has given it others: SPEC.md 4.10. */
import { readFileSync } from 'node:fs';

const read = (name: string) => readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');

export const CEDAR_SCHEMA = read('hanse.cedarschema');
export const DEFAULT_POLICIES = read('default-policies.cedar');
