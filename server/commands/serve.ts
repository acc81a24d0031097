/**
 * `hanse serve`: a coordinator on this machine, with SQLite and a blob folder in a data directory.
 */
import { existsSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { primitives } from '#primitives';
import { fromHex, hexBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { parseOrigin } from '../../protocol/invite-link.ts';
import { isLoopback } from '../../protocol/loopback.ts';
import { asUsage, parse, parseJson } from '../../protocol/parse.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { HanseError } from '../../protocol/problem.ts';
import { randomBytes } from '../../protocol/random.ts';
import { type CommandIo, defineCommand, Port } from '../../schemas/command.ts';
import { IdentityFile } from '../../schemas/identity-file.ts';
import { FederationId } from '../../schemas/ids.ts';
import { buildApp } from '../app.ts';
import { Coordinator } from '../coordinator.ts';
import { type DataDir, openDataDir } from '../data-dir.ts';
import { openFileBlobStore } from '../store/file-blob-store.ts';
import { openFilePartStore } from '../store/file-part-store.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';

interface ServeOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly host: string;
  readonly publicUrl?: string;
  readonly liveness: number;
  readonly recruitGrace: number;
  readonly storeLimit?: number;
}

/** Where the operator's identity is kept, within the data directory. */
const OPERATOR_IDENTITY = 'keys/operator.json';
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
    { flags: '--host <address>', description: 'loopback address to listen on', default: '127.0.0.1' },
    {
      flags: '--public-url <url>',
      description:
        'where nodes reach a proxy before it, as https://coordinator.example: invite links name that',
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
    ['hanse serve --public-url https://hanse.example', 'behind a proxy that adds TLS; links are for outside'],
    ['hanse serve --port 0 --json', 'a free port; the address is in the first line'],
  ],
  async run({ options }, io) {
    const { dataDir: path, host, publicUrl } = options;
    // Plain HTTP is for this machine only; beyond it a proxy on this machine must add TLS.
    if (!isLoopback(host))
      throw new HanseError('usage', {
        reason: `--host ${host}: plain HTTP stays on this machine; put a proxy with TLS before a loopback address`,
      });
    const publicServer =
      publicUrl === undefined ? undefined : asUsage(() => parseOrigin(publicUrl, '--public-url'));
    const dataDir = openDataDir(path, { create: true });
    try {
      await serve(dataDir, { ...options, publicServer }, io);
    } finally {
      dataDir.release();
    }
    return { stopped: true, dataDir: dataDir.path };
  },
});

async function serve(
  dataDir: DataDir,
  options: ServeOptions & { readonly publicServer: string | undefined },
  io: CommandIo,
): Promise<void> {
  const report = (error: unknown, doing: string) =>
    io.note(
      `${new Date().toISOString()} ${doing}: ${error instanceof HanseError ? `${error.code}: ` : ''}${text(error)}`,
    );
  const stored = storedOperator(dataDir);
  const federationId = pinnedFederation(dataDir) ?? stored?.federationId;
  if (federationId !== undefined) requireData(dataDir, federationId);
  const signer = await ownKey(dataDir);
  const operatorSeed = stored?.seed ?? randomBytes(primitives.random, 32);
  const operator = await primitives.signer(operatorSeed);
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
  const app = await buildApp({ coordinator, report });
  try {
    dataDir.writePrivateFile(FEDERATION_ID, utf8(`${id}\n`));
    const { publicServer } = options;
    const url = await listen(app, options.port, options.host);
    await writeOperator(dataDir, operatorSeed, operator, { url, publicServer, federationId: id, signer });
    const operatorIdentity = `${dataDir.path}/${OPERATOR_IDENTITY}`;
    io.print(`Hanse coordinator of ${id} at ${url}`);
    if (publicServer !== undefined) io.print(`  outside   ${publicServer}`);
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
    // Requests that wait are let go, those under way are answered, and only then is the store closed.
    coordinator.beginClosing();
    await app.close();
    await coordinator.close();
  }
}

async function listen(app: FastifyInstance, port: number, host: string): Promise<string> {
  try {
    return (await app.listen({ port, host })).replace('[::1]', 'localhost');
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

function storedOperator(dataDir: DataDir): { seed: Uint8Array; federationId: string } | undefined {
  const stored = dataDir.readPrivateFile(OPERATOR_IDENTITY);
  if (!stored) return undefined;
  try {
    const text = new TextDecoder().decode(stored);
    const { seed, federationId } = parseJson(IdentityFile, text, 'identity file');
    return { seed: hexBytes(seed), federationId };
  } catch (error) {
    const reason = 'it is not an identity file; restore it, or remove it to have a new one made';
    throw new HanseError('identityUnreadable', { file: OPERATOR_IDENTITY, reason }, { cause: error });
  }
}

/** Written again at each start, since the addresses may have changed. */
async function writeOperator(
  dataDir: DataDir,
  seed: Uint8Array,
  operator: Signer,
  {
    url,
    publicServer,
    federationId,
    signer,
  }: { url: string; publicServer: string | undefined; federationId: string; signer: Signer },
): Promise<void> {
  const identity: IdentityFile = {
    version: 1,
    server: url,
    ...(publicServer !== undefined && { publicServer }),
    federationId,
    coordinatorKey: toHex(signer.publicKey),
    nodeId: await nodeIdOf(operator.publicKey),
    organisationId: 'operator',
    role: 'operator',
    name: 'operator',
    seed: toHex(seed),
  };
  dataDir.writePrivateFile(OPERATOR_IDENTITY, utf8(`${JSON.stringify(identity, null, 2)}\n`));
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
