/**
 * Requests signed by HTTP Message Signatures, RFC 9421, with Content-Digest, RFC 9530. SPEC.md section 4.4.
 *
 * Covered: method, path, query, protocol version and, where there is a body, its digest. Parameters: created, expires,
 * a nonce, the key's id (the node id) and the algorithm. Profile: one signature, labelled `hanse`, Ed25519 only.
 *
 *   signature-input: hanse=("@method" "@path" "@query" "hanse-protocol" "content-digest");created=...;expires=...;
 *                    nonce="...";keyid="...";alg="ed25519"
 *
 * Times and nonces are arguments; whether a nonce was seen before is the business of the shell.
 */
import { primitives } from '#primitives';
import { fromBase64, toBase64, toBase64Url, utf8 } from './bytes.ts';
import type { Signer } from './primitives.ts';
import { HanseError } from './problem.ts';
import { VERSION_HEADER } from './versions.ts';

/** A signature lives this long, and clocks may differ by as much. */
export const SIGNATURE_LIFETIME_SECONDS = 60;

const LABEL = 'hanse';
const ALWAYS_COVERED = ['@method', '@path', '@query', VERSION_HEADER] as const;
const DIGEST = 'content-digest';
/** Components that are no header. */
const DERIVED: ReadonlySet<string> = new Set(ALWAYS_COVERED.filter((name) => name.startsWith('@')));

export interface RequestToSign {
  /** In capitals: RFC 9421, 2.2.1 compares it letter by letter. */
  readonly method: string;
  /** Path and query as sent, e.g. `/v1/tasks?wait=20`. */
  readonly target: string;
  readonly version: number;
  /** SHA-256 of the body; absent without one. */
  readonly bodySha256?: Uint8Array;
}

export interface SignatureContext {
  readonly signer: Signer;
  readonly nodeId: string;
  /** Unix time in seconds. */
  readonly now: number;
  /** 16 fresh random bytes. */
  readonly nonce: Uint8Array;
}

/** Headers to add to the request. */
export async function signRequest(
  request: RequestToSign,
  { signer, nodeId, now, nonce }: SignatureContext,
): Promise<Record<string, string>> {
  const headers: Record<string, string> = { [VERSION_HEADER]: String(request.version) };
  if (request.bodySha256) headers[DIGEST] = formatDigest(request.bodySha256);
  const covered = [...ALWAYS_COVERED, ...(request.bodySha256 ? [DIGEST] : [])];
  const parameters =
    `(${covered.map((name) => `"${name}"`).join(' ')});created=${now};expires=${now + SIGNATURE_LIFETIME_SECONDS};` +
    `nonce="${toBase64Url(nonce)}";keyid="${nodeId}";alg="ed25519"`;
  const base = signatureBase(covered, parameters, request.method, request.target, headers);
  const signature = await signer.sign(base);
  headers['signature-input'] = `${LABEL}=${parameters}`;
  headers.signature = `${LABEL}=:${toBase64(signature)}:`;
  return headers;
}

/** A signature as received, parsed and in time, but not yet verified against a key. */
export interface ReceivedSignature {
  readonly nodeId: string;
  readonly nonce: string;
  /** Unix time in seconds. */
  readonly created: number;
  readonly expires: number;
  /** What the body must hash to; undefined where no body is covered. */
  readonly bodySha256: Uint8Array | undefined;
  /** Throws `signatureInvalid`. */
  verify(publicKey: Uint8Array): Promise<void>;
}

/**
 * Throws `signatureMissing`, `signatureInvalid` or `signatureExpired`.
 *
 * @param headers attacker-controlled, names in lower case
 * @param hasBody whether the request brings a body: then its digest must be covered
 * @param now Unix time in seconds
 */
export function readSignature(
  method: string,
  target: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  hasBody: boolean,
  now: number,
): ReceivedSignature {
  const input = single(headers, 'signature-input');
  const value = single(headers, 'signature');
  if (input === undefined || value === undefined) throw new HanseError('signatureMissing');
  const { covered, parameters, values } = parseInput(input);
  const required = hasBody ? [...ALWAYS_COVERED, DIGEST] : ALWAYS_COVERED;
  if (!required.every((name) => covered.includes(name)))
    throw invalid('not everything that must be covered is');
  if (new Set(covered).size !== covered.length) throw invalid('a component is covered twice');

  const present: Record<string, string> = {};
  for (const name of covered) {
    if (DERIVED.has(name)) continue;
    if (name.startsWith('@')) throw invalid(`component ${name} is not of the profile`);
    const header = single(headers, name)?.trim();
    if (header === undefined) throw invalid(`the covered header ${name} is missing`);
    if (/[^\x20-\x7e]/.test(header)) throw invalid(`the covered header ${name} is not printable ASCII`);
    present[name] = header;
  }
  const { created, expires } = values;
  if (expires <= created || expires - created > SIGNATURE_LIFETIME_SECONDS) throw invalid('lifetime');
  if (now > expires || now < created - SIGNATURE_LIFETIME_SECONDS)
    throw new HanseError('signatureExpired', { skewSeconds: now - created });

  const signature = parseSignature(value);
  const digest = present[DIGEST];
  return {
    nodeId: values.keyid,
    nonce: values.nonce,
    created,
    expires,
    bodySha256: digest === undefined ? undefined : parseDigest(digest),
    async verify(publicKey) {
      const base = signatureBase(covered, parameters, method, target, present);
      if (!(await primitives.verify(signature, base, publicKey))) throw invalid('it does not verify');
    },
  };
}

