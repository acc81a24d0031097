/**
 * `hanse policy explain`: what a role may do at a coordinator, and why a node of this machine would or would not take part in a job, by every rule of its
 * owner. It reads what the node reads, asks the coordinator for the job, and changes nothing; whether the node runs makes
 * no difference. SPEC.md section 6.5.
 */
import type { Verdict } from '../../protocol/exchange/rule-finding.ts';
import { parseJson } from '../../protocol/parse.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import {
  type CommandDefinition,
  type CommandIo,
  type CommandOption,
  defineCommand,
} from '../../schemas/command.ts';
import { JobId } from '../../schemas/ids.ts';
import { JobManifest } from '../../schemas/job.ts';
import { readDataFile } from '../data/data-file.ts';
import { directoryFile } from '../directory-file.ts';
import {
  type AskedJob,
  askForJob,
  type ExplainedRule,
  type Explainer,
  explainJob,
  jobOfManifest,
} from '../explain-job.ts';
import type { PassphraseSource } from '../passphrase.ts';
import { connectAs, type IdentityOptions, OPERATOR_FILE, PASSPHRASE_OPTION } from './identity-options.ts';
import { type JoinPlan, loadDataSets, planJoin } from './join-plan.ts';
import { NODE_FILE, type RunningNodeOptions } from './running-node.ts';

export interface PolicyExplainOptions extends RunningNodeOptions, PassphraseSource {
  readonly job?: string;
  readonly manifest?: string;
}

const MANIFEST_BYTES_MAX = 8_388_608;

const OPTIONS: readonly CommandOption[] = [
  { flags: '--job <id>', description: 'a job of the coordinator: job-... (hanse job list)', schema: JobId },
  { flags: '--manifest <file>', description: 'in place of --job, the manifest of one in JSON: asks nobody' },
  {
    flags: '--config <file>',
    description: 'of a job: the configuration file of the node, which names its key',
  },
  {
    flags: '--identity <file>',
    description: `who asks; else ${NODE_FILE} of a job, ${OPERATOR_FILE} with --in-force`,
  },
  PASSPHRASE_OPTION,
];

/** Of the coordinator's room, of which this one knows nothing. */
export type ExplainRoles<Roles> = (options: Roles & IdentityOptions, io: CommandIo) => Promise<object>;

interface CombinedOptions extends Partial<PolicyExplainOptions> {
  readonly role?: string;
  readonly action?: string;
  readonly policies?: string;
  readonly inForce?: boolean;
}

/**
 * One command for both questions: what a role may do at a coordinator, and what a node would do with a job.
 * @param roleOptions of the former
 */
export function policyExplainCommand<Roles>(
  roleOptions: readonly CommandOption[],
  explainRoles: ExplainRoles<Roles>,
): CommandDefinition<CombinedOptions & Roles> {
  return defineCommand<CombinedOptions & Roles>({
    summary: 'tell what a role may do at a coordinator, or whether a node would take part in a job, and why',
    options: [...roleOptions, ...OPTIONS],
    examples: [
      ['hanse policy explain --role auditor', 'everything that an auditor may do, and what not'],
      [
        'hanse policy explain --action cancelJob --in-force',
        'who may end jobs at the coordinator in this folder',
      ],
      [
        'hanse policy explain --job job-0123456789abcdef --config node.yaml',
        'what the node of this file would do',
      ],
      ['hanse policy explain --manifest job.json --config node.yaml', 'the same of a manifest; asks nobody'],
    ],
    async run({ options }, io) {
      const { job, manifest, config, identity, role, action, policies, inForce } = options;
      const ofRoles = [role, action, policies, inForce].some((given) => given !== undefined);
      if (job === undefined && manifest === undefined) {
        if (config !== undefined)
          throw new HanseError('usage', { reason: '--config is of a node: give --job or --manifest' });
        return explainRoles({ ...options, identity: identity ?? OPERATOR_FILE }, io);
      }
      if (ofRoles)
        throw new HanseError('usage', {
          reason:
            '--role, --action, --policies and --in-force are of a coordinator, --job and --manifest of a node',
        });
      if (config !== undefined && identity !== undefined)
        throw new HanseError('usage', { reason: '--config names the key: leave out --identity' });
      return explainPolicy({ ...options, identity: identity ?? NODE_FILE }, io);
    },
  });
}

/**
 * @throws `usage`, `configInvalid`; what the job would be declined with before any rule is asked: `hashMismatch`,
 *   `manifestInvalid` and the like; what the coordinator answers
 */
