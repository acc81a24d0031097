// covers: server/secure-handlers.ts
/**
 * What a coordinator refuses of a secure attempt, each beside what it takes; and who says something twice.
 */
import { describe, expect, test } from 'vitest';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { type Attempt, begin, FEW, jobOf, play, SIZE, THRESHOLD } from '../fixtures/secure-federation.ts';
import {
  allSend,
  MESSAGES,
  type Message,
  refusal,
  type ScriptedParty,
  secureJob,
} from '../fixtures/secure-party.ts';
import { hashOf } from '../fixtures/vector-files.ts';

describe('what is refused, and is taken once it is right', () => {
  /** Of one party; the attempt then goes on to its end. */
  async function judged(
    last: Message | undefined,
    wrong: (party: ScriptedParty, attempt: Attempt) => Promise<unknown>,
  ): Promise<string> {
    const attempt = await begin(secureJob(FEW), FEW);
    if (last) await play(attempt, last);
    const [first] = attempt.parties as [ScriptedParty];
    const before = jobOf(attempt);
    const code = await refusal(wrong(first, attempt));
    expect(jobOf(attempt)).toEqual(before);
    for (const message of MESSAGES.slice(last ? MESSAGES.indexOf(last) + 1 : 0))
      await allSend(attempt.parties, message);
    expect(jobOf(attempt).phase).toBe('finished');
    return code;
  }

  const flipped = (hex: string) => (hex.startsWith('0') ? '1' : '0') + hex.slice(1);
  const put = (party: ScriptedParty, { federation }: Attempt, body: object) =>
    federation.call('advertiseKeys', party.node, { params: party.params, query: {}, body: body as never });
  const keysFor = async (party: ScriptedParty) => {
    const keys = await party.makeKeys();
    return keys.advertisement;
  };

  test.each([
    [
      'a signature of somebody else',
      async (party: ScriptedParty) => {
        const own = await keysFor(party);
        return { ...own, signature: flipped(own.signature) };
      },
      'advertisementInvalid',
    ],
    [
      'the name of another node',
      async (party: ScriptedParty) => {
        const own = await keysFor(party);
        return { ...own, nodeId: 'f'.repeat(32) };
      },
      'advertisementInvalid',
    ],
    [
      'a key that the node does not have',
      async (party: ScriptedParty) => {
        const own = await keysFor(party);
        return { ...own, publicKey: flipped(own.publicKey) };
      },
      'advertisementInvalid',
    ],
    [
      'one key for both uses',
      async (party: ScriptedParty) => {
        const own = await keysFor(party);
        return { ...own, maskKey: own.channelKey };
      },
      'advertisementInvalid',
    ],
    [
      'a key of small order',
      (party: ScriptedParty) => party.resigned({ maskKey: '00'.repeat(32) }),
      'keyLowOrder',
    ],
  ] as const)('keys with %s', async (_, make, code) => {
    expect(await judged(undefined, async (party, attempt) => put(party, attempt, await make(party)))).toBe(
      code,
    );
  });

  test('keys that another has sent', async () => {
    const attempt = await begin(secureJob(FEW), FEW);
    const [first, second] = attempt.parties as [ScriptedParty, ScriptedParty];
    await first.advertise();
    const { channelKey } = (await keysFor(first)) as { channelKey: string };
    const stolen = await second.resigned({ maskKey: channelKey });
    expect(await refusal(put(second, attempt, stolen))).toBe('advertisementInvalid');
    await second.advertise();
    expect(jobOf(attempt).secure?.advertisements.size).toBe(2);
  });

  test.each([
    ['cut', (bytes: Uint8Array) => bytes.subarray(1), 'invalidLength'],
    ['with more', (bytes: Uint8Array) => new Uint8Array([...bytes, 0]), 'invalidLength'],
    [
      'for the sender itself',
      (bytes: Uint8Array) => bytes.map((byte, i) => (i === 32 ? 0b111 : byte)),
      'sharesInvalid',
    ],
    [
      'for fewer',
      (bytes: Uint8Array) => bytes.map((byte, i) => (i === 32 ? byte & (byte - 1) : byte)),
      'sharesInvalid',
    ],
    [
      'for one beyond the roster',
      (bytes: Uint8Array) => bytes.map((byte, i) => (i === 32 ? byte | 128 : byte)),
      'sharesInvalid',
    ],
  ] as const)('shares %s', async (_, alter, code) => {
    const refused = judged('advertise', async (party) => party.putShares(alter(await party.makeShares())));
    expect(await refused).toBe(code);
  });

  test('shares whose hash is not the signed one', async () => {
    const refused = await judged('advertise', async (party, { federation }) => {
      const bytes = await party.makeShares();
      const body = { source: bytes, sha256: hashOf(new Uint8Array()), length: bytes.length };
      return federation.call('putShares', party.node, {
        params: party.params,
        query: {},
        body: body as never,
      });
    });
    expect(refused).toBe('hashMismatch');
  });

  test.each([
    [
      'without a signature',
      (party: ScriptedParty, { federation }: Attempt, body: Uint8Array) =>
        federation.call('putUpdate', party.node, { params: party.params, body }),
      'updateUnsigned',
    ],
    [
      'with the signature of something else',
      (party: ScriptedParty, _: Attempt, body: Uint8Array) =>
        party.signatureOf(body.subarray(1)).then((signature) => party.putMasked(body, signature)),
      'updateUnsigned',
    ],
    [
      'with the signature of another',
      async (party: ScriptedParty, { parties }: Attempt, body: Uint8Array) => {
        const other = parties[1] as ScriptedParty;
        await other.mask();
        return party.putMasked(body, await other.signatureOf(body));
      },
      'updateUnsigned',
    ],
    [
      'of another length',
      async (party: ScriptedParty, _: Attempt, body: Uint8Array) => {
        const cut = body.subarray(0, body.length - 4);
        return party.putMasked(cut, await party.signatureOf(cut));
      },
      'invalidLength',
    ],
    [
      'with another header',
      async (party: ScriptedParty, _: Attempt, body: Uint8Array) => {
        const other = body.map((byte, i) => (i === 7 ? 21 : byte));
        return party.putMasked(other, await party.signatureOf(other));
      },
      'updateMalformed',
    ],
    [
      'with bits behind the last coordinate',
      async (party: ScriptedParty, _: Attempt, body: Uint8Array) => {
        const other = body.map((byte, i) => (i === body.length - 5 ? byte | 0x80 : byte));
        return party.putMasked(other, await party.signatureOf(other));
      },
      'updateMalformed',
    ],
  ] as const)('an update %s', async (_, send, code) => {
    const refused = judged('share', async (party, attempt) => {
      await party.mask();
      return send(party, attempt, (party.masked as { body: Uint8Array }).body);
    });
    expect(await refused).toBe(code);
  });

  test('nothing of an update without its signature is read', async () => {
    const attempt = await begin(secureJob(FEW), FEW);
    await play(attempt, 'share');
    const [party] = attempt.parties as [ScriptedParty];
    await party.mask();
    const { body, signature } = party.masked as { body: Uint8Array; signature: string };
    let isRead = false;
    async function* source() {
      isRead = true;
      yield body;
    }
    const send = (signed: string) =>
      attempt.federation.call('putMaskedUpdate', party.node, {
        params: { ...party.params, signature: signed },
        query: {},
        body: { source: source(), sha256: hashOf(body), length: body.length } as never,
      });
    expect(await refusal(send(flipped(signature)))).toBe('updateUnsigned');
    expect(isRead).toBe(false);
    expect(await refusal(send(signature))).toBe('accepted');
    expect(isRead).toBe(true);
  });

  test('a consent to something else', async () => {
    const refused = await judged('upload', (party) => party.putConsent('0'.repeat(128)));
    expect(refused).toBe('consentInvalid');
  });

  test('an answer of another length', async () => {
    const refused = await judged('consent', (party) => party.putAnswer(new Uint8Array(32 * FEW - 1)));
    expect(refused).toBe('invalidLength');
  });

  test('a masked update in a job whose sums are plain, and every other message', async () => {
    const federation = await TestFederation.open();
    await federation.appear();
    const runner = await federation.createJob();
    await federation.appear();
    const [node] = federation.participants as [Node];
    const params = { jobId: runner.jobId, round: '1', attempt: '1' };
    const body = federation.updateOf(node, 1);
    const masked = { ...params, signature: '0'.repeat(128) };
    const sent = federation.call('putMaskedUpdate', node, { params: masked, query: {}, body });
    await expect(sent).rejects.toMatchObject({ code: 'updateMalformed', detail: { field: 'aggregation' } });
    for (const name of ['getRoster', 'getDelivery', 'getSurvivors', 'getCertificate'] as const)
      expect(await refusal(federation.call(name, node, { params, query: {} }))).toBe('messageOutOfOrder');
    const shares = federation.call('putShares', node, { params, query: {}, body });
    expect(await refusal(shares)).toBe('messageOutOfOrder');
    expect(await refusal(federation.call('putAnswer', node, { params, body }))).toBe('messageOutOfOrder');
    const consent = federation.call('putConsent', node, {
      params,
      query: {},
      body: { signature: '0'.repeat(128) },
    });
    expect(await refusal(consent)).toBe('messageOutOfOrder');
    await federation.call('putUpdate', node, { params, body });
    expect(runner.state.accepted.size).toBe(1);
  });
});

