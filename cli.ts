#!/usr/bin/env node
/**
 * The front door: one command `hanse`, with subcommands that live in the rooms and are loaded when they are asked for.
 *
 * Results go to standard output, with --json as one object on the last line; everything else goes to standard error.
 * Exit codes: 0 done, 1 failed or refused, 2 wrong usage.
 */
import { existsSync, fstatSync, realpathSync, writeFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { TSchema } from 'typebox';
import { describeProblem, printable, problemLine } from './client/commands/told-problem.ts';
import { fileProblem } from './client/file-problem.ts';
import { parse } from './protocol/parse.ts';
import { HanseError, isProblem } from './protocol/problem.ts';
import { SOFTWARE } from './protocol/versions.ts';
import type { CommandDefinition, CommandIo, CommandOption } from './schemas/command.ts';
import type { PolicyExplainOptions } from './server/commands/policy-explain.ts';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<CommandDefinition<never>>;
}

/** By path, in the order of the help. */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  demo: {
    summary: 'a whole federation on this machine: coordinator, participants, training on MNIST',
    load: async () => (await import('./sim/commands/demo.ts')).demoCommand,
  },
  serve: {
    summary: 'run a coordinator',
    load: async () => (await import('./server/commands/serve.ts')).serveCommand,
  },
  invite: {
    summary: 'make an invite link for one node',
    load: async () => (await import('./client/commands/invite.ts')).inviteCommand,
  },
  'member list': {
    summary: 'list the members of the federation, and whether they are there',
    load: async () => (await import('./client/commands/member.ts')).memberCommands.list,
  },
  'member show': {
    summary: 'show a member: its keys, what it can do, and on what terms its data may be used',
    load: async () => (await import('./client/commands/member.ts')).memberCommands.show,
  },
  'member waiting': {
    summary: 'list who waits to become a member',
    load: async () => (await import('./client/commands/member.ts')).memberCommands.waiting,
  },
  'member approve': {
    summary: 'make a member of somebody who waits',
    load: async () => (await import('./client/commands/member.ts')).memberCommands.approve,
  },
  'member refuse': {
    summary: 'make no member of somebody who waits',
    load: async () => (await import('./client/commands/member.ts')).memberCommands.refuse,
  },
  'member revoke': {
    summary: 'end the membership of a node or an organisation, at once',
    load: async () => (await import('./client/commands/member.ts')).memberCommands.revoke,
  },
  'member forget': {
    summary: 'erase from the log what says whom its entries are about, where that is this member',
    load: async () => (await import('./client/commands/member.ts')).memberCommands.forget,
  },
  'person invite': {
    summary: 'make a person known, and print the link by which they sign in',
    load: async () => (await import('./client/commands/person.ts')).personCommands.invite,
  },
  'person list': {
    summary: 'list the people of the federation',
    load: async () => (await import('./client/commands/person.ts')).personCommands.list,
  },
  'person link': {
    summary: 'print another link for a person to sign in by; one that nobody has used ends',
    load: async () => (await import('./client/commands/person.ts')).personCommands.link,
  },
  'person sign-out': {
    summary: 'end all sessions of a person, who may sign in again',
    load: async () => (await import('./client/commands/person.ts')).personCommands.signOut,
  },
  'person revoke': {
    summary: 'end all that a person may do, at once and for good',
    load: async () => (await import('./client/commands/person.ts')).personCommands.revoke,
  },
  'token create': {
    summary: 'issue an API token for a person, and print it: it is told nowhere else',
    load: async () => (await import('./client/commands/token.ts')).tokenCommands.create,
  },
  'token list': {
    summary: 'list the API tokens, without what they are',
    load: async () => (await import('./client/commands/token.ts')).tokenCommands.list,
  },
  'token revoke': {
    summary: 'end an API token, at once',
    load: async () => (await import('./client/commands/token.ts')).tokenCommands.revoke,
  },
  'data withdraw': {
    summary: 'take rows out of a data set: a new version without them, of which the coordinator is told',
    load: async () => (await import('./client/commands/data.ts')).dataWithdrawCommand,
  },
  'directory show': {
    summary: 'show the signed directory, checked against the one that is pinned',
    load: async () => (await import('./client/commands/directory.ts')).directoryCommands.show,
  },
  'directory verify': {
    summary: 'check that the directory which somebody else has seen is the same, or an earlier one of it',
    load: async () => (await import('./client/commands/directory.ts')).directoryCommands.verify,
  },
  'organisation new-key': {
    summary: 'make the key with which an organisation admits its nodes',
    load: async () => (await import('./client/commands/organisation.ts')).organisationCommands.newKey,
  },
  'organisation admit': {
    summary: 'admit a node to your organisation, and print the word that says so',
    load: async () => (await import('./client/commands/organisation.ts')).organisationCommands.admit,
  },
  'identity request': {
    summary: 'make the key of a node, and print what its organisation has to admit',
    load: async () => (await import('./client/commands/identity.ts')).identityCommands.request,
  },
  'identity show': {
    summary: 'show who an identity file makes you; nothing secret',
    load: async () => (await import('./client/commands/identity.ts')).identityCommands.show,
  },
  'identity rotate': {
    summary: 'replace the key of a node; one that runs goes on with the new key',
    load: async () => (await import('./client/commands/identity.ts')).identityCommands.rotate,
  },
  'identity encrypt': {
    summary: 'put the key of a node under a passphrase; not while the node runs',
    load: async () => (await import('./client/commands/identity.ts')).identityCommands.encrypt,
  },
  'identity decrypt': {
    summary: 'keep the key of a node without a passphrase again',
    load: async () => (await import('./client/commands/identity.ts')).identityCommands.decrypt,
  },
  join: {
    summary: 'run a participant or an evaluator next to its data; enrol whoever has none',
    load: async () => (await import('./client/commands/join.ts')).joinCommand,
  },
  'config check': {
    summary: 'check the configuration file of a node and the data it names: every fault with its line',
    load: async () => (await import('./client/commands/config.ts')).configCheckCommand,
  },
  'config init': {
    summary: 'write a configuration file that explains itself',
    load: async () => (await import('./client/commands/config.ts')).configInitCommand,
  },
  'node status': {
    summary: 'what a running node does, what it waits for, what jobs have taken',
    load: async () => (await import('./client/commands/node.ts')).nodeStatusCommand,
  },
  'node pause': {
    summary: 'let a running node finish what is under way and ask for no more, until it is resumed',
    load: async () => (await import('./client/commands/node.ts')).nodePauseCommand,
  },
  'node resume': {
    summary: 'let a paused node go on',
    load: async () => (await import('./client/commands/node.ts')).nodeResumeCommand,
  },
  'node leave': {
    summary: 'stop a running node at once; rounds do not wait for it',
    load: async () => (await import('./client/commands/node.ts')).nodeLeaveCommand,
  },
  inspect: {
    summary: 'show the latest update that left a running node, and what can be learnt from it',
    load: async () => (await import('./client/commands/inspect.ts')).inspectCommand,
  },
  'job create': {
    summary: 'start a federated training',
    load: async () => (await import('./client/commands/job-create.ts')).jobCreateCommand,
  },
  'job list': {
    summary: 'list the jobs of a coordinator',
    load: async () => (await import('./client/commands/job.ts')).jobListCommand,
  },
  'job show': {
    summary: 'show a job and its rounds',
    load: async () => (await import('./client/commands/job.ts')).jobShowCommand,
  },
  'job watch': {
    summary: 'follow a job until it ends',
    load: async () => (await import('./client/commands/job.ts')).jobWatchCommand,
  },
  'job cancel': {
    summary: 'end a job; released models stay',
    load: async () => (await import('./client/commands/job.ts')).jobCancelCommand,
  },
  'round show': {
    summary: 'show who took part in a round, how long it took, and what the coordinator could see',
    load: async () => (await import('./client/commands/round.ts')).roundShowCommand,
  },
  'round verify': {
    summary: 'check the record of a secure round; on the host of the coordinator, make its sum again',
    load: async () =>
      (await import('./client/commands/round.ts')).roundVerifyCommand(async (...round) =>
        (await import('./server/stored-round.ts')).verifyDataDir(...round),
      ),
  },
  'policy check': {
    summary: 'check policies, and tell what they would change',
    load: async () => {
      const { fetchPolicies } = await import('./client/commands/policy.ts');
      const { IDENTITY_OPTIONS } = await import('./client/commands/identity-options.ts');
      return (await import('./server/commands/policy-check.ts')).policyCheckCommand(
        fetchPolicies,
        IDENTITY_OPTIONS,
      );
    },
  },
  'policy test': {
    summary: 'test policies by cases of who may do what',
    load: async () => {
      const { fetchPolicies } = await import('./client/commands/policy.ts');
      const { IDENTITY_OPTIONS } = await import('./client/commands/identity-options.ts');
      return (await import('./server/commands/policy-test.ts')).policyTestCommand(
        fetchPolicies,
        IDENTITY_OPTIONS,
      );
    },
  },
  'policy explain': {
    summary: 'tell what a role may do at a coordinator, or whether a node would take part in a job, and why',
    load: async () => {
      const { fetchPolicies } = await import('./client/commands/policy.ts');
      const { policyExplainCommand } = await import('./client/commands/policy-explain.ts');
      const { POLICY_EXPLAIN_OPTIONS, explainRoles } = await import('./server/commands/policy-explain.ts');
      return policyExplainCommand<PolicyExplainOptions>(POLICY_EXPLAIN_OPTIONS, (options, io) =>
        explainRoles(options, fetchPolicies, io),
      );
    },
  },
  'policy show': {
    summary: 'print policies of the coordinator: those in force, or a version',
    load: async () => (await import('./client/commands/policy.ts')).policyShowCommand,
  },
  'policy history': {
    summary: 'list the versions of the policies, or tell how one differs from what was before',
    load: async () => (await import('./client/commands/policy.ts')).policyHistoryCommand,
  },
  'policy propose': {
    summary: 'propose other policies; where nobody else has to approve them they are in force',
    load: async () => (await import('./client/commands/policy.ts')).policyProposeCommand,
  },
  'policy approve': {
    summary: 'approve policies that somebody else has proposed',
    load: async () => (await import('./client/commands/policy.ts')).policyApproveCommand,
  },
  'policy withdraw': {
    summary: 'withdraw policies that wait for approval',
    load: async () => (await import('./client/commands/policy.ts')).policyWithdrawCommand,
  },
  'audit export': {
    summary:
      'write the audit log of a coordinator as a folder that anybody can verify, or a job of it as a page',
    load: async () =>
      (await import('./client/commands/audit-export.ts')).auditExportCommand(async (...given) =>
        (await import('./server/audit-export-source.ts')).openAuditExportSource(...given),
      ),
  },
  'audit fsck': {
    summary:
      'check every entry, hash and checkpoint of the audit log of a coordinator, and its records against it',
    load: async () =>
      (await import('./client/commands/audit-fsck.ts')).auditFsckCommand(async (dataDir, surroundings) =>
        (await import('./server/audit-fsck/fsck.ts')).fsckDataDir(dataDir, surroundings),
      ),
  },
  'audit verify': {
    summary: 'verify an audit log, exported or served: signatures, every entry, and the rounds of its jobs',
    load: async () => (await import('./client/commands/audit-verify.ts')).auditVerifyCommand,
  },
  'audit replay': {
    summary: 'make a job of an exported audit log again: every sum, every model, from the first on',
    load: async () => (await import('./client/commands/audit-replay.ts')).auditReplayCommand,
  },
  'audit query': {
    summary: 'ask an audit log, exported, stored or served: entries that fit, each with its proof',
    load: async () =>
      (await import('./client/commands/audit-query.ts')).auditQueryCommand(async (dataDir) =>
        (await import('./server/stored-log-source.ts')).openStoredLogSource(dataDir, { isOpened: true }),
      ),
  },
  'audit watch': {
    summary: 'follow an audit log as it grows: entries that fit, each with its proof, in a log that goes on',
    load: async () => (await import('./client/commands/audit-query.ts')).auditWatchCommand,
  },
  'audit uses': {
    summary: 'who has used a data set and for what, from the verified entries of an audit log',
    load: async () =>
      (await import('./client/commands/audit-ask.ts')).auditAskCommand('uses', async (...given) =>
        (await import('./server/audit-export-source.ts')).openAuditExportSource(...given),
      ),
  },
  'audit cost': {
    summary:
      'what a model has cost in privacy and whose data has shaped it, from the verified entries of a log',
    load: async () =>
      (await import('./client/commands/audit-ask.ts')).auditAskCommand('cost', async (...given) =>
        (await import('./server/audit-export-source.ts')).openAuditExportSource(...given),
      ),
  },
  'audit denials': {
    summary: 'which requests were refused, to whom and by which policy, from the verified entries of a log',
    load: async () =>
      (await import('./client/commands/audit-ask.ts')).auditAskCommand('denials', async (...given) =>
        (await import('./server/audit-export-source.ts')).openAuditExportSource(...given),
      ),
  },
  'audit organisation': {
    summary: 'all that an audit log tells of one organisation, from its verified entries',
    load: async () =>
      (await import('./client/commands/audit-ask.ts')).auditAskCommand('organisation', async (...given) =>
        (await import('./server/audit-export-source.ts')).openAuditExportSource(...given),
      ),
  },
  'audit policies': {
    summary: 'what has changed in policies between two dates, from the verified entries of a log',
    load: async () =>
      (await import('./client/commands/audit-ask.ts')).auditAskCommand('policies', async (...given) =>
        (await import('./server/audit-export-source.ts')).openAuditExportSource(...given),
      ),
  },
  'audit report': {
    summary:
      'write the report of a period as a page: what an audit log tells of it, from its verified entries',
    load: async () =>
      (await import('./client/commands/audit-report.ts')).auditReportCommand(async (...given) =>
        (await import('./server/audit-export-source.ts')).openAuditExportSource(...given),
      ),
  },
  'model export': {
    summary: 'write the released model of a job as an ONNX file',
    load: async () => (await import('./client/commands/model.ts')).modelExportCommand,
  },
  'model predict': {
    summary: 'run a model on examples',
    load: async () => (await import('./client/commands/model.ts')).modelPredictCommand,
  },
  'graph step': {
    summary: 'train a model on one batch and write its parameters',
    load: async () => (await import('./client/commands/graph.ts')).graphCommands.step,
  },
  'graph compile': {
    summary: 'compile the train step of a model, and say what it costs',
    load: async () => (await import('./client/commands/graph.ts')).graphCommands.compile,
  },
  'graph check': {
    summary: 'compare the gradients of a model with finite differences',
    load: async () => (await import('./client/commands/graph.ts')).graphCommands.check,
  },
  'privacy account': {
    summary: 'what a privacy event costs by each accountant: questions are lines of JSON on standard input',
    load: async () => (await import('./client/commands/privacy.ts')).privacyAccountCommand(),
  },
  'privacy ask': {
    summary: 'a statistic of one column of a table, under differential privacy, out of a budget',
    load: async () => (await import('./client/commands/privacy-ask.ts')).privacyAskCommand(),
  },
  'privacy poll': {
    summary: 'a statistic over the tables of several owners, of which nobody sees more than the sum',
    load: async () => (await import('./client/commands/privacy-poll.ts')).privacyPollCommand,
  },
  'privacy answer': {
    summary: 'the answer of several owners to an earlier poll, checked against its signed record',
    load: async () => (await import('./client/commands/privacy-answer.ts')).privacyAnswerCommand,
  },
  'privacy ledger': {
    summary: 'what was spent of the privacy budgets of a node, by whom, for what, and what is left',
    load: async () => (await import('./client/commands/privacy-ledger.ts')).privacyLedgerCommand,
  },
  'privacy plan': {
    summary: 'what a job would promise about its data, and what that would do to its model',
    load: async () => (await import('./client/commands/privacy-plan.ts')).privacyPlanCommand,
  },
  'privacy audit': {
    summary: 'test whether a simulated job keeps its promise: canaries, and the noise of its sums',
    load: async () => (await import('./sim/commands/privacy-audit.ts')).privacyAuditCommand,
  },
  sim: {
    summary: 'simulate a federation in this process',
    load: async () => (await import('./sim/commands/sim.ts')).simCommand,
  },
  'sim fuzz': {
    summary: 'search for faults that break a rule of the protocol',
    load: async () => (await import('./sim/commands/sim-fuzz.ts')).simFuzzCommand,
  },
  doctor: {
    summary: 'check what this machine can do, and whether a coordinator can be reached',
    load: async () => (await import('./client/commands/doctor.ts')).doctorCommand,
  },
};

