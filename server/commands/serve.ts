/**
 * `hanse serve`: a coordinator on this machine, with SQLite and a blob folder in a data directory.
 */
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { primitives } from '#primitives';
import { nodeIdOf } from '../../protocol/identity.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { SOFTWARE } from '../../protocol/versions.ts';
import { type CommandIo, defineCommand, Port } from '../../schemas/command.ts';
import { buildApp } from '../app.ts';
import { AuditQueries } from '../audit-queries.ts';
import { Coordinator } from '../coordinator.ts';
import { CoordinatorKeys } from '../coordinator-keys.ts';
import { type DataDir, openDataDir } from '../data-dir.ts';
import { addressesOf, type Entrance, entranceOf, isProxied, requireName } from '../entrance.ts';
import { DEFAULT_RATES } from '../http/rate-limits.ts';
import { TlsListeners } from '../http/tls-listeners.ts';
import { firstOperatorLink } from '../people/first-operator.ts';
import { webOriginOf } from '../people/web-origin.ts';
import { openRecords } from '../records.ts';
import { openFileBlobStore } from '../store/file-blob-store.ts';
import { openFilePartStore } from '../store/file-part-store.ts';
import { readTlsCredentials, type TlsCredentials } from '../tls-credentials.ts';
import { openWebSite } from '../web-site.ts';
import { readWitnessPolicy } from '../witness-policy-file.ts';
import { witnessedFile } from '../witnessed-log.ts';

const DAY_MS = 86_400_000;

interface ServeOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly host: string;
  readonly publicUrl?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy?: boolean;
  readonly liveness: number;
  readonly recruitGrace: number;
  readonly storeLimit?: number;
  readonly keepUpdates: number;
  readonly keepSalts: number;
  readonly witnessPolicy?: string;
  readonly witnessWait: number;
  readonly policyApprovals: number;
  readonly addressRate: number;
  readonly organisationRate: number;
}

export const serveCommand = defineCommand<ServeOptions>({
  summary: 'run a coordinator',
  options: [
    { flags: '--data-dir <dir>', description: 'records, models and keys', default: '.hanse/coordinator' },
    {
      flags: '--port <n>',
      description: 'port to listen on; 0 takes a free one',
      kind: 'integer',
      default: 8790,
      schema: Port,
    },
    {
      flags: '--host <address>',
      description: 'address to listen on; beyond this machine only with TLS',
      default: '127.0.0.1',
    },
    {
      flags: '--tls-cert <pem>',
      description: 'certificate and those that lead to its authority; read again on SIGHUP',
    },
    { flags: '--tls-key <pem>', description: 'its key, which its owner alone may read' },
    {
      flags: '--public-url <url>',
      description:
        'where nodes reach it, as https://coordinator.example: invite links name that; else the first name of the certificate',
    },
    {
      flags: '--behind-proxy',
      description: 'beyond this machine without TLS: a proxy has it, and nobody else reaches --host',
    },
    {
      flags: '--liveness <seconds>',
      description: 'how long a node counts as live after its last request',
      kind: 'number',
      default: 10,
      schema: Type.Number({ exclusiveMinimum: 0 }),
    },
    {
      flags: '--recruit-grace <seconds>',
      description: 'how long a round that has its minimum waits for other participants that are expected',
      kind: 'number',
      default: 5,
      schema: Type.Number({ minimum: 0 }),
    },
    {
      flags: '--keep-updates <days>',
      description:
        'how long updates are kept after their round, by which its sum can be made again; 0: no longer than it takes',
      kind: 'number',
      default: 30,
      schema: Type.Number({ minimum: 0, maximum: 36_500 }),
    },
    {
      flags: '--keep-salts <days>',
      description:
        'how long the log can say whom its salted members are about, such as who took part in a round; 0: no longer than a day',
      kind: 'number',
      default: 3650,
      schema: Type.Number({ minimum: 0, maximum: 36_500 }),
    },
    {
      flags: '--witness-policy <file>',
      description:
        'who has to have cosigned the log before a round is released (C2SP tlog-policy), or none; else more than half of the organisations whose nodes witness it',
    },
    {
      flags: '--witness-wait <seconds>',
      description: 'how long a release waits for them before it is told that it is withheld',
      kind: 'number',
      default: 30,
      schema: Type.Number({ minimum: 0, maximum: 86_400 }),
    },
    {
      flags: '--policy-approvals <operators>',
      description: 'how many operators have to want other policies, the one who proposes them among them',
      kind: 'integer',
      default: 1,
      schema: Type.Integer({ minimum: 1, maximum: 16 }),
    },
    {
      flags: '--address-rate <n>',
      description: 'requests in a second of one address whose sender is not known; 0: no limit',
      kind: 'number',
      default: DEFAULT_RATES.addressPerSecond,
      schema: Type.Number({ minimum: 0, maximum: 1_000_000 }),
    },
    {
      flags: '--organisation-rate <n>',
      description:
        'reads in a second, and as many writes, for each node of an organisation, which has them together; 0: no limit',
      kind: 'number',
      default: DEFAULT_RATES.organisationPerSecond,
      schema: Type.Number({ minimum: 0, maximum: 1_000_000 }),
    },
    {
      flags: '--store-limit <bytes>',
      description: 'greatest size of the database; unlimited if not given',
      kind: 'integer',
      schema: Type.Integer({ minimum: 1 }),
    },
  ],
  examples: [
    ['hanse serve', 'listen on 127.0.0.1:8790, data in .hanse/coordinator'],
    ['hanse serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem', 'for other machines, by TLS'],
    ['hanse serve --public-url https://hanse.example', 'behind a proxy on this machine that adds TLS'],
    [
      'hanse serve --host 10.0.0.5 --behind-proxy --public-url https://hanse.example',
      'behind a proxy in a private network',
    ],
    [
      'hanse serve --witness-policy witness-policy',
      'rounds wait for the witnesses of this file, whoever else witnesses the log',
    ],
    ['hanse serve --port 0 --json', 'a free port; the address is in the first line'],
  ],
  async run({ options }, io) {
    const { dataDir: path } = options;
    const entrance = entranceOf(options, systemClock.now());
    const dataDir = openDataDir(path, { create: true });
    try {
      await serve(dataDir, entrance, options, io);
    } finally {
      dataDir.release();
    }
    return { stopped: true, dataDir: dataDir.path };
  },
});

