/**
 * `hanse serve`: a coordinator on this machine, with SQLite and a blob folder in a data directory.
 */
import { existsSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { primitives } from '#primitives';
import { fromHex, hexBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { parse, parseJson } from '../../protocol/parse.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { HanseError } from '../../protocol/problem.ts';
import { randomBytes } from '../../protocol/random.ts';
import { type CommandIo, defineCommand, Port } from '../../schemas/command.ts';
import { IdentityFile, type StoredKey } from '../../schemas/identity-file.ts';
import { FederationId } from '../../schemas/ids.ts';
import { buildApp } from '../app.ts';
import { Coordinator } from '../coordinator.ts';
import { type DataDir, openDataDir } from '../data-dir.ts';
import { type Addresses, addressesOf, type Entrance, entranceOf, requireName } from '../entrance.ts';
import { TlsListeners } from '../http/tls-listeners.ts';
import { openFileBlobStore } from '../store/file-blob-store.ts';
import { openFilePartStore } from '../store/file-part-store.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { readTlsCredentials, type TlsCredentials } from '../tls-credentials.ts';

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
}

/** Where the operator's identity is kept, within the data directory. */
const OPERATOR_IDENTITY = 'keys/operator.json';
/** The seed of an operator whose identity is not written yet. */
const OPERATOR_PENDING = 'keys/operator.pending';
const COORDINATOR_KEY = 'keys/coordinator.hex';
/** Id of the federation whose key that is: data without that federation are not ours to found another in. */
const FEDERATION_ID = 'keys/federation.id';

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
      `${new Date().toISOString()} ${doing}: ${error instanceof HanseError ? `${error.code}: ` : ''}${text(error)}`,
    );
  const stored = await storedOperator(dataDir);
  const federationId = pinnedFederation(dataDir) ?? stored?.federationId;
  if (federationId !== undefined) requireData(dataDir, federationId);
  const signer = await ownKey(dataDir);
  const operator = stored ?? (await newOperator(dataDir));
  const limit = options.storeLimit;
  const store = openSqliteStore(dataDir.database, limit === undefined ? {} : { limitBytes: limit });
  let coordinator: Coordinator;
  try {
    coordinator = await Coordinator.open(
      {
        store,
        blobs: await openFileBlobStore(dataDir.blobs),
        parts: await openFilePartStore(dataDir.uploads),
        clock: systemClock,
        random: primitives.random,
        signer,
        operatorKey: operator.publicKey,
        federationId,
        report,
      },
      { livenessMs: options.liveness * 1000, recruitGraceMs: options.recruitGrace * 1000 },
    );
  } catch (error) {
    await store.close();
    throw error;
  }
  const { id } = coordinator.federation;
  const listeners = new TlsListeners(entrance.tls?.credentials);
  const app = await buildApp({ coordinator, report, listeners });
  let stopRenewing = () => {};
  try {
    dataDir.writePrivateFile(FEDERATION_ID, utf8(`${id}\n`));
    const port = await listen(app, options.port, options.host);
    const addresses = addressesOf(entrance, options.host, port);
    const { url, publicServer } = addresses;
    const founded = { federationId: id, signer };
    await writeOperator(dataDir, operator, addresses, founded);
    rmSync(join(dataDir.path, OPERATOR_PENDING), { force: true });
    stopRenewing = renewOnHangup(entrance, options.behindProxy ?? false, io, async (renewed) => {
      listeners.replace(renewed);
      const again = addressesOf(withCredentials(entrance, renewed), options.host, port);
      await writeOperator(dataDir, (await storedOperator(dataDir)) ?? operator, again, founded);
    });
    const operatorIdentity = `${dataDir.path}/${OPERATOR_IDENTITY}`;
    io.print(`Hanse coordinator of ${id} at ${url}`);
    if (publicServer !== undefined) io.print(`  outside   ${publicServer}`);
    if (entrance.tls) io.print(`  TLS       ${told(entrance.tls.credentials)}`);
    io.print(`  data      ${dataDir.path}`);
    io.print(`  operator  ${operatorIdentity} (secret; keep it)`);
    io.print('  next      hanse invite --organisation <name>');
    io.event({ ready: true, url, publicServer, federationId: id, dataDir: dataDir.path, operatorIdentity });
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
    await coordinator.close();
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
    const reason = `cannot listen on --host ${host} --port ${port}: ${code}`;
    throw new HanseError('usage', { reason }, { cause: error });
  }
}

