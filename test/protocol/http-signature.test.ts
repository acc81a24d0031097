/**
 * Signed requests. The known answer is made by hand, after RFC 9421, 2.5, and signed with node:crypto alone.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { fromHex, toHex } from '../../protocol/bytes.ts';
import {
  formatDigest,
  readSignature,
  SIGNATURE_LIFETIME_SECONDS,
  signRequest,
} from '../../protocol/http-signature.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { isProblem } from '../../protocol/problem.ts';

const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const NODE_ID = 'f67d0a7b3c2e1d5948576a6b7c8d9eaf';
const NOW = 1_767_268_800;
const NONCE = Uint8Array.from({ length: 16 }, (_, i) => 16 * i);
const BODY = new TextEncoder().encode('{"name":"node 1"}');
const TARGET = '/v1/tasks?wait=20';

type Headers = Record<string, string | string[] | undefined>;

interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly hasBody: boolean;
  readonly now: number;
}

let signer: Signer;
/** A request as the client signs it, and as it arrives. */
let sound: Received;

beforeAll(async () => {
  signer = await primitives.signer(fromHex(SEED) ?? new Uint8Array());
  const bodySha256 = await primitives.sha256(BODY);
  const headers = await signRequest(
    { method: 'PUT', target: TARGET, version: 1, bodySha256 },
    { signer, nodeId: NODE_ID, now: NOW, nonce: NONCE },
  );
  sound = { method: 'PUT', target: TARGET, headers, hasBody: true, now: NOW + 1 };
});

/** `accepted`, or the code and reason of the refusal. Anything but a problem is thrown on. */
async function verdict({ method, target, headers, hasBody, now }: Received): Promise<string> {
  try {
    await readSignature(method, target, headers, hasBody, now).verify(signer.publicKey);
    return 'accepted';
  } catch (error) {
    if (!isProblem(error)) throw error;
    return isProblem(error, 'signatureInvalid') ? `signatureInvalid: ${error.detail.reason}` : error.code;
  }
}

/** Signs a signature input of the test's own making, whatever it says; the base is made here, not by the product. */
function signedByHand(input: string, lines: readonly string[], headers: Headers): Headers {
  const der = Buffer.from(`302e020100300506032b657004220420${SEED}`, 'hex');
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const base = [...lines, `"@signature-params": ${input}`].join('\n');
  const signature = sign(null, Buffer.from(base), key).toString('base64');
  return { ...headers, 'signature-input': `hanse=${input}`, signature: `hanse=:${signature}:` };
}

const COVERED = '("@method" "@path" "@query" "hanse-protocol" "content-digest")';
const PARAMETERS = `;created=${NOW};expires=${NOW + 60};nonce="ABCDEFGHIJKLMNOP";keyid="${NODE_ID}";alg="ed25519"`;
const DIGEST = `sha-256=:${createHash('sha256').update(BODY).digest('base64')}:`;
const LINES = [
  '"@method": PUT',
  '"@path": /v1/tasks',
  '"@query": ?wait=20',
  '"hanse-protocol": 1',
  `"content-digest": ${DIGEST}`,
];

/** As `sound`, with an input, base and headers written by hand. */
function byHand(
  covered: string,
  parameters: string,
  lines: readonly string[] = LINES,
  extra: Headers = {},
): Received {
  const headers = { 'hanse-protocol': '1', 'content-digest': DIGEST, ...extra };
  return { ...sound, headers: signedByHand(covered + parameters, lines, headers) };
}