const GROUPS: Readonly<Record<string, string>> = {
  config: 'write and check the configuration of a node',
  node: 'look at a running node, pause it, let it go on or leave',
  policy: 'see what a policy decides, and why',
  member: 'decide who is in the federation',
  person: 'decide which people may sign in at a coordinator',
  token: 'issue API tokens for scripts, and end them',
  directory: 'see and compare who is in the federation',
  organisation: 'keep the key of an organisation, and admit its nodes',
  identity: 'look after the key of a node',
  job: 'create and follow federated trainings',
  round: 'see what happened in a round, and verify it',
  model: 'export and use released models',
  graph: 'compile and check train steps',
  privacy: 'see what differential privacy costs',
  audit: 'export, check and verify what a coordinator has logged, ask it, and make it again',
};

/** What stands below a list of commands. */
const EACH =
  'Each command has --help with its options and examples, and --json for a result that programs read.';

/** Where the output goes, and what ends a command: the process, or a test. */
export interface Terminal {
  /** Standard output. */
  out(text: string): void;
  /** Standard error. */
  err(text: string): void;
  /** Whether standard error is one that understands cursor movements. */
  readonly isTerminal: boolean;
  /** Aborted when the command is to end. */
  readonly signal: AbortSignal;
}

if (isStarted()) process.exitCode = await runProcess(process.argv.slice(2));

