import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import { concatBytes, hexBytes } from '../../../protocol/bytes.ts';
import type { RouteName } from '../../../protocol/routes.ts';
import { shareContext } from '../../../protocol/secagg/derivation.ts';
import { HEADER_BYTES } from '../../../protocol/vector.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import type { JobLedger } from '../../../sim/fuzz/job-ledger.ts';
import { SecureWitness } from '../../../sim/fuzz/secure-witness.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

const A = 'aa'.repeat(16);
const B = 'bb'.repeat(16);
const CONTEXT = new Uint8Array(32).fill(1);
const share = (fill: number) => new Uint8Array(32).fill(fill);
const attempt = (number: number) => ({ jobId: 'job-1', round: '1', attempt: String(number) });

interface Scene {
  readonly witness: SecureWitness;
  readonly broken: string[];
  /** Something leaves a process of a node. */
  send(name: RouteName, params: object | undefined, body: unknown, index?: number, lives?: number): void;
}

/** @param survivors of attempt 1, which is the present one; both attempts start from the model `m` */
function scene(survivors: readonly string[] = [A], aggregation = 'secure'): Scene {
  const manifest = { aggregation, parameters: 1, codec: { width: 32 } } as JobManifest;
  const broken: string[] = [];
  const ledger = {
    ...{ round: 1, attempt: 1, current: { secure: { survivors: new Set(survivors) } } },
    startedFrom: new Map([
      ['1/1', 'm'],
      ['1/2', 'm'],
      ['2/1', 'n'],
    ]),
  } as unknown as JobLedger;
  const witness = new SecureWitness(manifest, {
    ledgerOf: () => ledger,
    note: (rule) => broken.push(rule),
  });
  const silent: CoordinatorApi = { call: async () => undefined as never };
  return {
    witness,
    broken,
    send: (name, params, body, index = 0, lives = 1) => {
      const api = witness.behind({ index, lives, nodeId: A }, silent);
      void api.call(name, { params, body } as never);
    },
  };
}

/** A dealer seals both shares for a holder. */
async function deal({ witness }: Scene, dealer: string, seed: number, maskSecret: number): Promise<void> {
  const plain = concatBytes(Uint8Array.of(1), share(seed), share(maskSecret));
  const associated = shareContext(CONTEXT, hexBytes(dealer), hexBytes(B));
  const sealing = { key: share(9), nonce: new Uint8Array(24), associated };
  await witness.watching(primitives).seal(plain, sealing);
}

describe('what is said', () => {
  test.each(['advertiseKeys', 'putConsent'] as const)('%s, twice in other words', (name) => {
    const { send, broken } = scene();
    const keys = { nodeId: A, channelKey: 'c', maskKey: 'm' };
    send(name, attempt(1), keys);
    send(name, attempt(1), { ...keys }, 0, 2);
    send(name, attempt(1), { ...keys, channelKey: 'other' }, 1);
    expect(broken).toEqual([]);
    send(name, attempt(1), { ...keys, channelKey: 'another' }, 0, 2);
    expect(broken).toEqual(['one word in each attempt']);
  });

  test('a refusal for which the schedule has no reason', () => {
    const { send, broken } = scene();
    send('decline', attempt(1), { code: 'trainingDiverged' });
    send('decline', attempt(1), { code: 'attemptSpent' }, 0, 2);
    expect(broken).toEqual([]);
    send('decline', attempt(1), { code: 'rosterInvalid' }, 0, 2);
    expect(broken).toEqual(['nobody declines without a reason']);
    const plain = scene([], 'plain'); // where a node that was killed may well have another update
    plain.send('decline', attempt(1), { code: 'messageConflict' });
    expect(plain.broken).toEqual([]);
  });

  test('keys of one attempt in the next', () => {
    const { send, broken } = scene();
    send('advertiseKeys', attempt(1), { nodeId: A, channelKey: 'c', maskKey: 'm' });
    send('advertiseKeys', attempt(2), { nodeId: A, channelKey: 'd', maskKey: 'n' });
    expect(broken).toEqual([]);
    send('advertiseKeys', { ...attempt(1), round: '2' }, { nodeId: A, channelKey: 'e', maskKey: 'm' });
    expect(broken).toEqual(['keys of one attempt']);
  });
});

describe('an update', () => {
  const payload = Uint8Array.of(1, 0, 0, 0, 5, 0, 0, 0);
  const vector = (...bytes: number[]) => concatBytes(new Uint8Array(HEADER_BYTES), Uint8Array.from(bytes));

  test('without a mask, in either way', () => {
    const target = { type: 'update', jobId: 'job-1', round: 1, attempt: 1 } as const;
    const ways = [
      ['putUpdate', attempt(1), payload],
      ['openUpload', undefined, { target, sha256: '', bytes: 8 }],
    ] as const;
    for (const [name, params, body] of ways) {
      const { send, broken } = scene();
      send(name, params, body);
      expect(broken).toEqual(['nothing plain leaves']);
      const plain = scene([], 'plain');
      plain.send(name, params, body);
      expect(plain.broken).toEqual([]);
    }
  });

  test('of which a part shows under the mask', () => {
    const masked = vector(7, 7, 7, 7, 9, 9, 9, 9);
    const cases = [
      [masked, []],
      [vector(1, 0, 0, 0, 9, 9, 9, 9), ['nothing plain leaves']],
      [vector(7, 7, 7, 7, 5, 0, 0, 0), ['nothing plain leaves']],
    ] as const;
    for (const [sent, rules] of cases) {
      const { witness, send, broken } = scene();
      witness.made({ index: 0, lives: 1, nodeId: A }, attempt(1), payload);
      send('putMaskedUpdate', attempt(1), sent);
      expect(witness.madeOf(A, hashOf(sent), sent).subarray(HEADER_BYTES)).toEqual(payload);
      expect(broken).toEqual(rules);
    }
    const { witness, broken } = scene();
    witness.madeOf(A, hashOf(masked), masked);
    expect(broken).toEqual(['the opened sum is that of the survivors']);
  });
});

describe('an answer', () => {
  test('with the seeds of survivors and the mask secrets of the others', async () => {
    const here = scene([A]);
    await deal(here, A, 1, 2);
    await deal(here, B, 3, 4);
    here.send('putAnswer', attempt(1), concatBytes(share(1), share(4), share(99)));
    expect(here.broken).toEqual([]);
  });

  test('with the other secret of somebody, or with both', async () => {
    for (const wrong of [concatBytes(share(2), share(4)), concatBytes(share(1), share(3))]) {
      const here = scene([A]);
      await deal(here, A, 1, 2);
      await deal(here, B, 3, 4);
      here.send('putAnswer', attempt(1), wrong);
      expect(here.broken).toEqual(['one secret of each']);
    }
    const both = scene([A]);
    await deal(both, B, 3, 4);
    both.send('putAnswer', { ...attempt(1), round: '2' }, share(4));
    expect(both.broken).toEqual([]);
    both.send('putAnswer', { ...attempt(1), round: '2' }, share(3), 1);
    expect(both.broken).toEqual(['one secret of each']);
  });

  test('over a model of which the node has helped to open a sum', () => {
    const { send, broken } = scene();
    send('putAnswer', attempt(1), share(7));
    send('putAnswer', attempt(1), share(7), 0, 2);
    send('putAnswer', attempt(2), share(8), 1);
    send('putAnswer', { ...attempt(1), round: '2' }, share(8));
    expect(broken).toEqual([]);
    send('putAnswer', attempt(2), share(8));
    expect(broken).toEqual(['one opening of each model']);
  });
});
