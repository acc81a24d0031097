import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { concatBytes, toHex, utf8 } from '../../../protocol/bytes.ts';
import { SIGNATURE_LIFETIME_SECONDS } from '../../../protocol/http-signature.ts';
import { succeed } from '../../../protocol/key-succession.ts';
import type { RouteName } from '../../../protocol/routes.ts';
import type { Invite } from '../../../schemas/member.ts';
import { type Node, nodeOf } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import {
  type Answer,
  expectProblem,
  expectSuccess,
  type SignedRequest,
  send,
  signed,
} from '../../fixtures/signed-client.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

let listening: ListeningApp;
let researcher: Node;
beforeAll(async () => {
  listening = await listeningApp({ participants: 1, evaluators: 1 });
  researcher = listening.federation.researcher;
});
afterAll(() => listening.close());

const request = (
  ...args: Parameters<typeof signed> extends [unknown, unknown, ...infer Rest] ? Rest : never
) => signed(researcher, listening.federation.clock, ...args);
const sendOn = (one: SignedRequest) => send(listening.server, one);

/** The request as signed succeeds; the same, changed on its way, does not. */
async function tampered(
  name: RouteName,
  parts: Parameters<typeof request>[1],
  change: (one: SignedRequest) => void,
): Promise<Answer> {
  expectSuccess(await sendOn(await request(name, parts)));
  const changed = await request(name, parts);
  change(changed);
  return sendOn(changed);
}

