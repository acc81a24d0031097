/** Which policies a command is about: those of a file, those in force at a coordinator, or those that one comes with. */
import { readFile } from 'node:fs/promises';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { DEFAULT_POLICIES } from '../access/cedar-schema.ts';

export interface PolicySourceOptions {
  readonly policies?: string;
  readonly inForce?: boolean;
}

/** Asks a coordinator for the text of those in force: of the client's room, of which this one knows nothing. */
export type FetchPolicies<Asking> = (options: Asking, signal: AbortSignal) => Promise<string>;

export const POLICY_SOURCE_OPTIONS: readonly CommandOption[] = [
  { flags: '--policies <file>', description: 'Cedar text; else those that a coordinator comes with' },
  { flags: '--in-force', description: 'those in force at the coordinator of --identity' },
];

/** @throws dataFileMissing, invalidFormat where there is no such file, or it is no text; what the coordinator throws */
export async function policiesOf<Asking>(
  options: PolicySourceOptions & Asking,
  fetchPolicies: FetchPolicies<Asking>,
  signal: AbortSignal,
): Promise<string> {
  if (options.policies !== undefined) return readPolicies(options.policies);
  return options.inForce ? fetchPolicies(options, signal) : DEFAULT_POLICIES;
}

/** @throws dataFileMissing, invalidFormat */
export async function readPolicies(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause) => {
    throw new HanseError('dataFileMissing', { file }, { cause });
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HanseError('invalidFormat', { where: file, expected: 'UTF-8' }, { cause });
  }
}