/** Whether this file is the program, and not imported. The name may be a link, as npm makes them. */
function isStarted(): boolean {
  const [, file] = process.argv;
  return file !== undefined && existsSync(file) && realpathSync(file) === fileURLToPath(import.meta.url);
}

/**
 * Asked to stop once, the command ends by itself; asked twice, the process is killed. When nobody reads the results any
 * more it is asked too; a log that cannot be written ends nothing.
 */
async function runProcess(words: readonly string[]): Promise<number> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  if (process.env.HANSE_END_WITH_STDIN === '1') process.stdin.resume().once('end', stop).unref();
  let lost: unknown;
  const err = writerTo(process.stderr, { gone: () => {}, lost: () => {} });
  const out = writerTo(process.stdout, {
    gone: stop,
    lost: (error) => {
      lost ??= error;
    },
  });
  try {
    const isTerminal = process.stderr.isTTY === true;
    const exitCode = await main(words, { out, err, isTerminal, signal: controller.signal });
    if (lost === undefined) return exitCode;
    err(describeProblem(fileProblem('standard output', lost)));
    return 1;
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  }
}

/** What becomes of output that cannot be written. */
interface Failures {
  /** The reader has gone, and will not be back. */
  gone(): void;
  /** A file took nothing this time. */
  lost(error: unknown): void;
}

