/**
 * `hanse join`: a participant or an evaluator, next to its data, until it is stopped.
 */
import { hostname, totalmem } from 'node:os';
import { Type } from 'typebox';
import { candidates, primitives } from '#primitives';
import { utf8 } from '../../protocol/bytes.ts';
import { type InviteLink, parseInviteLink } from '../../protocol/invite-link.ts';
import { asUsage } from '../../protocol/parse.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { RandomSource } from '../../protocol/random.ts';
import { requireSound, type SelfTest, selfTest } from '../../protocol/secagg/self-test.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { DataSetVersion } from '../../schemas/ids.ts';
import type { Role } from '../../schemas/member.ts';
import { DisplayName } from '../../schemas/member.ts';
import type { CostLimits } from '../../schemas/node-policy.ts';
import type { TrainTask } from '../../schemas/task.ts';
import { attemptFile } from '../attempt-file.ts';
import { readCa } from '../ca-file.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import type { DataSet } from '../data/data-set.ts';
import { WithdrawalJournal } from '../data/withdrawal-journal.ts';
import { describeSelfTest } from '../describe-self-test.ts';
import { directoryFile } from '../directory-file.ts';
import { DirectoryWatch } from '../directory-watch.ts';
import { type DropoutPlan, isDroppedOut, parseDropoutPlan } from '../dropout-plan.ts';
import { EgressWatch } from '../egress-watch.ts';
import { chooseProvider } from '../engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../engine/node-providers.ts';
import type { ExecutionProvider } from '../engine/provider.ts';
import { EngineTurns } from '../engine-turns.ts';
import { connect } from '../enrol.ts';
import { type Identity, successorIdentity } from '../identity.ts';
import { CAPACITY, JobCache } from '../job-cache.ts';
import { type KeyHandover, throughKeys } from '../key-handover.ts';
import { letterFile } from '../letter-log.ts';
import { Mailbox } from '../mailbox.ts';
import { nativeSeededRandom } from '../native-key-stream.ts';
import { nodeExchangeTrusting } from '../node-exchange.ts';
import { NodeService } from '../node-service.ts';
import { openPrivacyGuard } from '../open-privacy-guard.ts';
import { participate } from '../participant.ts';
import type { ParticipantEvent } from '../participant-event.ts';
import { givenPassphrase } from '../passphrase.ts';
import { ReceiptFile } from '../receipt-file.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../retrying-coordinator.ts';
import { securePartyOf } from '../secure-party.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import { tellWithdrawals } from '../tell-withdrawals.ts';
import { lockUnused } from '../unused-identity.ts';
import type { WitnessDuty } from '../witness-duty.ts';
import { ADMISSION_OPTIONS } from './admission-options.ts';
import { CA_OPTION } from './ca-option.ts';
import { DATA_OPTIONS } from './data-options.ts';
import { PASSPHRASE_OPTION } from './identity-options.ts';
import { identityFor, type KnownPlan, type Patience } from './join-identity.ts';
import { type JoinOptions, type JoinPlan, loadDataSets, planJoin } from './join-plan.ts';
import { counted, describeEvent, eventToJson, stackOf } from './participant-report.ts';
import { checkedProxy, PROXY_OPTION } from './proxy-option.ts';
import { TERMS_OPTIONS } from './terms-options.ts';
import { witnessOf } from './witness-of-node.ts';

/** What the options are without being given. */
const DEFAULTS = {
  identity: '.hanse/node/identity.json',
  name: hostname(),
  provider: 'auto',
  threads: 1,
  dataSetVersion: '1',
} as const satisfies Partial<JoinOptions>;

