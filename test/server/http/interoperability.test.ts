// covers: protocol/http-signature.ts
/**
 * Our requests and somebody else's RFC 9421: `http-message-signatures` verifies what we sign and signs what our
 * coordinator verifies, over real HTTP. The known answer of the RFC binds both.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSigner, createVerifier, httpbis } from 'http-message-signatures';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { hexBytes, toBase64, utf8 } from '../../../protocol/bytes.ts';
import { signatureBase } from '../../../protocol/http-signature.ts';
import type { ProblemCode } from '../../../protocol/problem.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import type { Receipt } from '../../../schemas/task.ts';
import type { Node } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import {
  type Answer,
  expectProblem,
  expectSuccess,
  type RequestParts,
  type SignedRequest,
  send,
  signed,
} from '../../fixtures/signed-client.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

const SIGNED_ALWAYS = ['@method', '@path', '@query', 'hanse-protocol'];
const PARAMETERS = ['created', 'expires', 'nonce', 'keyid', 'alg'];

let listening: ListeningApp;
let researcher: Node;
/** Of the researcher, from its name as `nodeOf` derives it. */
let privateKey: KeyObject;
beforeAll(async () => {
  listening = await listeningApp({ participants: 1 });
  researcher = listening.federation.researcher;
  privateKey = privateKeyOf(createHash('sha256').update('researcher').digest());
});
afterAll(() => listening.close());

function privateKeyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** What the other implementation is asked to do otherwise than our profile. */
interface Theirs {
  readonly fields?: readonly string[];
  readonly params?: readonly string[];
  readonly name?: string;
  readonly nonce?: string;
  /** Seconds by which its clock is ahead. */
  readonly skewSeconds?: number;
  readonly lifetimeSeconds?: number;
  readonly tag?: string;
}

let nonces = 0;

/** The request as we would send it, with signatures of theirs in place of ours. */
async function signedByThem(
  route: Parameters<typeof signed>[2],
  parts: RequestParts,
  ...signatures: readonly Theirs[]
): Promise<SignedRequest> {
  const { clock } = listening.federation;
  const ours = await signed(researcher, clock, route, parts);
  const { 'signature-input': _, signature: __, ...rest } = ours.headers;
  let headers: Record<string, string> = rest;
  for (const wanted of signatures) {
    const { skewSeconds = 0, lifetimeSeconds = 60, params = PARAMETERS, name = 'hanse', tag } = wanted;
    const created = new Date(clock.now() + skewSeconds * 1000);
    nonces += 1;
    const message = await httpbis.signMessage(
      {
        key: createSigner(privateKey, 'ed25519', researcher.nodeId),
        name,
        params: [...params],
        fields: [...(wanted.fields ?? [...SIGNED_ALWAYS, ...(ours.body ? ['content-digest'] : [])])],
        paramValues: {
          created,
          expires: new Date(created.getTime() + lifetimeSeconds * 1000),
          nonce: wanted.nonce ?? `nonce-of-theirs-${nonces}`,
          ...(tag !== undefined && { tag }),
        },
      },
      { method: ours.method, url: listening.server + ours.target, headers },
    );
    headers = Object.fromEntries(
      Object.entries(message.headers).map(([header, value]) => [header.toLowerCase(), String(value)]),
    );
  }
  return { ...ours, headers };
}

const sendOn = (one: SignedRequest): Promise<Answer> => send(listening.server, one);
const theirs = async (...signatures: readonly Theirs[]) =>
  sendOn(await signedByThem('listJobs', {}, ...signatures));

/** The verdict of the other implementation over a request as we sign it. */
function verdictOfTheirs({ method, target, headers }: SignedRequest): Promise<boolean | null> {
  const verifier = createVerifier(createPublicKey(privateKey), 'ed25519');
  return httpbis.verifyMessage(
    {
      keyLookup: async ({ keyid }) =>
        keyid === researcher.nodeId ? { id: keyid, algs: ['ed25519'], verify: verifier } : null,
      requiredFields: SIGNED_ALWAYS,
      requiredParams: PARAMETERS,
      // The coordinator of these tests has a clock of its own.
      notAfter: new Date(listening.federation.clock.now()),
      tolerance: Math.ceil(Math.abs(Date.now() - listening.federation.clock.now()) / 1000),
    },
    { method, url: listening.server + target, headers },
  );
}

describe('the known answer of RFC 9421, B.2.6', () => {
  const vector = JSON.parse(
    readFileSync(new URL('../../vectors/http-signature/rfc9421-b.2.6.json', import.meta.url), 'utf8'),
  );
  const { method, url, headers, covered, parameters, signature } = vector;
  const { pathname, search, host } = new URL(url);
  // The authority is no component of our profile: to the base it is a value like that of a header.
  const base = signatureBase(covered, parameters, method, pathname + search, {
    ...headers,
    '@authority': host,
  });

  test('our base and our signer make that signature', async () => {
    const signer = await primitives.signer(hexBytes(vector.seed));
    expect(signer.publicKey).toEqual(hexBytes(vector.publicKey));
    expect(toBase64(await signer.sign(base))).toBe(signature);
  });

  test('our primitives verify it, and not another base', async () => {
    const bytes = new Uint8Array(Buffer.from(signature, 'base64'));
    expect(await primitives.verify(bytes, base, hexBytes(vector.publicKey))).toBe(true);
    const other = signatureBase(covered, parameters, 'GET', pathname, { ...headers, '@authority': host });
    expect(await primitives.verify(bytes, other, hexBytes(vector.publicKey))).toBe(false);
  });

  test('the other implementation makes it too', async () => {
    const { created, keyid } = { created: new Date(1_618_884_473_000), keyid: 'test-key-ed25519' };
    const message = await httpbis.signMessage(
      {
        key: createSigner(privateKeyOf(hexBytes(vector.seed)), 'ed25519', keyid),
        name: vector.label,
        params: ['created', 'keyid'],
        fields: covered,
        paramValues: { created },
      },
      { method, url, headers },
    );
    expect(message.headers).toMatchObject({
      Signature: `${vector.label}=:${signature}:`,
      'Signature-Input': `${vector.label}=${parameters}`,
    });
  });
});