/**
 * Files are written to directly: once it has failed, a stream would keep all that follows in memory.
 * @param stream of a pipe or a terminal it tells by an event that its reader has gone
 */
function writerTo(
  stream: NodeJS.WriteStream & { readonly fd: number },
  { gone, lost }: Failures,
): (text: string) => void {
  stream.on('error', gone);
  const kind = attempt(
    () => fstatSync(stream.fd),
    () => {},
  );
  if (!kind || kind.isFIFO() || kind.isSocket() || isatty(stream.fd))
    return (text) => void stream.write(text);
  return (text) => attempt(() => writeFileSync(stream.fd, text), lost);
}

function attempt<T>(work: () => T, failed: (error: unknown) => void): T | undefined {
  try {
    return work();
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** Runs a command line, without the name of the program; resolves to the exit code. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  const chosen = chosenCommand(words);
  const program = new Command('hanse')
    .description('Organisations train models together without handing over raw data.')
    .version(SOFTWARE, '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      outputError: (text, write) => write(text.replace(/^error: /, 'hanse: usage: ')),
    })
    .showSuggestionAfterError()
    .showHelpAfterError(hintAt())
    .addHelpText('after', `\n${EACH}`)
    .helpCommand(false);
  const groups = new Map<string, Command>();
  let exitCode = 0;
  for (const [path, { summary, load }] of Object.entries(COMMANDS)) {
    const [first = '', second] = path.split(' ');
    let parent = program;
    if (second !== undefined) {
      parent = groups.get(first) ?? program.command(first).description(GROUPS[first] ?? '');
      groups.set(first, parent.exitOverride().helpCommand(false).showHelpAfterError(hintAt(first)));
    }
    const command = parent
      .command(second ?? first)
      .description(summary)
      .showHelpAfterError(hintAt(path))
      .exitOverride();
    if (second === undefined && isGroup(path)) groups.set(path, command.helpCommand(false));
    if (path === chosen)
      describe(command, await load(), async (definition, input, json) => {
        exitCode = await runCommand(definition, input, json, terminal);
      });
  }
  const [word = ''] = words;
  const group = groups.get(word);
  if (group && !chosen) group.addHelpText('after', `${examplesHelp(await groupExamples(word))}\n\n${EACH}`);
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    const reason = error.code === 'commander.help' ? 'a command is missing' : message;
    if (words.includes('--json')) terminal.out(problemLine(new HanseError('usage', { reason })));
    return 2;
  }
}