export const joinCommand = defineCommand<JoinOptions>({
  summary: 'run a participant or an evaluator next to its data; enrol whoever has none',
  arguments: [{ name: '[invite]', description: 'the invite link, at the first start' }],
  options: [
    ...DATA_OPTIONS.map((option) => ({ ...option, required: false })),
    {
      flags: '--config <file>',
      description: 'take all of this from a configuration file: `hanse config init` writes one',
    },
    { flags: '--identity <file>', description: 'the key of this node', default: DEFAULTS.identity },
    { ...CA_OPTION, description: `${CA_OPTION.description}; kept with the identity` },
    PROXY_OPTION,
    ...ADMISSION_OPTIONS,
    PASSPHRASE_OPTION,
    {
      flags: '--name <name>',
      description: 'what the node is called',
      default: DEFAULTS.name,
      schema: DisplayName,
    },
    {
      flags: '--provider <name>',
      description: 'where to train',
      choices: ['auto', 'cpu', 'wasm', 'webgpu', 'cuda'],
      default: DEFAULTS.provider,
    },
    {
      flags: '--threads <n>',
      description: 'threads for training',
      kind: 'integer',
      default: DEFAULTS.threads,
      schema: Type.Integer({ minimum: 1, maximum: 1024 }),
    },
    {
      flags: '--data-set-version <v>',
      description: 'changes whenever the data do',
      default: DEFAULTS.dataSetVersion,
      schema: DataSetVersion,
    },
    ...TERMS_OPTIONS,
    {
      flags: '--privacy-budget <epsilon,delta>',
      description: 'what all jobs together may cost each unit of the data, such as 8,1e-6; absent: no DP job',
    },
    {
      flags: '--privacy-unit <unit>',
      description: 'whose data the budget protects; absent: each example',
      choices: ['example', 'person', 'participant'],
    },
    { flags: '--allow-single-class', description: 'take part although all labels are the same' },
    {
      flags: '--allow-plain',
      description: 'take part also in jobs without secure aggregation, whose coordinator sees each update',
    },
    {
      flags: '--trust-coordinator',
      description: 'take part also in jobs whose coordinator adds the noise that their promise rests on',
    },
    {
      flags: '--inspect',
      description: 'look at every update before it leaves: `hanse inspect` shows the latest',
    },
    {
      flags: '--seed <text>',
      description: 'for experiments: makes local randomness repeatable. Never in production',
    },
    {
      flags: '--drop-out <k/n/i>',
      description:
        'for experiments, with --seed: k of n nodes drop out of each secure round; this is number i, from 0',
    },
  ],
  examples: [
    ['hanse join "http://127.0.0.1:8790/#invite=..." --data mnist:train', 'enrol, then take part'],
    [
      'hanse join --data csv:patients.csv --features age,bmi --target risk',
      'start again with the stored identity',
    ],
    [
      'hanse join --data csv:visits.csv --features age,bmi --target risk --person-column patient --privacy-budget 4,1e-6 --privacy-unit person',
      'jobs that promise privacy, until all together have cost each person this much',
    ],
    ['hanse join --config node.yaml', 'as a service: data, policy and limits are in a file'],
    [
      'hanse join "http://127.0.0.1:8790/#invite=..." --identity .hanse/me.json',
      'enrol a researcher, a partner, an auditor or an operator, who have no data',
    ],
  ],
  async run({ args, options }, io) {
    const counts: Counts = { contributed: 0, evaluated: 0, declined: 0, missed: 0 };
    const [link] = args;
    const invite = link === undefined ? undefined : asUsage(() => parseInviteLink(link));
    const dropout = options.dropOut === undefined ? undefined : parseDropoutPlan(options.dropOut);
    if (dropout && options.seed === undefined)
      throw new HanseError('usage', {
        reason: '--drop-out needs the --seed that all nodes of the experiment share',
      });
    const joining = await planJoin(options, DEFAULTS);
    const { access } = joining;
    const ca = access.ca === undefined ? undefined : await readCa(access.ca);
    const trouble: Trouble = { told: () => {} };
    const around = (api: CoordinatorApi) => patient(api, io, trouble);
    const proxy = checkedProxy(access);
    const patience: Patience = (trust) => ({
      around,
      exchange: nodeExchangeTrusting(trust, proxy),
      signal: io.signal,
    });
    const plan: KnownPlan = {
      ...joining,
      ...(ca !== undefined && { ca }),
    };
    const tested = await testPrimitives(io);
    if (plan.sources.length === 0) return enrolOnly(invite, plan, patience, io);
    const dataSets = await loadDataSets(plan.sources);
    const { threads } = plan;
    const { provider } = await chooseProvider(plan.provider, { candidates: NODE_PROVIDERS, threads });
    try {
      const stored = await identityFor(invite, plan, patience, io);
      const identity = { ...stored, server: plan.server ?? stored.server };
      const left = new AbortController();
      const egress = new EgressWatch(systemClock, { isAlways: options.inspect ?? false });
      const last = await throughKeys(identity, {
        live: (current, handover) =>
          live(
            current,
            { dataSets, provider, patience, counts, handover, trouble, left, egress, tested },
            {
              ...plan,
              ...(options.seed !== undefined && { seed: options.seed }),
              ...(dropout && { dropout }),
            },
            io,
          ),
        find: async (current) => {
          const passphrase = current.passphrase ?? (await givenPassphrase(plan.access));
          const opened = { ...current, ...(passphrase && { passphrase }) };
          const next = await successorIdentity(plan.identity, opened);
          return next && { ...next, server: current.server };
        },
        clock: systemClock,
        signal: AbortSignal.any([io.signal, left.signal]),
      });
      return { nodeId: last.nodeId, ...counts };
    } catch (error) {
      if (!io.signal.aborted) throw error;
      return { nodeId: null, ...counts };
    }
  },
});