describe('signRequest', () => {
  test('known answer: the headers, and a signature that node:crypto makes of a base written by hand', async () => {
    const input =
      `("@method" "@path" "@query" "hanse-protocol" "content-digest");created=1767268800;expires=1767268860;` +
      `nonce="ABAgMEBQYHCAkKCwwNDg8A";keyid="${NODE_ID}";alg="ed25519"`;
    const headers = { 'hanse-protocol': '1', 'content-digest': DIGEST };
    expect(sound.headers).toEqual(signedByHand(input, LINES, headers));
  });

  test('known answer without body and query: nothing is covered that is not there', async () => {
    const headers = await signRequest(
      { method: 'GET', target: '/v1/jobs', version: 2 },
      { signer, nodeId: NODE_ID, now: NOW, nonce: NONCE },
    );
    const input =
      `("@method" "@path" "@query" "hanse-protocol");created=1767268800;expires=1767268860;` +
      `nonce="ABAgMEBQYHCAkKCwwNDg8A";keyid="${NODE_ID}";alg="ed25519"`;
    const lines = ['"@method": GET', '"@path": /v1/jobs', '"@query": ?', '"hanse-protocol": 2'];
    expect(headers).toEqual(signedByHand(input, lines, { 'hanse-protocol': '2' }));
    const received = { method: 'GET', target: '/v1/jobs', headers, hasBody: false, now: NOW };
    expect(await verdict(received)).toBe('accepted');
  });

  test('formatDigest is RFC 9530 as node:crypto spells it', async () => {
    expect(formatDigest(await primitives.sha256(BODY))).toBe(DIGEST);
  });
});

