/**
 * The keys that a coordinator keeps in its data directory: its own, that of the operator who is enrolled as it founds
 * its federation, and the id of that federation. SPEC.md section 4.5 has the form of the operator's identity.
 *
 *     keys/coordinator.hex    seed of the coordinator
 *     keys/federation.id      whose key that is: data without that federation are not ours to found another in
 *     keys/operator.json      the operator's identity, with which `hanse` commands find this coordinator
 *     keys/operator.pending   seed of an operator whose identity is not written yet
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { primitives } from '#primitives';
import { verifierKey } from '../protocol/audit/verifier-key.ts';
import { fromHex, hexBytes, toHex, utf8 } from '../protocol/bytes.ts';
import { nodeIdOf } from '../protocol/identity.ts';
import { parse, parseJson } from '../protocol/parse.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import { IdentityFile, type SealedSeed, type StoredKey } from '../schemas/identity-file.ts';
import { FederationId } from '../schemas/ids.ts';
import type { LogKey } from './audit-log.ts';
import type { DataDir } from './data-dir.ts';
import type { Addresses } from './entrance.ts';

const COORDINATOR_KEY = 'keys/coordinator.hex';
const FEDERATION_ID = 'keys/federation.id';
const OPERATOR_IDENTITY = 'keys/operator.json';
/** Under HKDF-SHA-256, of the seed. */
const NOISE_KEY = 'HANSE central noise key';
const LOG_KEY = 'HANSE audit log key';
const OPERATOR_PENDING = 'keys/operator.pending';

/** A key under a passphrase stays so: the coordinator has no use for the secret part. */
interface OperatorKey {
  readonly publicKey: Uint8Array;
  readonly seed: Secret | SealedSeed;
}

/** What follows from the coordinator's seed. */
interface OwnKey {
  readonly signer: Signer;
  readonly noiseKey: Secret;
  readonly logKey: LogKey;
}

export class CoordinatorKeys {
  readonly signer: Signer;
  /** `server/central-noise.ts`. */
  readonly noiseKey: Secret;
  /** `server/audit-log.ts`. */
  readonly logKey: LogKey;
  readonly #dataDir: DataDir;
  readonly #operator: OperatorKey;
  #federationId: string | undefined;

  private constructor(
    dataDir: DataDir,
    { signer, noiseKey, logKey }: OwnKey,
    operator: OperatorKey,
    federationId: string | undefined,
  ) {
    this.#dataDir = dataDir;
    this.signer = signer;
    this.noiseKey = noiseKey;
    this.logKey = logKey;
    this.#operator = operator;
    this.#federationId = federationId;
  }

  /**
   * Those that are there; at the first start those that are made now.
   * @throws `storageCorrupt` where a key or the database is lost or damaged; `identityUnreadable`
   */
  static async open(dataDir: DataDir): Promise<CoordinatorKeys> {
    const stored = await storedOperator(dataDir);
    const federationId = pinnedFederation(dataDir) ?? stored?.federationId;
    if (federationId !== undefined) requireData(dataDir, federationId);
    const own = await ownKey(dataDir);
    return new CoordinatorKeys(dataDir, own, stored ?? (await newOperator(dataDir)), federationId);
  }

  /** Undefined until one is founded. */
  get federationId(): string | undefined {
    return this.#federationId;
  }

  get operatorKey(): Uint8Array {
    return this.#operator.publicKey;
  }