/** The longest known command at the beginning of the command line. */
function chosenCommand(words: readonly string[]): string | undefined {
  const [first = '', second = ''] = words;
  return [`${first} ${second}`, first].find((path) => Object.hasOwn(COMMANDS, path));
}

/** Whether there are commands below this one, which may be a command too. */
function isGroup(path: string): boolean {
  return Object.keys(COMMANDS).some((other) => other.startsWith(`${path} `));
}

/** Said below every misunderstanding. */
function hintAt(path = ''): string {
  return `  remedy: hanse ${path}${path && ' '}--help says what there is`;
}

type Examples = CommandDefinition['examples'];

function examplesHelp(examples: Examples): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, does]) => `  ${line.padEnd(width)}  ${does}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

/** The first example of each command of a group. */
async function groupExamples(group: string): Promise<Examples> {
  const entries = Object.entries(COMMANDS).filter(([path]) => path.startsWith(`${group} `));
  const definitions = await Promise.all(entries.map(([, { load }]) => load()));
  return definitions.flatMap(({ examples }) => examples.slice(0, 1));
}

interface Input {
  readonly args: string[];
  readonly options: object;
}

/** Gives a commander command the arguments, options and help of a definition, and runs it. */
function describe(
  command: Command,
  definition: CommandDefinition<never>,
  run: (definition: CommandDefinition<never>, input: Input, json: boolean) => Promise<void>,
): void {
  for (const { name, description, schema } of definition.arguments ?? [])
    command.argument(name, description, (text: string) => fitting(text, schema));
  const required: Option[] = [];
  for (const wanted of definition.options) {
    const option = toCommanderOption(wanted);
    command.addOption(option);
    if (wanted.required) required.push(option);
  }
  command.option('--json', 'print the result as one JSON object, on the last line');
  command.addHelpText('after', examplesHelp(definition.examples));
  command.action(async (...parameters: unknown[]) => {
    const { json = false, ...options } = command.opts() as { json?: boolean };
    // Asked for only now, so that a misspelt flag is told as such and not as missing.
    const missing = required.find((option) => !Object.hasOwn(options, option.attributeName()));
    if (missing) command.error(`error: required option '${missing.flags}' not specified`);
    const args = parameters.slice(0, definition.arguments?.length ?? 0).filter((word) => word !== undefined);
    await run(definition, { args: args as string[], options }, json);
  });
}

function toCommanderOption(wanted: CommandOption): Option {
  const { flags, description, kind = 'string', choices, schema } = wanted;
  const option = new Option(flags, description);
  if (choices) option.choices([...choices]);
  else if (kind === 'strings')
    option.argParser((text, before: string[] | undefined) => [...(before ?? []), fitting(text, schema)]);
  else if (kind !== 'string' || schema)
    option.argParser((text) => fitting(kind === 'string' ? text : toNumber(text, kind), schema));
  if (wanted.default !== undefined) option.default(wanted.default);
  return option;
}

function toNumber(text: string, kind: 'integer' | 'number'): number {
  const value = Number(text);
  const isFit =
    text.trim() !== '' && (kind === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value));
  if (!isFit) throw new InvalidArgumentError(`It must be ${kind === 'integer' ? 'an integer' : 'a number'}.`);
  return value;
}

/** The value, if it fits: whatever is out of its range is found before the command reads, writes or asks anything. */
function fitting<Value>(value: Value, schema: TSchema | undefined): Value {
  try {
    if (schema) parse(schema, value, '');
  } catch (error) {
    if (isProblem(error, 'invalidFormat')) throw new InvalidArgumentError(`It ${error.detail.expected}.`);
    throw error;
  }
  return value;
}

async function runCommand(
  definition: CommandDefinition<never>,
  input: Input,
  json: boolean,
  { out, err, isTerminal, signal }: Terminal,
): Promise<number> {
  const io: CommandIo = {
    print: (line) => {
      if (!json) out(`${printable(line)}\n`);
    },
    event: (object) => {
      if (json) out(`${JSON.stringify(object)}\n`);
    },
    note: (line) => err(`${printable(line)}\n`),
    isTerminal,
    json,
    signal,
  };
  try {
    const result = await definition.run(input as never, io);
    if (json) out(`${JSON.stringify(result)}\n`);
    return definition.isFailure?.(result) ? 1 : 0;
  } catch (error) {
    if (json) out(problemLine(error));
    err(describeProblem(error));
    return isProblem(error, 'usage') ? 2 : 1;
  }
}