describe('who says something twice', () => {
  test('the same is taken again, another thing is not', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    const [party] = parties as [ScriptedParty];
    const others = new Map<Message, () => Promise<unknown>>([
      [
        'advertise',
        async () => {
          const body = await party.resigned({});
          return federation.call('advertiseKeys', party.node, { params: party.params, query: {}, body });
        },
      ],
      [
        'share',
        async () => party.putShares((await party.makeShares()).map((byte, i) => (i < 32 ? 0 : byte))),
      ],
      [
        'upload',
        async () => {
          const { body } = party.masked as { body: Uint8Array };
          const other = body.map((byte, i) => (i === 64 ? byte ^ 1 : byte));
          return party.putMasked(other, await party.signatureOf(other));
        },
      ],
      ['answer', async () => party.putAnswer(new Uint8Array(32 * SIZE))],
    ]);
    for (const message of MESSAGES) {
      await allSend([party], message);
      expect(await refusal(party[message]()), message).toBe('accepted');
      const other = others.get(message);
      if (other) expect(await refusal(other()), message).toBe('messageConflict');
      await allSend(parties.slice(1, message === 'answer' ? THRESHOLD : SIZE), message);
      if (message !== 'answer') expect(await refusal(party[message]()), `${message} later`).toBe('accepted');
    }
    expect(jobOf(attempt).phase).toBe('finished');
  });

  test('a consent that comes when enough are there changes nothing, and lets its sender go on', async () => {
    const attempt = await begin();
    await play(attempt, 'upload');
    const { parties } = attempt;
    await allSend(parties.slice(0, THRESHOLD), 'consent');
    const late = parties[THRESHOLD] as ScriptedParty;
    const before = jobOf(attempt);
    await late.consent();
    expect(jobOf(attempt)).toBe(before);
    await allSend([late, ...parties.slice(0, 3)], 'answer');
    expect(jobOf(attempt).phase).toBe('finished');
  });

  test('who has declined does not come back', async () => {
    const attempt = await begin();
    const [party, ...rest] = attempt.parties as [ScriptedParty, ...ScriptedParty[]];
    await party.decline('nodePaused');
    expect(await refusal(party.advertise())).toBe('messageConflict');
    await allSend(rest, 'advertise');
    expect(jobOf(attempt).secure?.advertisements.size).toBe(4);
  });
});