  /** Absolute. */
  get operatorFile(): string {
    return join(this.#dataDir.path, OPERATOR_IDENTITY);
  }

  /** Once the federation is in the store: from now on nothing is founded here without it. */
  pin(federationId: string): void {
    this.#federationId = federationId;
    this.#dataDir.writePrivateFile(FEDERATION_ID, utf8(`${federationId}\n`));
  }

  /**
   * At each start, since the addresses may have changed, and when the certificate has. The key is that of the file,
   * where there is one: its owner may have changed it, or its passphrase, meanwhile.
   */
  async writeOperator({ operator: local, publicServer }: Addresses): Promise<void> {
    const { publicKey, seed } = (await storedOperator(this.#dataDir)) ?? this.#operator;
    const key: StoredKey =
      seed instanceof Secret
        ? { version: 1, seed: toHex(seed.reveal()) }
        : { version: 2, publicKey: toHex(publicKey), sealedSeed: seed };
    const identity: IdentityFile = {
      ...key,
      ...local,
      ...(publicServer !== undefined && { publicServer }),
      federationId: this.#founded(),
      coordinatorKey: toHex(this.signer.publicKey),
      nodeId: await nodeIdOf(publicKey),
      organisationId: 'operator',
      role: 'operator',
      name: 'operator',
    };
    this.#dataDir.writePrivateFile(OPERATOR_IDENTITY, utf8(`${JSON.stringify(identity, null, 2)}\n`));
    rmSync(join(this.#dataDir.path, OPERATOR_PENDING), { force: true });
  }

  #founded(): string {
    if (this.#federationId === undefined) throw new Error('no federation is pinned');
    return this.#federationId;
  }
}

/** Undefined at the first start. */
function pinnedFederation(dataDir: DataDir): string | undefined {
  const pinned = readText(dataDir, FEDERATION_ID);
  if (pinned === undefined) return undefined;
  try {
    return parse(FederationId, pinned, 'federation');
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

/** The coordinator's own, made at the first start. */
async function ownKey(dataDir: DataDir): Promise<OwnKey> {
  const stored = readText(dataDir, COORDINATOR_KEY);
  const seed = stored === undefined ? newSeed() : seedOf(stored);
  if (!seed) throw new HanseError('storageCorrupt', { path: COORDINATOR_KEY, reason: 'it is not a key' });
  if (stored === undefined) writeSeed(dataDir, COORDINATOR_KEY, seed);
  const derived = (label: string) => primitives.hkdf(seed.reveal(), new Uint8Array(), utf8(label), 32);
  const signer = await primitives.signer(seed.reveal());
  const noiseKey = new Secret(await derived(NOISE_KEY));
  return { signer, noiseKey, logKey: await logKeyOf(signer.publicKey, await derived(LOG_KEY)) };
}

/** The log is named by the key of its coordinator, which is there before any federation is. */
async function logKeyOf(coordinatorKey: Uint8Array, seed: Uint8Array): Promise<LogKey> {
  const signer = await primitives.signer(seed);
  const name = `hanse/coordinator/${toHex(coordinatorKey).slice(0, 16)}`;
  return { signer, key: await verifierKey(name, 'note', signer.publicKey) };
}

/** On disk before it is enrolled: a start that fails after that, at its port for one, finds it again. */
async function newOperator(dataDir: DataDir): Promise<OperatorKey> {
  const seed = seedOf(readText(dataDir, OPERATOR_PENDING) ?? '') ?? newSeed();
  writeSeed(dataDir, OPERATOR_PENDING, seed);
  const { publicKey } = await primitives.signer(seed.reveal());
  return { publicKey, seed };
}

async function storedOperator(
  dataDir: DataDir,
): Promise<(OperatorKey & { readonly federationId: string }) | undefined> {
  const stored = readText(dataDir, OPERATOR_IDENTITY);
  if (stored === undefined) return undefined;
  try {
    const file = parseJson(IdentityFile, stored, 'identity file');
    const { federationId } = file;
    if (file.version === 2)
      return { publicKey: hexBytes(file.publicKey), seed: file.sealedSeed, federationId };
    const seed = new Secret(hexBytes(file.seed));
    const { publicKey } = await primitives.signer(seed.reveal());
    return { publicKey, seed, federationId };
  } catch (error) {
    const reason = 'it is not an identity file; restore it, or remove it to have a new one made';
    throw new HanseError('identityUnreadable', { file: OPERATOR_IDENTITY, reason }, { cause: error });
  }
}

function newSeed(): Secret {
  return new Secret(randomBytes(primitives.random, 32));
}

/** Undefined if the text is no seed. */
function seedOf(text: string): Secret | undefined {
  const bytes = fromHex(text);
  return bytes?.length === 32 ? new Secret(bytes) : undefined;
}

function writeSeed(dataDir: DataDir, name: string, seed: Secret): void {
  dataDir.writePrivateFile(name, utf8(`${toHex(seed.reveal())}\n`));
}

/** Undefined if the file is not there. */
function readText(dataDir: DataDir, name: string): string | undefined {
  const stored = dataDir.readPrivateFile(name);
  return stored && new TextDecoder().decode(stored).trim();
}