async function serve(
  dataDir: DataDir,
  entrance: Entrance,
  options: ServeOptions,
  io: CommandIo,
): Promise<void> {
  const report = (error: unknown, doing: string) =>
    io.note(
      `${new Date().toISOString()} ${doing}: ${error instanceof HanseError ? `${error.code}: ` : ''}${text(error)}${error instanceof HanseError ? ` ${error.remedy}` : ''}`,
    );
  const keys = await CoordinatorKeys.open(dataDir);
  const coordinator = await openCoordinator(dataDir, keys, options, report);
  const { id } = coordinator.federation;
  const listeners = new TlsListeners(entrance.tls?.credentials);
  const site = await openWebSite(fileURLToPath(new URL('../../web', import.meta.url)));
  const { addressRate: addressPerSecond, organisationRate: organisationPerSecond } = options;
  const app = await buildApp({
    ...{ coordinator, report, listeners, ...(site && { site }) },
    ...{ rates: { addressPerSecond, organisationPerSecond }, isProxied: isProxied(options) },
  });
  let stopRenewing = () => {};
  const said = { software: SOFTWARE, origin: keys.logKey.key.name };
  const policies = coordinator.policies.authorizer.policies.sha256;
  try {
    await coordinator.notes.record({ type: 'admin.started', data: { ...said, policies } });
    keys.pin(id);
    const port = await listen(app, options.port, options.host);
    const addresses = addressesOf(entrance, options.host, port);
    const { url, publicServer } = addresses;
    await keys.writeOperator(addresses);
    coordinator.people.servedAt(webOriginOf(publicServer, url));
    const first = await firstOperatorLink(coordinator.people, await nodeIdOf(keys.operatorKey));
    stopRenewing = renewOnHangup(entrance, options.behindProxy ?? false, io, async (renewed) => {
      listeners.replace(renewed);
      const now = addressesOf(withCredentials(entrance, renewed), options.host, port);
      await keys.writeOperator(now);
      coordinator.people.servedAt(webOriginOf(now.publicServer, now.url));
    });
    io.print(`Hanse coordinator of ${id} at ${url}`);
    if (publicServer !== undefined) io.print(`  outside   ${publicServer}`);
    if (entrance.tls) io.print(`  TLS       ${told(entrance.tls.credentials)}`);
    io.print(`  data      ${dataDir.path}`);
    io.print(`  operator  ${keys.operatorFile} (secret; keep it)`);
    if (first) io.print(`  sign in   ${first.url} (works once, until ${first.expiresAt}; told here alone)`);
    io.print('  next      hanse invite --organisation <name>');
    const operatorIdentity = keys.operatorFile;
    const signIn = first && { signIn: first.url };
    const place = { url, publicServer, federationId: id, dataDir: dataDir.path, operatorIdentity };
    io.event({ ready: true, ...place, ...signIn });
    await new Promise<void>((resolve) => {
      if (io.signal.aborted) resolve();
      io.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    io.note('stopping: running work is finished and kept');
  } finally {
    stopRenewing();
    // Requests that wait are let go, those under way are answered, and only then is the store closed.
    coordinator.beginClosing();
    await app.close();
    await coordinator.notes
      .record({ type: 'admin.stopped', data: said })
      .catch((error) => report(error, 'noting the end in the log'));
    await coordinator.close();
  }
}

async function openCoordinator(
  dataDir: DataDir,
  keys: CoordinatorKeys,
  options: ServeOptions,
  report: (error: unknown, doing: string) => void,
): Promise<Coordinator> {
  const { signer, noiseKey, operatorKey, federationId } = keys;
  const { storeLimit, liveness, recruitGrace, keepUpdates, witnessPolicy: pinnedPolicy } = options;
  const limits = storeLimit === undefined ? {} : { limitBytes: storeLimit };
  const { store, log, notes } = await openRecords(dataDir, keys, primitives.random, limits);
  try {
    const witnessPolicy =
      pinnedPolicy === undefined ? undefined : await readWitnessPolicy(pinnedPolicy, log.key);
    const blobs = await openFileBlobStore(dataDir.blobs);
    const parts = await openFilePartStore(dataDir.uploads);
    const { random } = primitives;
    return await Coordinator.open(
      {
        queries: new AuditQueries(log, dataDir.auditIndex),
        ...{ store, log, salts: log, notes, blobs, parts, clock: systemClock, random },
        ...{ signer, noiseKey, operatorKey, federationId, report },
        ...{ witnessed: witnessedFile(dataDir), witnessPolicy },
      },
      {
        livenessMs: liveness * 1000,
        recruitGraceMs: recruitGrace * 1000,
        keepUpdatesMs: keepUpdates * DAY_MS,
        witnessWaitMs: options.witnessWait * 1000,
        policyApprovals: options.policyApprovals,
        keepSaltsMs: options.keepSalts * DAY_MS,
      },
    );
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Reads certificate and key again when the process is told so (SIGHUP), as a renewal should do. A pair that is not good
 * is told, and the one in use stays.
 * @returns what ends it
 */
function renewOnHangup(
  { tls, publicServer }: Entrance,
  behindProxy: boolean,
  io: CommandIo,
  use: (credentials: TlsCredentials) => Promise<void>,
): () => void {
  if (!tls) return () => {};
  const { files } = tls;
  const renew = async () => {
    try {
      const credentials = readTlsCredentials(files, systemClock.now());
      requireName(credentials, files, publicServer, behindProxy);
      await use(credentials);
      io.note(`new certificate in use: ${told(credentials)}`);
      io.event({ renewed: true, expiresAt: new Date(credentials.expiresAt).toISOString() });
    } catch (error) {
      const code = error instanceof HanseError ? error.code : 'internalError';
      io.note(`the certificate in use stays: ${code}: ${text(error)}`);
      io.event({ renewed: false, code });
    }
  };
  process.on('SIGHUP', renew);
  return () => process.removeListener('SIGHUP', renew);
}

function withCredentials(entrance: Entrance, credentials: TlsCredentials): Entrance {
  return entrance.tls ? { ...entrance, tls: { ...entrance.tls, credentials } } : entrance;
}

function told({ names, expiresAt }: TlsCredentials): string {
  return `${names.join(', ')}, until ${new Date(expiresAt).toISOString()}`;
}

/** Returns the port. */
async function listen(app: FastifyInstance, port: number, host: string): Promise<number> {
  try {
    await app.listen({ port, host });
    return (app.server.address() as AddressInfo).port;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new HanseError('portInUse', { port }, { cause: error });
    if (code === undefined || syscall === undefined) throw error;
    // A port that needs privileges, an address that this machine does not have.
    const why =
      code === 'EADDRNOTAVAIL' ? 'this machine has no such address; 0.0.0.0 is all that it has' : code;
    const reason = `cannot listen on --host ${host} --port ${port}: ${why}`;
    throw new HanseError('usage', { reason }, { cause: error });
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
