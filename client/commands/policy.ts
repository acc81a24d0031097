/**
 * `hanse policy show|history|propose|approve|withdraw`: the policies of a coordinator, for those who may change them. SPEC.md 4.10.
 */
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { HanseError } from '../../protocol/problem.ts';
import { type CommandArgument, defineCommand } from '../../schemas/command.ts';
import { type PolicyDetail, type PolicyLine, PolicyNote } from '../../schemas/policy.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';

const VERSION: CommandArgument = {
  name: '<version>',
  description: 'number of the version (hanse policy history)',
  schema: Type.String({ pattern: '^(0|[1-9][0-9]{0,5})$' }),
};

/** The text of those in force at the coordinator of whoever asks. */
export async function fetchPolicies(options: IdentityOptions, signal: AbortSignal): Promise<string> {
  const { api } = await connectAs(options, signal);
  return (await api.call('getPolicies', {})).text;
}

export const policyShowCommand = defineCommand<IdentityOptions & { readonly version?: string }>({
  summary: 'print policies of the coordinator: those in force, or a version',
  arguments: [{ ...VERSION, name: '[version]' }],
  options: IDENTITY_OPTIONS,
  examples: [
    ['hanse policy show', 'what is in force; into a file, to be changed and proposed'],
    ['hanse policy show 0', 'those that the coordinator comes with'],
  ],
  async run({ args: [version], options }, io) {
    const { api } = await connectAs(options, io.signal);
    const shown =
      version === undefined
        ? await api.call('getPolicies', {})
        : await api.call('getPolicyVersion', { params: { version } });
    io.print(shown.text.trimEnd());
    return shown;
  },
});

export const policyHistoryCommand = defineCommand<IdentityOptions>({
  summary: 'list the versions of the policies, or tell how one differs from what was before',
  arguments: [{ ...VERSION, name: '[version]' }],
  options: IDENTITY_OPTIONS,
  examples: [
    ['hanse policy history', 'who has changed what, newest first'],
    ['hanse policy history 3', 'the difference that version 3 makes'],
  ],
  async run({ args: [version], options }, io) {
    const { api } = await connectAs(options, io.signal);
    if (version !== undefined) {
      const detail = await api.call('getPolicyVersion', { params: { version } });
      io.print(lineOf(detail));
      for (const line of detail.diff.split('\n').slice(0, -1)) io.print(`  ${line}`);
      return detail;
    }
    const { text: _, ...told } = await api.call('getPolicies', {});
    for (const one of told.history) io.print(lineOf(one));
    if (told.approvals > 1) io.print(`a change needs ${told.approvals} operators`);
    return told;
  },
});

interface ProposeOptions extends IdentityOptions {
  readonly note: string;
}

export const policyProposeCommand = defineCommand<ProposeOptions>({
  summary: 'propose other policies; where nobody else has to approve them they are in force',
  arguments: [{ name: '<file>', description: 'policies in Cedar (hanse policy check)' }],
  options: [
    {
      flags: '--note <text>',
      description: 'why; kept, and in the audit log',
      required: true,
      schema: PolicyNote,
    },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    ['hanse policy propose policies.cedar --note "auditors of the hospital group"', 'upon those in force'],
  ],
  async run({ args: [file = ''], options }, io) {
    const text = await readFile(file, 'utf8').catch((cause) => {
      throw new HanseError('dataFileMissing', { file }, { cause });
    });
    const { api } = await connectAs(options, io.signal);
    const { version } = await api.call('getPolicies', {});
    const body = { text, note: options.note, after: version };
    return told(await api.call('proposePolicies', { body }), io.print.bind(io));
  },
});

export const policyApproveCommand = defineCommand<IdentityOptions>({
  summary: 'approve policies that somebody else has proposed',
  arguments: [VERSION],
  options: IDENTITY_OPTIONS,
  examples: [['hanse policy approve 3', 'look at the difference first: hanse policy history 3']],
  async run({ args: [version = ''], options }, io) {
    const { api } = await connectAs(options, io.signal);
    return told(await api.call('approvePolicies', { params: { version } }), io.print.bind(io));
  },
});

export const policyWithdrawCommand = defineCommand<IdentityOptions>({
  summary: 'withdraw policies that wait for approval',
  arguments: [VERSION],
  options: IDENTITY_OPTIONS,
  examples: [['hanse policy withdraw 3', 'so that others can be proposed']],
  async run({ args: [version = ''], options }, io) {
    const { api } = await connectAs(options, io.signal);
    return told(await api.call('withdrawPolicies', { params: { version } }), io.print.bind(io));
  },
});

function told(detail: PolicyDetail, print: (line: string) => void): PolicyDetail {
  print(lineOf(detail));
  if (detail.state === 'waiting') print('  in force once others approve it: hanse policy approve');
  return detail;
}

const STATES = {
  waiting: 'waits',
  inForce: 'in force',
  replaced: 'replaced',
  withdrawn: 'withdrawn',
} as const;

function lineOf({ version, state, note, by, proposedAt, adoptedAt }: PolicyLine): string {
  const who = by.map((id) => id.slice(0, 8)).join(', ');
  const when = adoptedAt ?? proposedAt;
  return [String(version), STATES[state], when, who, note].filter((part) => part).join('  ');
}