export async function explainPolicy(options: PolicyExplainOptions, io: CommandIo): Promise<object> {
  const { job: jobId, manifest: file } = options;
  if ((jobId === undefined) === (file === undefined))
    throw new HanseError('usage', { reason: 'give --job, or --manifest in its place' });
  const plan = await planOf(options);
  const { job, ...of } =
    file === undefined ? await asked(jobId ?? '', plan, options, io) : await inFile(file);
  const node: Explainer = {
    identityFile: plan.identity,
    word: { policy: plan.policy, limits: plan.limits },
    isMeasurement: false,
    examples: async () => {
      if (plan.sources.length === 0) return undefined;
      const sets = await loadDataSets(plan.sources);
      return Math.min(...sets.map(({ examples }) => examples.count));
    },
    ...(options.config !== undefined && {
      budgets: plan.sources.flatMap(({ name, budget }) => (budget && name !== undefined ? [name] : [])),
    }),
    at: systemClock.now(),
    ...of,
  };
  const { rules, isPaused } = await explainJob(job, node);
  const { name, purpose } = job.manifest;
  const decision = decisionOf(rules);
  const explained = { jobId: jobId ?? null, manifestSha256: job.manifestSha256, name, purpose };
  print({ ...explained, rules, isPaused, decision }, io);
  return { ...explained, decision, isPaused, rules };
}

type Decision = Exclude<Verdict, 'doesNotApply'>;

/** The node decides by what it knows then: what is unknown may still refuse. */
function decisionOf(rules: readonly ExplainedRule[]): Decision {
  const has = (wanted: Verdict) => rules.some(({ verdict }) => verdict === wanted);
  const order = ['refused', 'postponed', 'unknown'] as const;
  return order.find(has) ?? 'permitted';
}

/** From the configuration; without one a node has the policy of `hanse join` without options. */
function planOf({ identity, config }: PolicyExplainOptions): Promise<JoinPlan> {
  const nothing = { identity, name: '', provider: 'auto', threads: 1, dataSetVersion: '1' } as const;
  return planJoin({ ...nothing, ...(config !== undefined && { config }) }, nothing);
}

interface Told extends Partial<Pick<Explainer, 'isMeasurement' | 'directory'>> {
  readonly job: AskedJob;
}

async function asked(
  jobId: string,
  { identity: file, access }: JoinPlan,
  options: PolicyExplainOptions,
  io: CommandIo,
): Promise<Told> {
  const { identity, api } = await connectAs({ ...access, ...options, identity: file }, io.signal);
  const directory = await directoryFile(file, identity).read();
  const job = await askForJob(jobId, api);
  return { job, isMeasurement: identity.role === 'evaluator', ...(directory && { directory }) };
}

async function inFile(file: string): Promise<Told> {
  const text = new TextDecoder().decode(await readDataFile(file, MANIFEST_BYTES_MAX));
  return { job: await jobOfManifest(parseJson(JobManifest, text, file)) };
}

interface Explained {
  readonly jobId: string | null;
  readonly name: string;
  readonly purpose: string;
  readonly decision: Decision;
  readonly isPaused: boolean;
  readonly rules: readonly ExplainedRule[];
}

const SAID: Readonly<Record<Decision, string>> = {
  permitted: 'this node would take part',
  refused: 'this node would not take part',
  postponed: 'this node would take part, but not at this hour',
  unknown: 'nothing speaks against it so far; some of it is not known yet',
};

const WORDS: Readonly<Record<Decision, string>> = {
  permitted: 'permits',
  refused: 'refuses',
  postponed: 'waits',
  unknown: 'open',
};

function print({ jobId, name, purpose, decision, isPaused, rules }: Explained, io: CommandIo): void {
  io.print(`${jobId ?? 'the manifest'}  "${name}" for ${purpose}: ${SAID[decision]}`);
  if (isPaused) io.print('  but its owner has paused it: hanse node resume');
  const width = Math.max(...rules.map(({ rule }) => rule.length));
  for (const { rule, verdict, permitted, found } of rules)
    if (verdict !== 'doesNotApply')
      io.print(
        `  ${WORDS[verdict].padEnd(8)} ${rule.padEnd(width)}  permitted: ${permitted}; found: ${found}`,
      );
  const others = rules.filter(({ verdict }) => verdict === 'doesNotApply').map(({ rule }) => rule);
  if (others.length > 0) io.print(`  does not apply: ${others.join(', ')}`);
}