/** Undefined at the first start. */
function pinnedFederation(dataDir: DataDir): string | undefined {
  const pinned = dataDir.readPrivateFile(FEDERATION_ID);
  if (!pinned) return undefined;
  try {
    return parse(FederationId, new TextDecoder().decode(pinned).trim(), 'federation');
  } catch (error) {
    const reason = 'it is not the id of a federation';
    throw new HanseError('storageCorrupt', { path: FEDERATION_ID, reason }, { cause: error });
  }
}

/** A lost key or database must be restored: one made in its place would begin another federation among the old data. */
function requireData(dataDir: DataDir, federationId: string): void {
  const reason = `it is not there, but there has been ${federationId}`;
  if (!dataDir.readPrivateFile(COORDINATOR_KEY))
    throw new HanseError('storageCorrupt', { path: COORDINATOR_KEY, reason });
  if (!existsSync(dataDir.database))
    throw new HanseError('storageCorrupt', { path: dataDir.database, reason });
}

/** The coordinator's key, made at the first start. */
async function ownKey(dataDir: DataDir): Promise<Signer> {
  const stored = dataDir.readPrivateFile(COORDINATOR_KEY);
  if (stored) {
    const seed = fromHex(new TextDecoder().decode(stored).trim());
    if (seed?.length === 32) return primitives.signer(seed);
    throw new HanseError('storageCorrupt', { path: COORDINATOR_KEY, reason: 'it is not a key' });
  }
  const seed = randomBytes(primitives.random, 32);
  dataDir.writePrivateFile(COORDINATOR_KEY, utf8(`${toHex(seed)}\n`));
  return primitives.signer(seed);
}

/** Of the operator, whose key may be under a passphrase: the coordinator has no use for the secret part. */
interface OperatorKey {
  readonly publicKey: Uint8Array;
  readonly key: StoredKey;
}

/** On disk before it is enrolled: a start that fails after that, at its port for one, finds it again. */
async function newOperator(dataDir: DataDir): Promise<OperatorKey> {
  const pending = dataDir.readPrivateFile(OPERATOR_PENDING);
  const known = pending && fromHex(new TextDecoder().decode(pending).trim());
  const seed = known?.length === 32 ? known : randomBytes(primitives.random, 32);
  dataDir.writePrivateFile(OPERATOR_PENDING, utf8(`${toHex(seed)}\n`));
  const { publicKey } = await primitives.signer(seed);
  return { publicKey, key: { version: 1, seed: toHex(seed) } };
}

async function storedOperator(
  dataDir: DataDir,
): Promise<(OperatorKey & { readonly federationId: string }) | undefined> {
  const stored = dataDir.readPrivateFile(OPERATOR_IDENTITY);
  if (!stored) return undefined;
  try {
    const text = new TextDecoder().decode(stored);
    const file = parseJson(IdentityFile, text, 'identity file');
    const { federationId } = file;
    if (file.version === 1) {
      const { publicKey } = await primitives.signer(hexBytes(file.seed));
      return { publicKey, key: { version: 1, seed: file.seed }, federationId };
    }
    const { publicKey, sealedSeed } = file;
    return { publicKey: hexBytes(publicKey), key: { version: 2, publicKey, sealedSeed }, federationId };
  } catch (error) {
    const reason = 'it is not an identity file; restore it, or remove it to have a new one made';
    throw new HanseError('identityUnreadable', { file: OPERATOR_IDENTITY, reason }, { cause: error });
  }
}

/** Written again at each start, since the addresses may have changed, and when the certificate has. */
async function writeOperator(
  dataDir: DataDir,
  { publicKey, key }: OperatorKey,
  { operator: local, publicServer }: Addresses,
  { federationId, signer }: { federationId: string; signer: Signer },
): Promise<void> {
  const identity: IdentityFile = {
    ...key,
    ...local,
    ...(publicServer !== undefined && { publicServer }),
    federationId,
    coordinatorKey: toHex(signer.publicKey),
    nodeId: await nodeIdOf(publicKey),
    organisationId: 'operator',
    role: 'operator',
    name: 'operator',
  };
  dataDir.writePrivateFile(OPERATOR_IDENTITY, utf8(`${JSON.stringify(identity, null, 2)}\n`));
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