describe('a request that is not as it was signed', () => {
  test('method', async () => {
    const { operator, clock } = listening.federation;
    // Of two routes at one address, the signature for one is none for the other.
    const asked = await signed(operator, clock, 'listMembers');
    expectSuccess(await sendOn(await signed(operator, clock, 'listMembers')));
    asked.method = 'POST';
    asked.headers['content-type'] = 'application/json';
    asked.body = utf8('{}');
    expectProblem(await sendOn({ ...asked, route: 'enrol' }), 'signatureInvalid', 401);
  });

  test('path', async () => {
    const job = await listening.federation.createJob();
    const parts = { params: { jobId: job.jobId } };
    const answer = await tampered('getJob', parts, (one) => {
      one.target = '/v1/jobs/job-0000000000000000';
    });
    expectProblem(answer, 'signatureInvalid', 401);
  });

  test('query', async () => {
    const job = await listening.federation.createJob();
    const parts = { params: { jobId: job.jobId }, query: { after: '0', wait: '0' } };
    for (const target of [`/v1/jobs/${job.jobId}`, `/v1/jobs/${job.jobId}?after=1&wait=0`]) {
      const answer = await tampered('getJob', parts, (one) => {
        one.target = target;
      });
      expectProblem(answer, 'signatureInvalid', 401);
    }
  });

  test('body, as JSON and as bytes', async () => {
    const manifest = listening.federation.manifest();
    await listening.federation.storeContent();
    const json = await tampered('createJob', { body: manifest }, (one) => {
      one.body = utf8(JSON.stringify({ ...manifest, purpose: 'something else' }));
    });
    expectProblem(json, 'hashMismatch', 400);
    expect(listening.federation.coordinator.jobs().map(({ state }) => state.manifest.purpose)).not.toContain(
      'something else',
    );

    const content = utf8('content');
    const parts = { params: { sha256: hashOf(content) }, body: content };
    const binary = await tampered('putBlob', parts, (one) => {
      one.body = utf8('CONTENT');
    });
    expectProblem(binary, 'hashMismatch', 400);
    const longer = await tampered('putBlob', parts, (one) => {
      one.body = concatBytes(content, utf8('!'));
    });
    expectProblem(longer, 'hashMismatch', 400);
  });

  test('a body whose digest is replaced with it', async () => {
    const body = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 };
    const { operator, clock } = listening.federation;
    expectSuccess(await listening.call(operator, 'createInvite', { body }));
    const asked = await signed(operator, clock, 'createInvite', { body });
    const other = await signed(operator, clock, 'createInvite', { body: { ...body, role: 'operator' } });
    asked.body = other.body;
    asked.headers['content-digest'] = other.headers['content-digest'] ?? '';
    expectProblem(await sendOn(asked), 'signatureInvalid', 401);
    delete asked.headers['content-digest'];
    expectProblem(await sendOn(asked), 'signatureInvalid', 401);
  });

  test('version header', async () => {
    const answer = await tampered('listJobs', {}, (one) => {
      one.headers['hanse-protocol'] = '01';
    });
    expectProblem(answer, 'versionUnsupported', 400);
    const wide = await listeningApp({ settings: { protocol: { min: 1, max: 2 } } });
    try {
      const asked = await signed(wide.federation.researcher, wide.federation.clock, 'listJobs');
      expectSuccess(await send(wide.server, asked));
      const again = await signed(wide.federation.researcher, wide.federation.clock, 'listJobs');
      again.headers['hanse-protocol'] = '2';
      expectProblem(await send(wide.server, again), 'signatureInvalid', 401);
    } finally {
      await wide.close();
    }
  });

  test('the signature itself, its parameters, its absence', async () => {
    const changes: [(headers: Record<string, string>) => void, 'signatureInvalid' | 'signatureMissing'][] = [
      [(headers) => delete headers.signature, 'signatureMissing'],
      [(headers) => delete headers['signature-input'], 'signatureMissing'],
      [(headers) => replace(headers, 'signature', /=:(.)/, '=:$1$1'), 'signatureInvalid'],
      [(headers) => replace(headers, 'signature', /.{4}==:$/, 'AAAA==:'), 'signatureInvalid'],
      [
        (headers) => replace(headers, 'signature-input', /nonce="./, (nonce) => `nonce="${another(nonce)}`),
        'signatureInvalid',
      ],
      [(headers) => replace(headers, 'signature-input', '"@method" ', ''), 'signatureInvalid'],
      [(headers) => replace(headers, 'signature-input', 'ed25519', 'hmac-sha256'), 'signatureInvalid'],
      [
        (headers) => replace(headers, 'signature-input', /expires=\d+/, 'expires=999999999999'),
        'signatureInvalid',
      ],
    ];
    for (const [change, code] of changes)
      expectProblem(await tampered('listJobs', {}, (one) => change(one.headers)), code, 401);
  });
});

describe('who sent it', () => {
  test('another key than that of the member it names', async () => {
    const stranger = await nodeOf('stranger', 'researcher');
    const { clock } = listening.federation;
    expectSuccess(await sendOn(await signed(researcher, clock, 'listJobs')));
    const posing = { ...researcher, signer: stranger.signer };
    expectProblem(await sendOn(await signed(posing, clock, 'listJobs')), 'signatureInvalid', 401);
    expectProblem(await sendOn(await signed(stranger, clock, 'listJobs')), 'memberUnknown', 401);
  });

  test('a request that is repeated is answered once', async () => {
    const asked = await request('listJobs');
    expectSuccess(await sendOn(asked));
    expectProblem(await sendOn(asked), 'requestReplayed', 401);
    expectProblem(await sendOn(asked), 'requestReplayed', 401);
    expectSuccess(await sendOn(await request('listJobs')));
  });

  test('of requests sent at once with one nonce, one is answered', async () => {
    const asked = await request('listJobs');
    const answers = await Promise.all(Array.from({ length: 5 }, () => sendOn(asked)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
  });

  test('a failed signature uses up no nonce of the member', async () => {
    const asked = await request('listJobs');
    const forged = { ...asked, headers: { ...asked.headers } };
    replace(forged.headers, 'signature', /.{4}==:$/, 'AAAA==:');
    expectProblem(await sendOn(forged), 'signatureInvalid', 401);
    expectSuccess(await sendOn(asked));
  });

  test('clocks may differ by the lifetime of a signature, and no more', async () => {
    for (const skewSeconds of [-SIGNATURE_LIFETIME_SECONDS, 0, SIGNATURE_LIFETIME_SECONDS])
      expectSuccess(await sendOn(await request('listJobs', {}, { skewSeconds })));
    for (const skewSeconds of [-SIGNATURE_LIFETIME_SECONDS - 1, SIGNATURE_LIFETIME_SECONDS + 1]) {
      const problem = expectProblem(
        await sendOn(await request('listJobs', {}, { skewSeconds })),
        'signatureExpired',
        401,
      );
      expect(problem.particulars).toEqual({ skewSeconds: -skewSeconds });
    }
  });

  test('a nonce of another form than ours is refused, though it is signed', async () => {
    const { clock } = listening.federation;
    const asked = await signed(researcher, clock, 'listJobs');
    const input = (asked.headers['signature-input'] ?? '').replace(
      /nonce="[^"]*"/,
      'nonce="sixteen characters"',
    );
    const base = [
      '"@method": GET',
      '"@path": /v1/jobs',
      '"@query": ?',
      '"hanse-protocol": 1',
      `"@signature-params": ${input.slice('hanse='.length)}`,
    ].join('\n');
    const signature = Buffer.from(await researcher.signer.sign(utf8(base))).toString('base64');
    asked.headers['signature-input'] = input;
    asked.headers.signature = `hanse=:${signature}:`;
    expectProblem(await sendOn(asked), 'signatureInvalid', 401);
    expectSuccess(await sendOn(await request('listJobs')));
  });
});

describe('versions, on a coordinator that speaks 2 to 3', () => {
  let narrow: ListeningApp;
  beforeAll(async () => {
    narrow = await listeningApp({ settings: { protocol: { min: 2, max: 3 } } });
  });
  afterAll(() => narrow.close());

  test.each([2, 3])('%i is served', async (version) => {
    const answer = expectSuccess(
      await narrow.call(narrow.federation.researcher, 'listJobs', {}, { version }),
    );
    expect(answer.headers.get('hanse-protocol')).toBe('2-3');
  });

  test.each([1, 4])('%i is refused with the range', async (version) => {
    const node = narrow.federation.researcher;
    const problem = expectProblem(
      await narrow.call(node, 'listJobs', {}, { version }),
      'versionUnsupported',
      400,
    );
    expect(problem.particulars).toEqual({ got: String(version), min: 2, max: 3 });
    expectSuccess(await narrow.call(node, 'listJobs', {}, { version: 2 }));
  });

  test('the range can be asked for without a version', async () => {
    const response = await fetch(`${narrow.server}/v1/federation?challenge=${'A'.repeat(22)}`);
    expect(await response.json()).toMatchObject({ protocol: { min: 2, max: 3 } });
  });
});

describe('invites', () => {
  const body = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 };
  const invite = async () => {
    const answer = await listening.call(listening.federation.operator, 'createInvite', { body });
    return (expectSuccess(answer).json as Invite).token;
  };
  const bodyOf = async (node: Node, token: string, name = 'a node') => ({
    token,
    publicKey: toHex(node.signer.publicKey),
    name,
    admission: await listening.federation.admission(node),
  });
  const enrol = async (node: Node, token: string, name?: string) =>
    listening.call(node, 'enrol', { body: await bodyOf(node, token, name) });

  test('one invite makes one member; asking again with the same key is harmless', async () => {
    const token = await invite();
    const [first, second] = [await nodeOf('first', 'participant'), await nodeOf('second', 'participant')];
    const enrolment = expectSuccess(await enrol(first, token)).json;
    expect(enrolment).toMatchObject({ nodeId: first.nodeId, role: 'participant', organisationId: 'hansa' });
    expect(expectSuccess(await enrol(first, token)).json).toEqual(enrolment);
    expectProblem(await enrol(second, token), 'inviteSpent', 410);
    expectSuccess(await enrol(second, await invite()));
  });

  test('unknown and expired', async () => {
    const node = await nodeOf('late', 'participant');
    expectProblem(await enrol(node, 'A'.repeat(43)), 'inviteUnknown', 404);
    const [inTime, late] = [await invite(), await invite()];
    const { clock } = listening.federation;
    await clock.advance(59_999);
    expectSuccess(await enrol(await nodeOf('in time', 'participant'), inTime));
    await clock.advance(1);
    expectProblem(await enrol(node, late), 'inviteExpired', 410);
  });

  test('of whoever has no invite nothing is written down', async () => {
    const { store } = listening.federation;
    const scopes: string[] = [];
    store.fault = (scope) => {
      scopes.push(scope);
      return undefined;
    };
    const node = await nodeOf('stranger', 'participant');
    for (let i = 0; i < 3; i += 1) expectProblem(await enrol(node, 'A'.repeat(43)), 'inviteUnknown', 404);
    expect(scopes).toEqual([]);
    const token = await invite();
    scopes.length = 0;
    expectSuccess(await enrol(node, token));
    expect(scopes).toEqual([`nonce/${node.nodeId}`, 'federation']);
  });

  test('the key in the body must have signed, under its own id', async () => {
    const token = await invite();
    const [own, other] = [await nodeOf('own', 'participant'), await nodeOf('other', 'participant')];
    const theirs = { body: await bodyOf(other, token) };
    expectProblem(await listening.call(own, 'enrol', theirs), 'signatureInvalid', 401);
    const posing = { ...own, nodeId: other.nodeId };
    expectProblem(await listening.call(posing, 'enrol', theirs), 'signatureInvalid', 401);
    // The right key, which has signed, but under the id of somebody else.
    expectProblem(await enrol(posing, token), 'signatureInvalid', 401);
    expectProblem(await enrol(own, token, 'line\nbreak'), 'invalidFormat', 400);
    expectSuccess(await enrol(own, token));
  });
});

describe('who is no member any more', () => {
  let others: ListeningApp;
  let nodes: [Node, Node, Node];
  beforeAll(async () => {
    others = await listeningApp({ participants: 3 });
    nodes = others.federation.participants as [Node, Node, Node];
  });
  afterAll(() => others.close());

  const asks = (node: Node) => others.call(node, 'listJobs');
  const operator = () => others.federation.operator;

  test('a revoked node is refused from then on, and told so only if it has signed', async () => {
    const [node, second] = nodes;
    expectSuccess(await asks(node));
    const prepared = await signed(node, others.federation.clock, 'listJobs');
    const params = { nodeId: node.nodeId };
    expectSuccess(await others.call(operator(), 'revokeMember', { params, body: { reason: 'stolen' } }));
    expectProblem(await asks(node), 'memberRevoked', 403);
    expectProblem(await send(others.server, prepared), 'memberRevoked', 403);
    const posing = { ...node, signer: second.signer };
    expectProblem(await asks(posing), 'signatureInvalid', 401);
    expectSuccess(await asks(second));
  });

  test('its key comes back with no invite', async () => {
    const [node] = nodes;
    const body = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 };
    const enrolled = async (one: Node) => {
      const { token } = expectSuccess(await others.call(operator(), 'createInvite', { body })).json as Invite;
      const admission = await others.federation.admission(one);
      const publicKey = toHex(one.signer.publicKey);
      return others.call(one, 'enrol', { body: { token, publicKey, name: 'a', admission } });
    };
    expectProblem(await enrolled(node), 'identityDuplicate', 409);
    expectSuccess(await enrolled(await nodeOf('fresh', 'participant')));
  });

  test('a key that has been replaced is refused after its time; nobody replaces one by the key of another', async () => {
    const [, old, third] = nodes;
    const { clock, coordinator } = others.federation;
    const coordinatorKey = toHex((await nodeOf('coordinator', 'operator')).signer.publicKey);
    const replacedBy = async (next: Node) => {
      const pinned = { federationId: coordinator.federation.id, coordinatorKey };
      const { byOld, byNew } = await succeed(old.signer, next.signer, pinned);
      const body = { publicKey: toHex(next.signer.publicKey), byOld, byNew, overlapSeconds: 60 };
      return others.call(old, 'succeedKey', { body });
    };
    expectProblem(await replacedBy(third), 'identityDuplicate', 409);
    const next = await nodeOf('next', 'participant');
    expectSuccess(await replacedBy(next));
    for (const one of [old, next]) expectSuccess(await asks(one));
    await clock.advance(60_000);
    expectProblem(await asks(old), 'keyRetired', 403);
    expectSuccess(await asks(next));
  });

  test('an organisation takes all its nodes with it', async () => {
    const [, , third] = nodes;
    expectSuccess(await asks(third));
    const params = { organisationId: 'hansa' };
    expectSuccess(await others.call(operator(), 'revokeOrganisation', { params, body: { reason: 'left' } }));
    expectProblem(await asks(third), 'memberRevoked', 403);
    expectSuccess(await asks(operator()));
  });
});

/** A character of base64url that is not the last one of this text. */
function another(text: string): string {
  return text.endsWith('_') ? '-' : '_';
}

function replace(
  headers: Record<string, string>,
  name: string,
  from: string | RegExp,
  to: string | ((found: string) => string),
): void {
  const before = headers[name] ?? '';
  headers[name] = typeof to === 'string' ? before.replace(from, to) : before.replace(from, to);
  expect(headers[name]).not.toBe(before);
}