describe('what we sign, they verify', () => {
  const request = (...args: [Parameters<typeof signed>[2], RequestParts?]) =>
    signed(researcher, listening.federation.clock, ...args);

  test('with and without query and body', async () => {
    const content = utf8('content');
    const requests = [
      await request('listJobs'),
      await request('getJob', {
        params: { jobId: 'job-0000000000000000' },
        query: { after: '0', wait: '0' },
      }),
      await request('createJob', { body: listening.federation.manifest() }),
      await request('putBlob', { params: { sha256: hashOf(content) }, body: content }),
    ];
    for (const one of requests) {
      expect(await verdictOfTheirs(one), one.target).toBe(true);
      expect(await verdictOfTheirs({ ...one, target: `${one.target}x` }), one.target).toBe(false);
      const headers = { ...one.headers, 'hanse-protocol': '2' };
      expect(await verdictOfTheirs({ ...one, headers }), one.target).toBe(false);
    }
  });
});

describe('what they sign, our coordinator verifies', () => {
  test('without body', async () => {
    expectSuccess(await theirs({}));
  });

  test('with a query', async () => {
    const { jobId } = await listening.federation.createJob();
    const parts = { params: { jobId }, query: { after: '0', wait: '0' } };
    const answer = expectSuccess(await sendOn(await signedByThem('getJob', parts, {})));
    expect((answer.json as JobStatus).jobId).toBe(jobId);
  });

  test('with a body of JSON, and of bytes', async () => {
    await listening.federation.storeContent();
    const body = listening.federation.manifest();
    expectSuccess(await sendOn(await signedByThem('createJob', { body }, {})));
    const content = utf8('content of theirs');
    const parts = { params: { sha256: hashOf(content) }, body: content };
    const answer = expectSuccess(await sendOn(await signedByThem('putBlob', parts, {})));
    expect((answer.json as Receipt).bytes).toBe(content.length);
    const altered = await signedByThem('putBlob', parts, {});
    altered.body = utf8('CONTENT of theirs');
    expectProblem(await sendOn(altered), 'hashMismatch', 400);
  });

  test('with components and parameters in another order, and a header more', async () => {
    expectSuccess(await theirs({ fields: SIGNED_ALWAYS.toReversed(), params: PARAMETERS.toReversed() }));
    const more = await signedByThem(
      'createJob',
      { body: listening.federation.manifest() },
      {
        fields: ['content-type', ...SIGNED_ALWAYS, 'content-digest'],
      },
    );
    expectSuccess(await sendOn(more));
  });
});

describe('of what they sign, our coordinator refuses', () => {
  const refused: readonly [string, readonly Theirs[], ProblemCode][] = [
    ['a signature without @query', [{ fields: ['@method', '@path', 'hanse-protocol'] }], 'signatureInvalid'],
    ['a component beyond the profile', [{ fields: [...SIGNED_ALWAYS, '@authority'] }], 'signatureInvalid'],
    ['a parameter beyond the profile', [{ params: [...PARAMETERS, 'tag'], tag: 'x' }], 'signatureInvalid'],
    [
      'a signature without nonce',
      [{ params: PARAMETERS.filter((one) => one !== 'nonce') }],
      'signatureInvalid',
    ],
    [
      'a signature without expiry',
      [{ params: PARAMETERS.filter((one) => one !== 'expires') }],
      'signatureInvalid',
    ],
    ['a life of five minutes, which is their default', [{ lifetimeSeconds: 300 }], 'signatureInvalid'],
    ['another label', [{ name: 'sig' }], 'signatureInvalid'],
    ['two signatures', [{}, { name: 'second' }], 'signatureInvalid'],
    ['an expired signature', [{ skewSeconds: -61 }], 'signatureExpired'],
    ['a signature of the future', [{ skewSeconds: 61 }], 'signatureExpired'],
  ];
  test.each(refused)('%s', async (_, signatures, code) => {
    expectProblem(await theirs(...signatures), code, 401);
    expectSuccess(await theirs({}));
  });

  test('a request that comes twice, and another with its nonce', async () => {
    const asked = await signedByThem('listJobs', {}, { nonce: 'a-nonce-of-theirs' });
    expectSuccess(await sendOn(asked));
    expectProblem(await sendOn(asked), 'requestReplayed', 401);
    expectProblem(await theirs({ nonce: 'a-nonce-of-theirs' }), 'requestReplayed', 401);
    expectSuccess(await theirs({ nonce: 'a-nonce-of-theirs-too' }));
  });

  test('components or parameters put into another order on their way', async () => {
    const reorder: readonly ((input: string) => string)[] = [
      (input) => input.replace('"@method" "@path"', '"@path" "@method"'),
      (input) => input.replace(/;(created=\d+);(expires=\d+)/, ';$2;$1'),
    ];
    for (const change of reorder) {
      const asked = await signedByThem('listJobs', {}, {});
      const before = asked.headers['signature-input'] ?? '';
      asked.headers['signature-input'] = change(before);
      expect(asked.headers['signature-input']).not.toBe(before);
      expectProblem(await sendOn(asked), 'signatureInvalid', 401);
      asked.headers['signature-input'] = before;
      expectSuccess(await sendOn(asked));
    }
  });
});