describe('readSignature', () => {
  test('tells what was signed', () => {
    const { method, target, headers, hasBody, now } = sound;
    const signature = readSignature(method, target, headers, hasBody, now);
    expect(signature).toMatchObject({
      nodeId: NODE_ID,
      nonce: 'ABAgMEBQYHCAkKCwwNDg8A',
      created: NOW,
      expires: NOW + SIGNATURE_LIFETIME_SECONDS,
    });
    expect(toHex(signature.bodySha256 ?? new Uint8Array())).toBe(
      createHash('sha256').update(BODY).digest('hex'),
    );
  });

  test('each covered component: changed, it no longer verifies', async () => {
    const other = 'signatureInvalid: it does not verify';
    expect(await verdict(sound)).toBe('accepted');
    expect(await verdict({ ...sound, method: 'POST' })).toBe(other);
    expect(await verdict({ ...sound, method: 'put' })).toBe(other);
    for (const target of [
      '/v1/task?wait=20',
      '/v1/Tasks?wait=20',
      '/v1/tasks?wait=21',
      '/v1/tasks?wait=20&',
      '/v1/tasks?',
      '/v1/tasks',
      '/v1/tasks/?wait=20',
      '//v1/tasks?wait=20',
    ])
      expect(await verdict({ ...sound, target }), target).toBe(other);
    expect(await verdict(withHeader('hanse-protocol', '2'))).toBe(other);
    expect(await verdict(withHeader('content-digest', formatDigest(new Uint8Array(32))))).toBe(other);
  });

  test('another key, or another keyid, does not verify', async () => {
    const { method, target, headers, hasBody, now } = sound;
    const stranger = await primitives.signer(new Uint8Array(32).fill(1));
    const received = readSignature(method, target, headers, hasBody, now);
    await expect(received.verify(signer.publicKey)).resolves.toBeUndefined();
    await expect(received.verify(stranger.publicKey)).rejects.toMatchObject({ code: 'signatureInvalid' });
    const input = String(headers['signature-input']);
    expect(await verdict(withHeader('signature-input', input.replace(NODE_ID, `0${NODE_ID.slice(1)}`)))).toBe(
      'signatureInvalid: it does not verify',
    );
  });

  test('property: any character changed in what is signed is refused', async () => {
    const names = ['signature-input', 'signature', 'hanse-protocol', 'content-digest'] as const;
    const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
    const mutation = fc.record({
      where: fc.constantFrom('method' as const, 'target' as const, ...names),
      at: fc.nat(),
      to: printable,
      how: fc.constantFrom('replace', 'insert', 'delete'),
    });
    await fc.assert(
      fc.asyncProperty(mutation, async ({ where, at, to, how }) => {
        const before = where === 'method' || where === 'target' ? sound[where] : String(sound.headers[where]);
        const index = at % before.length;
        const kept = how === 'insert' ? before.slice(index) : before.slice(index + 1);
        const after = before.slice(0, index) + (how === 'delete' ? '' : to) + kept;
        fc.pre(after.trim() !== before);
        const mutated =
          where === 'method' || where === 'target' ? { ...sound, [where]: after } : withHeader(where, after);
        expect(await verdict(sound)).toBe('accepted');
        expect(await verdict(mutated)).toMatch(/^signature(Invalid|Expired)/);
      }),
      { numRuns: 150 },
    );
  });

  test('property: header values of any form are refused with a problem, never with another error', async () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 100 }),
      fc.constantFrom('hanse=()', 'hanse=', 'hanse=::', '()', 'hanse=("@method");created=1', ''),
      fc.string({ maxLength: 400 }).map((text) => `hanse=("${text}")${PARAMETERS}`),
    );
    expect(await verdict(sound)).toBe('accepted');
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.constantFrom('signature-input', 'signature', 'hanse-protocol', 'content-digest'),
          fc.oneof(value, fc.array(value, { maxLength: 2 }), fc.constant(undefined)),
          { minKeys: 1 },
        ),
        async (changed) => {
          const headers = { ...sound.headers, ...changed };
          fc.pre(Object.entries(changed).some(([name]) => headers[name] !== sound.headers[name]));
          expect(await verdict({ ...sound, headers })).toMatch(/^signature(Missing|Invalid)/);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a request without signature, or with half of one, is signatureMissing', async () => {
    expect(await verdict(sound)).toBe('accepted');
    expect(await verdict(withHeader('signature', undefined))).toBe('signatureMissing');
    expect(await verdict(withHeader('signature-input', undefined))).toBe('signatureMissing');
    expect(await verdict({ ...sound, headers: {} })).toBe('signatureMissing');
  });

  test('a header that came twice is refused', async () => {
    expect(await verdict(sound)).toBe('accepted');
    for (const name of ['signature-input', 'signature', 'hanse-protocol', 'content-digest']) {
      const value = String(sound.headers[name]);
      expect(await verdict({ ...sound, headers: { ...sound.headers, [name]: [value, value] } }), name).toBe(
        `signatureInvalid: header ${name} twice`,
      );
      // Some servers join what came twice.
      expect(await verdict(withHeader(name, `${value}, ${value}`)), name).toMatch(/^signatureInvalid/);
    }
  });

  test('white space around a header is not part of it', async () => {
    for (const name of ['signature-input', 'signature', 'hanse-protocol', 'content-digest'])
      expect(await verdict(withHeader(name, ` ${sound.headers[name]}\t`)), name).toBe('accepted');
  });

  test('a signature under another or a second label is refused', async () => {
    const { 'signature-input': input, signature } = sound.headers;
    expect(await verdict(sound)).toBe('accepted');
    expect(await verdict(withHeader('signature-input', String(input).replace('hanse=', 'sig1=')))).toBe(
      'signatureInvalid: signature-input is not of the profile',
    );
    const both = {
      ...sound.headers,
      'signature-input': `${input}, b=("@method")`,
      signature: `${signature}, b=:AAAA:`,
    };
    expect(await verdict({ ...sound, headers: both })).toBe(
      'signatureInvalid: signature-input is not of the profile',
    );
    expect(await verdict(withHeader('signature', `${signature}, b=:AAAA:`))).toBe(
      'signatureInvalid: not one Ed25519 signature',
    );
  });

  test('what must be covered must be covered, though the signature be valid', async () => {
    expect(await verdict(byHand(COVERED, PARAMETERS))).toBe('accepted');
    const uncovered = 'signatureInvalid: not everything that must be covered is';
    for (const [index, name] of ['"@method" ', '"@path" ', '"@query" ', '"hanse-protocol" '].entries()) {
      const lines = LINES.filter((_, i) => i !== index);
      expect(await verdict(byHand(COVERED.replace(name, ''), PARAMETERS, lines)), name).toBe(uncovered);
    }
    const withoutDigest = byHand(COVERED.replace(' "content-digest"', ''), PARAMETERS, LINES.slice(0, 4));
    expect(await verdict(withoutDigest)).toBe(uncovered);
    expect(await verdict({ ...withoutDigest, hasBody: false })).toBe('accepted');
  });

  test('a further header may be covered, in any order, and then counts', async () => {
    const covered = COVERED.replace('(', '("content-type" ');
    const extra = { 'content-type': 'application/json' };
    const lines = ['"content-type": application/json', ...LINES];
    const received = byHand(covered, PARAMETERS, lines, extra);
    expect(await verdict(received)).toBe('accepted');
    const changed = { ...received.headers, 'content-type': 'text/plain' };
    expect(await verdict({ ...received, headers: changed })).toBe('signatureInvalid: it does not verify');
    const { 'content-type': _, ...missing } = received.headers;
    expect(await verdict({ ...received, headers: missing })).toBe(
      'signatureInvalid: the covered header content-type is missing',
    );
  });

  test.each([
    ['a component twice', COVERED.replace(')', ' "@method")'), [...LINES, LINES[0] ?? ''], {}],
    ['another derived component', COVERED.replace(')', ' "@authority")'), [...LINES, '"@authority": x'], {}],
    ['the name of a property that every object has', COVERED.replace(')', ' "constructor")'), LINES, {}],
    ['a component with a parameter', COVERED.replace('"@query"', '"@query";req'), LINES, {}],
    ['components without a space between', COVERED.replace('" "', '""'), LINES, {}],
    ['two spaces', COVERED.replace('" "', '"  "'), LINES, {}],
    ['a space before the bracket', COVERED.replace(')', ' )'), LINES, {}],
    ['a header name in capitals', COVERED.replace('hanse-protocol', 'Hanse-Protocol'), LINES, {}],
    [
      'a line break in a covered header',
      COVERED.replace(')', ' "x-note")'),
      [...LINES, '"x-note": a\nb'],
      { 'x-note': 'a\nb' },
    ],
    [
      'more than 16 components',
      COVERED.replace(')', `${[...'abcdefghijkl'].map((letter) => ` "${letter}"`).join('')})`),
      [...LINES, ...[...'abcdefghijkl'].map((letter) => `"${letter}": 1`)],
      Object.fromEntries([...'abcdefghijkl'].map((letter) => [letter, '1'])),
    ],
  ] as const)('outside the profile, though signed: %s', async (_, covered, lines, extra) => {
    expect(await verdict(byHand(COVERED, PARAMETERS))).toBe('accepted');
    const refusal = await verdict(byHand(covered, PARAMETERS, lines, extra));
    expect(refusal).toMatch(/^signatureInvalid/);
    expect(refusal).not.toBe('signatureInvalid: it does not verify');
  });

  test.each([
    ['another algorithm', PARAMETERS.replace('ed25519', 'hmac-sha256')],
    ['no algorithm', PARAMETERS.replace(';alg="ed25519"', '')],
    ['no creation time', PARAMETERS.replace(/;created=\d+/, '')],
    ['a creation time that is text', PARAMETERS.replace(/created=(\d+)/, 'created="$1"')],
    ['no expiry', PARAMETERS.replace(/;expires=\d+/, '')],
    ['a life of 61 seconds', PARAMETERS.replace(/expires=\d+/, `expires=${NOW + 61}`)],
    ['an expiry before its creation', PARAMETERS.replace(/expires=\d+/, `expires=${NOW}`)],
    ['no nonce', PARAMETERS.replace(/;nonce="[^"]*"/, '')],
    ['a nonce that is too short', PARAMETERS.replace('ABCDEFGHIJKLMNOP', 'ABCDEFGHIJKLMNO')],
    ['a nonce that is too long', PARAMETERS.replace('ABCDEFGHIJKLMNOP', 'A'.repeat(65))],
    ['a nonce with a space', PARAMETERS.replace('ABCDEFGHIJKLMNOP', 'ABCDEFGH JKLMNOP')],
    ['a keyid that is no node id', PARAMETERS.replace(NODE_ID, NODE_ID.toUpperCase())],
    ['a parameter twice', `${PARAMETERS};alg="ed25519"`],
    ['a parameter that is neither text nor integer', `${PARAMETERS};tag=?1`],
    ['an escaped character', `${PARAMETERS};tag="a\\"b"`],
  ])('parameters outside the profile, though signed: %s', async (_, parameters) => {
    expect(await verdict(byHand(COVERED, PARAMETERS))).toBe('accepted');
    expect(parameters).not.toBe(PARAMETERS);
    const refusal = await verdict(byHand(COVERED, parameters));
    expect(refusal).toMatch(/^signatureInvalid/);
    expect(refusal).not.toBe('signatureInvalid: it does not verify');
  });

  test('parameters and components may come in any order, and count in that one', async () => {
    const parameters = `;${PARAMETERS.slice(1).split(';').reverse().join(';')}`;
    const covered = `(${COVERED.slice(1, -1).split(' ').reverse().join(' ')})`;
    expect(await verdict(byHand(COVERED, parameters))).toBe('accepted');
    expect(await verdict(byHand(covered, PARAMETERS, LINES.toReversed()))).toBe('accepted');
    const { headers } = byHand(COVERED, PARAMETERS);
    for (const input of [COVERED + parameters, covered + PARAMETERS])
      expect(await verdict({ ...sound, headers: { ...headers, 'signature-input': `hanse=${input}` } })).toBe(
        'signatureInvalid: it does not verify',
      );
  });

  test('a parameter that the profile does not have is refused, though signed', async () => {
    expect(await verdict(byHand(COVERED, PARAMETERS))).toBe('accepted');
    for (const name of ['tag', 'constructor'])
      expect(await verdict(byHand(COVERED, `${PARAMETERS};${name}="x"`))).toBe(
        `signatureInvalid: parameter ${name} is not of the profile`,
      );
  });

  test('a content-digest that is not one SHA-256 is refused, though signed', async () => {
    expect(await verdict(byHand(COVERED, PARAMETERS))).toBe('accepted');
    const base64 = DIGEST.slice('sha-256=:'.length, -1);
    for (const digest of [
      `sha-512=:${base64}:`,
      `sha-256=:${base64.slice(0, -4)}:`,
      `sha-256=${base64}`,
      `${DIGEST}, ${DIGEST}`,
      `sha-256=:${base64.slice(0, -2)}${'/='}:`, // the same bytes, with unused bits set
    ]) {
      const lines = [...LINES.slice(0, 4), `"content-digest": ${digest}`];
      const received = byHand(COVERED, PARAMETERS, lines, { 'content-digest': digest });
      expect(await verdict(received), digest).toBe('signatureInvalid: content-digest is not one SHA-256');
    }
  });

  test.each([
    ['60 s before its creation', -60, 'accepted'],
    ['61 s before its creation', -61, 'signatureExpired'],
    ['at its creation', 0, 'accepted'],
    ['at its expiry', 60, 'accepted'],
    ['a second after its expiry', 61, 'signatureExpired'],
  ])('time: %s', async (_, seconds, expected) => {
    expect(await verdict({ ...sound, now: NOW + seconds })).toBe(expected);
  });

  test('very long values are refused', async () => {
    expect(await verdict(sound)).toBe('accepted');
    for (const long of [
      `hanse=(${'"a" '.repeat(50_000)})${PARAMETERS}`,
      `hanse=${COVERED}${';a="b"'.repeat(50_000)}`,
      `hanse=${COVERED};nonce="${'A'.repeat(100_000)}"`,
      `${' '.repeat(100_000)}x`,
    ])
      expect(await verdict(withHeader('signature-input', long))).toBe(
        'signatureInvalid: signature-input is not of the profile',
      );
    expect(await verdict(withHeader('signature', `hanse=:${'A'.repeat(100_000)}:`))).toBe(
      'signatureInvalid: not one Ed25519 signature',
    );
  });
});

describe('the hand that signs in these tests', () => {
  test('uses the key that the signer uses', () => {
    const der = Buffer.from(`302e020100300506032b657004220420${SEED}`, 'hex');
    const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    const raw = key.export({ format: 'der', type: 'spki' }).subarray(-32);
    expect(raw.toString('hex')).toBe(toHex(signer.publicKey));
  });
});

function withHeader(name: string, value: string | undefined): Received {
  return { ...sound, headers: { ...sound.headers, [name]: value } };
}
