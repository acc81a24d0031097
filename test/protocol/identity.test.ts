import { createHash, createPublicKey, verify } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { fromHex, toHex } from '../../protocol/bytes.ts';
import { checkFederation, nodeIdOf, proveFederation } from '../../protocol/identity.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { isProblem } from '../../protocol/problem.ts';
import type { FederationInfo } from '../../schemas/member.ts';

const CHALLENGE = 'ABAgMEBQYHCAkKCwwNDg8AECAwQFBgcICQoLDA0ODxA';

let signer: Signer;
let info: Omit<FederationInfo, 'signature'>;
let pinned: { federationId: string; coordinatorKey: string };

beforeAll(async () => {
  signer = await primitives.signer(new Uint8Array(32).fill(5));
  const coordinatorKey = toHex(signer.publicKey);
  pinned = { federationId: 'fed-0123456789abcdef', coordinatorKey };
  info = { ...pinned, software: 'hanse/0.0.0', protocol: { min: 1, max: 3 } };
});

async function isAccepted(
  answer: FederationInfo,
  challenge = CHALLENGE,
  expected = pinned,
): Promise<boolean> {
  try {
    await checkFederation(answer, challenge, expected);
    return true;
  } catch (error) {
    if (!isProblem(error, 'coordinatorKeyMismatch')) throw error;
    return false;
  }
}

describe('node ids', () => {
  test('known answer: the hash of a label, a zero byte and the key, made with node:crypto', async () => {
    const key =
      fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a') ?? new Uint8Array();
    const digest = createHash('sha256').update('HSA1 pid').update(Uint8Array.of(0)).update(key).digest('hex');
    expect(await nodeIdOf(key)).toBe(digest.slice(0, 32));
  });

  test('follow from the key and from nothing else', async () => {
    const [a = new Uint8Array(), b = new Uint8Array()] = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
    expect(await nodeIdOf(a)).toBe(await nodeIdOf(a.slice()));
    expect(await nodeIdOf(a)).not.toBe(await nodeIdOf(b));
  });
});

describe("the coordinator's proof", () => {
  test('known answer: the bytes of SPEC.md 4.2, verified with node:crypto', async () => {
    const { signature } = await proveFederation(info, CHALLENGE, signer);
    const message = ['HANSE federation', CHALLENGE, info.federationId, info.coordinatorKey, '1-3'].join('\0');
    const spki = Buffer.from(`302a300506032b6570032100${info.coordinatorKey}`, 'hex');
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from(message), key, Buffer.from(signature, 'hex'))).toBe(true);
    expect(verify(null, Buffer.from(`${message} `), key, Buffer.from(signature, 'hex'))).toBe(false);
  });

  test('is accepted for the challenge it answers, and no other', async () => {
    const answer = await proveFederation(info, CHALLENGE, signer);
    expect(await isAccepted(answer)).toBe(true);
    expect(await isAccepted(answer, CHALLENGE.replace('A', 'B'))).toBe(false);
  });

  test('of another coordinator is refused, though it proves its own key', async () => {
    const other = await primitives.signer(new Uint8Array(32).fill(6));
    const coordinatorKey = toHex(other.publicKey);
    const answer = await proveFederation({ ...info, coordinatorKey }, CHALLENGE, other);
    expect(await isAccepted(answer, CHALLENGE, { ...pinned, coordinatorKey })).toBe(true);
    expect(await isAccepted(answer)).toBe(false);
    expect(await isAccepted({ ...answer, coordinatorKey: pinned.coordinatorKey })).toBe(false);
  });

  test('of the pinned key is refused if it speaks of another federation, or of another key', async () => {
    const federationId = 'fed-fedcba9876543210';
    const coordinatorKey = '0'.repeat(64);
    expect(await isAccepted(await proveFederation(info, CHALLENGE, signer))).toBe(true);
    for (const other of [{ federationId }, { coordinatorKey }]) {
      const answer = await proveFederation({ ...info, ...other }, CHALLENGE, signer);
      expect(await isAccepted(answer)).toBe(false);
    }
  });

  test('fits no other federation, and no other range of versions', async () => {
    const answer = await proveFederation(info, CHALLENGE, signer);
    expect(await isAccepted(answer)).toBe(true);
    const federationId = 'fed-fedcba9876543210';
    expect(await isAccepted({ ...answer, federationId })).toBe(false);
    expect(await isAccepted({ ...answer, federationId }, CHALLENGE, { ...pinned, federationId })).toBe(false);
    for (const protocol of [
      { min: 1, max: 1 },
      { min: 2, max: 3 },
    ])
      expect(await isAccepted({ ...answer, protocol })).toBe(false);
  });

  test('with a signature or a pinned key that is none is refused, not an error', async () => {
    const answer = await proveFederation(info, CHALLENGE, signer);
    expect(await isAccepted(answer)).toBe(true);
    for (const signature of ['', 'zz', answer.signature.slice(2), '0'.repeat(128)])
      expect(await isAccepted({ ...answer, signature })).toBe(false);
    const coordinatorKey = 'no key';
    expect(await isAccepted({ ...answer, coordinatorKey }, CHALLENGE, { ...pinned, coordinatorKey })).toBe(
      false,
    );
  });

  test('a mismatch names the key that was pinned and the one that came', async () => {
    const answer = await proveFederation(info, CHALLENGE, signer);
    const other = { ...pinned, coordinatorKey: '0'.repeat(64) };
    await expect(checkFederation(answer, CHALLENGE, other)).rejects.toMatchObject({
      code: 'coordinatorKeyMismatch',
      detail: { pinned: other.coordinatorKey, got: pinned.coordinatorKey },
    });
  });
});