export function formatDigest(sha256: Uint8Array): string {
  return `sha-256=:${toBase64(sha256)}:`;
}

function parseDigest(header: string): Uint8Array {
  const match = /^sha-256=:([A-Za-z0-9+/=]{44}):$/.exec(header);
  const bytes = fromBase64(match?.[1] ?? '');
  if (bytes?.length !== 32) throw invalid('content-digest is not one SHA-256');
  return bytes;
}

function parseSignature(header: string): Uint8Array {
  const match = /^hanse=:([A-Za-z0-9+/=]{88}):$/.exec(header.trim());
  const bytes = fromBase64(match?.[1] ?? '');
  if (bytes?.length !== 64) throw invalid('not one Ed25519 signature');
  return bytes;
}

interface SignatureParameters {
  readonly created: number;
  readonly expires: number;
  readonly nonce: string;
  readonly keyid: string;
}

const COMPONENT = '"[a-z@-]{1,40}"';
const PARAMETER = ';[a-z]{1,16}=(?:[0-9]{1,12}|"[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]{0,64}")';
/** Those of the profile: one that nobody here understands might mean that the signature was made for something else. */
const PARAMETERS: ReadonlySet<string> = new Set(['created', 'expires', 'nonce', 'keyid', 'alg']);
const INPUT = new RegExp(`^${LABEL}=(\\((${COMPONENT}(?: ${COMPONENT}){0,15})\\)((?:${PARAMETER}){5,16}))$`);

/** The part of RFC 8941 that a signature input of our profile may use; anything else is refused. */
function parseInput(header: string): {
  covered: string[];
  /** Verbatim, as it goes into the signature base. */
  parameters: string;
  values: SignatureParameters;
} {
  const match = INPUT.exec(header.trim());
  if (!match) throw invalid('signature-input is not of the profile');
  const [, parameters = '', components = '', rest = ''] = match;
  const found = new Map<string, string | number>();
  for (const [, name = '', value = ''] of rest.matchAll(/;([a-z]+)=([0-9]+|"[^"]*")/g)) {
    if (found.has(name)) throw invalid(`parameter ${name} twice`);
    if (!PARAMETERS.has(name)) throw invalid(`parameter ${name} is not of the profile`);
    found.set(name, value.startsWith('"') ? value.slice(1, -1) : Number(value));
  }
  const [created, expires, nonce, keyid] = ['created', 'expires', 'nonce', 'keyid'].map((name) =>
    found.get(name),
  );
  if (found.get('alg') !== 'ed25519') throw invalid('algorithm');
  if (typeof created !== 'number' || typeof expires !== 'number')
    throw invalid('created or expires is missing');
  if (typeof nonce !== 'string' || !/^[A-Za-z0-9_-]{16,64}$/.test(nonce))
    throw invalid('nonce is missing, or not 16 to 64 characters of base64url');
  if (typeof keyid !== 'string' || !/^[0-9a-f]{32}$/.test(keyid)) throw invalid('keyid is not a node id');
  const covered = [...components.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
  return { covered, parameters, values: { created, expires, nonce, keyid } };
}

/**
 * What is signed: RFC 9421, 2.5.
 * @param covered names of components, in the order in which they are signed
 * @param parameters the signature parameters, verbatim
 * @param target path and query
 * @param headers values of all other components
 */
export function signatureBase(
  covered: readonly string[],
  parameters: string,
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
): Uint8Array {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const lines = covered.map((name) => {
    switch (name) {
      case '@method':
        return `"@method": ${method}`;
      case '@path':
        return `"@path": ${path}`;
      case '@query':
        return `"@query": ${question < 0 ? '?' : target.slice(question)}`;
      default:
        return `"${name}": ${headers[name] ?? ''}`;
    }
  });
  return utf8([...lines, `"@signature-params": ${parameters}`].join('\n'));
}

function single(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  name: string,
): string | undefined {
  // Names come from outside: `constructor` is no header.
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (Array.isArray(value)) throw invalid(`header ${name} twice`);
  return value;
}

function invalid(reason: string): HanseError<'signatureInvalid'> {
  return new HanseError('signatureInvalid', { reason });
}