/** Before anything is signed. Throws `primitiveUnsound`. */
async function testPrimitives(io: CommandIo): Promise<SelfTest> {
  const tested = await selfTest(candidates, () => performance.now());
  const { report } = tested;
  io.note(`cryptography: ${describeSelfTest(report)}`);
  io.event({ type: 'selfTest', report });
  requireSound(report);
  return tested;
}

/** For a member without data: the identity is stored for the other commands. */
async function enrolOnly(
  invite: InviteLink | undefined,
  plan: KnownPlan,
  patience: Patience,
  io: CommandIo,
): Promise<object> {
  if (invite === undefined)
    throw new HanseError('usage', { reason: 'give --data, or the invite of somebody without data' });
  if (hasData(invite.role))
    throw new HanseError('usage', {
      reason: `the invite is one of a ${invite.role}: give --data, or --config`,
    });
  const identity = await identityFor(invite, plan, patience, io);
  const { nodeId, role, federationId } = identity;
  if (hasData(role))
    throw new HanseError('usage', { reason: `${plan.identity} is that of a ${role}: give --data` });
  const api = await connect(identity, systemClock, patience(identity));
  const directory = await DirectoryWatch.open({
    ...{ api, member: identity, pin: directoryFile(plan.identity, identity) },
    observe: (event) => io.note(describeEvent(event)),
  });
  await directory.follow(undefined, io.signal);
  io.print(`${role} of ${federationId}: use --identity ${plan.identity} with the commands`);
  return { nodeId, role, federationId, identity: plan.identity };
}

/** Whether it is a node that trains or measures. */
function hasData(role: Role): boolean {
  return role === 'participant' || role === 'evaluator';
}

type Counts = Record<'contributed' | 'evaluated' | 'declined' | 'missed', number>;

interface Equipment {
  readonly dataSets: readonly DataSet[];
  readonly provider: ExecutionProvider;
  readonly patience: Patience;
  readonly counts: Counts;
  readonly handover: KeyHandover;
  readonly trouble: Trouble;
  /** Aborted when the owner has told the node to leave: it goes on with no other key. */
  readonly left: AbortController;
  readonly egress: EgressWatch;
  readonly tested: SelfTest;
}

