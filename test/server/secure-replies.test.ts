/**
 * What the messages of a secure attempt are answered with: the message that follows, for those who wait.
 */
import { describe, expect, test } from 'vitest';
import { toBase64 } from '../../protocol/bytes.ts';
import type { RouteName } from '../../protocol/routes.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Attempt, begin, jobOf, play, SIZE } from '../fixtures/secure-federation.ts';
import { allSend, MESSAGES, type Message, refusal, type ScriptedParty } from '../fixtures/secure-party.ts';

interface Pair {
  readonly message: Message;
  readonly route: RouteName;
  readonly field: string;
  /** Parameters and body as the party sends them. */
  request(party: ScriptedParty): Promise<{ readonly params: object; readonly body: unknown }>;
  /** What is told to who asks for it. */
  asked(attempt: Attempt, party: ScriptedParty): Promise<unknown>;
}

const ask = async (attempt: Attempt, party: ScriptedParty, route: RouteName) =>
  attempt.federation.call(route, party.node, {
    params: party.params,
    query: {},
  } as never) as Promise<unknown>;

const PAIRS: readonly Pair[] = [
  {
    message: 'advertise',
    route: 'advertiseKeys',
    field: 'roster',
    request: async (party) => ({ params: party.params, body: (await party.makeKeys()).advertisement }),
    asked: async (attempt, party) => ((await ask(attempt, party, 'getRoster')) as { roster: unknown }).roster,
  },
  {
    message: 'share',
    route: 'putShares',
    field: 'delivery',
    request: async (party) => ({ params: party.params, body: await party.makeShares() }),
    asked: async (attempt, party) => {
      const { source } = (await ask(attempt, party, 'getDelivery')) as { source: Uint8Array };
      return source.length > 0 ? toBase64(source) : null;
    },
  },
  {
    message: 'upload',
    route: 'putMaskedUpdate',
    field: 'survivors',
    request: async (party) => {
      await party.mask();
      const { body, signature } = party.masked as NonNullable<typeof party.masked>;
      return { params: { ...party.params, signature }, body };
    },
    asked: async (attempt, party) =>
      ((await ask(attempt, party, 'getSurvivors')) as { survivors: unknown }).survivors,
  },
  {
    message: 'consent',
    route: 'putConsent',
    field: 'certificate',
    request: async (party) => {
      await party.consent();
      return { params: party.params, body: { signature: party.consented } };
    },
    asked: async (attempt, party) =>
      ((await ask(attempt, party, 'getCertificate')) as { certificate: unknown }).certificate,
  },
];

const send = async (attempt: Attempt, party: ScriptedParty, pair: Pair, wait?: string) => {
  const request = await pair.request(party);
  const query = wait === undefined ? {} : { wait };
  return attempt.federation.call(pair.route, party.node, { ...request, query } as never) as Promise<
    Record<string, unknown>
  >;
};

/** An attempt in which this message comes next. */
async function upTo(message: Message): Promise<Attempt> {
  const attempt = await begin();
  const last = MESSAGES[MESSAGES.indexOf(message) - 1];
  if (last) await play(attempt, last);
  return attempt;
}

describe.each(PAIRS)('the answer to $route', (pair) => {
  const { message, route, field } = pair;

  test(`carries ${field} for who waits, the same as for who asks`, async () => {
    const attempt = await upTo(message);
    const [first, ...others] = attempt.parties as [ScriptedParty, ...ScriptedParty[]];
    let isAnswered = false;
    const answer = send(attempt, first, pair, '20').finally(() => {
      isAnswered = true;
    });
    await atRest();
    expect(isAnswered).toBe(false);
    await allSend(others, message);
    const told = await pair.asked(attempt, first);
    expect(told).toBeTruthy();
    expect((await answer)[field]).toEqual(told);
    // The repetition of who has lost it.
    expect((await send(attempt, first, pair, '20'))[field]).toEqual(told);
    expect((await send(attempt, first, pair))[field]).toBeUndefined();
  });

  test('says that the message was accepted where nothing follows in time, or ever', async () => {
    const attempt = await upTo(message);
    const { federation, parties } = attempt;
    const [first, second] = parties as [ScriptedParty, ScriptedParty];
    const waiting = send(attempt, first, pair, '20');
    await atRest();
    await federation.clock.advance(20_000);
    expect(await waiting).not.toHaveProperty(field);
    expect(await pair.asked(attempt, first)).toBeNull();
    const ending = send(attempt, second, pair, '20');
    await atRest();
    await federation.call('cancelJob', federation.operator, { params: { jobId: jobOf(attempt).jobId } });
    expect(await ending).not.toHaveProperty(field);
    expect(await refusal(pair.asked(attempt, second))).toBe('jobEnded');
    expect(federation.reported).toEqual([]);
  });

  test(`is a refusal where ${route} is refused, whoever waits`, async () => {
    const attempt = await upTo(message);
    const { federation, parties } = attempt;
    const [first] = parties as [ScriptedParty];
    await pair.request(first);
    await federation.call('cancelJob', federation.operator, { params: { jobId: jobOf(attempt).jobId } });
    expect(await refusal(send(attempt, first, pair, '20'))).toBe('jobEnded');
  });
});

test('all wait at once, and all are told', async () => {
  const attempt = await begin();
  expect(attempt.parties).toHaveLength(SIZE);
  for (const pair of PAIRS) {
    const answers = await Promise.all(attempt.parties.map((party) => send(attempt, party, pair, '20')));
    for (const answer of answers) expect(answer[pair.field]).toBeTruthy();
  }
  await allSend(attempt.parties, 'answer');
  expect(jobOf(attempt).phase).toBe('finished');
});