/** Takes part until the signal aborts, or another key has taken the place of this one. */
async function live(
  identity: Identity,
  { dataSets, provider, patience, counts, handover, trouble, left, egress, tested }: Equipment,
  plan: JoinPlan & Pick<JoinOptions, 'seed'> & { readonly dropout?: DropoutPlan },
  io: CommandIo,
): Promise<void> {
  const { role } = identity;
  if (role !== 'participant' && role !== 'evaluator')
    throw new HanseError('roleRefused', { role, needs: 'participant or evaluator' });
  io.note(`${identity.name} (${identity.nodeId}), ${role} of ${identity.federationId} at ${identity.server}`);
  const data = dataSets
    .map(({ examples: { count, name } }) => `${counted(count, 'example')} of ${name}`)
    .join(', ');
  io.note(`${data}; training on ${provider.name}, ${provider.reason}`);
  for (const { examples, terms } of dataSets) if (!terms) io.note(undeclared(examples.name));
  const lock = await lockUnused(plan.identity, identity.nodeId);
  const turns = new EngineTurns({ now: () => performance.now(), soon: setImmediate });
  const jobs = new JobCache(provider, turns);
  const announced = new Set<string>();
  const onSuccessor = (nodeId: string) => {
    handover.announced(nodeId).catch((error: unknown) => io.note(`the next key cannot be used: ${error}`));
  };
  let service: NodeService | undefined;
  let duty: WitnessDuty | undefined;
  let hasCosigned = false;
  const receipts = new ReceiptFile(plan.identity);
  const observe = (event: ParticipantEvent) => {
    handover.observe(event);
    if (event.type === 'contributed')
      receipts
        .keep({ ...event.task, ...event.report.receipt })
        .catch((error: unknown) => io.note(`a receipt is not kept: ${error}`));
    service?.observe(event);
    if (event.type === 'contributed') duty?.delivered();
    if (event.type in counts) counts[event.type as keyof Counts] += 1;
    if (event.type === 'preparing' && announced.has(event.task.jobId)) return; // loaded since an earlier round
    if (event.type === 'preparing') announced.add(event.task.jobId);
    if (event.type !== 'cosigned' || !hasCosigned) io.note(describeEvent(event));
    hasCosigned ||= event.type === 'cosigned';
    if ('problem' in event && isProblem(event.problem, 'internalError')) io.note(stackOf(event.problem));
    io.event(eventToJson(event));
  };
  try {
    const api = await connect(identity, systemClock, patience(identity));
    const pin = directoryFile(plan.identity, identity);
    const directory = await DirectoryWatch.open({ api, member: identity, pin, observe, onSuccessor });
    const mailbox = new Mailbox({
      ...{ api, reader: identity, directory, clock: systemClock, observe },
      log: letterFile(plan.identity),
      // No letter has a meaning yet beyond being shown.
      receive: async () => {},
    });
    const withdrawals = new WithdrawalJournal(plan.identity, systemClock);
    const { failure } = await tellWithdrawals(api, withdrawals);
    if (failure)
      io.note(`the coordinator is not told of what was withdrawn: ${failure.code}: ${failure.message}`);
    const { policy, limits } = plan;
    service = await NodeService.open({
      identity,
      identityFile: plan.identity,
      policy,
      limits,
      clock: systemClock,
      directory: () => directory.pinned,
      egress,
      note: io.note,
    });
    const { gate, ledger, leaving } = service;
    const privacy = await openPrivacyGuard({
      ...{ identity, identityFile: plan.identity, clock: systemClock, note: io.note },
      dataSets: role === 'participant' ? dataSets : [],
      directory: () => directory.pinned,
    });
    const signer = await primitives.signer(identity.seed.reveal());
    const log = attemptFile(plan.identity);
    const party = securePartyOf({
      member: identity,
      signer,
      log,
      directory,
      gate,
      clock: systemClock,
      tested,
    });
    if (role === 'participant') duty = await witnessOf(identity, signer, plan.identity, patience, observe);
    leaving.addEventListener('abort', () => {
      io.note(
        'leaving, as its owner has asked: what is under way is ended, and nobody is to count on this node',
      );
      left.abort();
    });
    trouble.told = (what) => service?.repeated(what);
    await participate({
      role,
      api,
      directory,
      mailbox,
      ...(duty && { witness: duty }),
      dataSets,
      withdrawals,
      provider,
      memoryBytes: memoryOf(limits),
      jobs,
      gate,
      privacy,
      ledger,
      leaving,
      party,
      inspector: egress,
      turns,
      atOnce: CAPACITY,
      buffers: new SpareBuffers(),
      randomFor: (task) => randomFor(task, identity, plan.seed),
      ...(plan.dropout && { dropsOut: dropsOutOf(plan.dropout, plan.seed ?? '') }),
      clock: systemClock,
      signal: AbortSignal.any([io.signal, handover.signal]),
      waitSeconds: 20,
      observe,
    });
  } finally {
    await service?.close();
    await receipts.settled();
    await jobs.release();
    await lock.release();
  }
}

/** Of data that were named on a command line. */
function undeclared(name: string): string {
  return `nobody has said on what terms ${name} may be used: give --origin, --lawful-basis, --retention and --contact`;
}

/** What the owner permits, or what there is. */
function memoryOf({ memoryMegabytes }: CostLimits): number {
  return memoryMegabytes === undefined ? totalmem() : memoryMegabytes * 1e6;
}

/** Who else hears that a request has to be repeated. */
interface Trouble {
  told: (what: string) => void;
}

function patient(api: CoordinatorApi, io: CommandIo, trouble: Trouble): CoordinatorApi {
  return retryingCoordinator(api, {
    clock: systemClock,
    random: primitives.random,
    ...DEFAULT_PAUSES,
    onRetry: ({ code, message }, pauseMs) => {
      trouble.told(`${code}: ${message}`);
      io.note(`${code}: ${message}; trying again in ${(pauseMs / 1000).toFixed(1)} s`);
    },
  });
}

function dropsOutOf(plan: DropoutPlan, seed: string): (task: TrainTask) => Promise<boolean> {
  return (task) => isDroppedOut(plan, seed, task);
}

/** Secret randomness; a seeded stream where an experiment asks for it. */
async function randomFor(
  task: TrainTask,
  identity: Identity,
  seed: string | undefined,
): Promise<RandomSource> {
  if (seed === undefined) return primitives.random;
  const label = `HANSE participant\0${seed}\0${identity.name}\0${task.round}\0${task.attempt}`;
  return nativeSeededRandom(await primitives.sha256(utf8(label)));
}
