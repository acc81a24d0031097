import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Exchange, type ExchangeAnswer, fetchExchange } from '../../client/exchange.ts';
import { httpCoordinator } from '../../client/http-coordinator.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { ResumableDownloads } from '../../client/resumable-download.ts';
import { HanseError } from '../../protocol/problem.ts';
import { VERSION_HEADER } from '../../protocol/versions.ts';
import { type Answer, type AnsweringServer, answeringServer } from '../fixtures/answering-server.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { hashOf, modelFile } from '../fixtures/vector-files.ts';

const CONTENT = new Uint8Array(300_000).map((_, i) => (i * 31 + (i >> 8)) % 251);
const SHA256 = hashOf(CONTENT);
const TAG = `"${SHA256}"`;
const EXCHANGES = { fetch: fetchExchange, 'node:http': nodeExchange };

interface Piece {
  /** How many bytes come before the connection breaks; absent: all of them. */
  readonly bytes?: number;
}

/** The content from where it is asked for, as a coordinator sends it. */
function piece({ bytes }: Piece = {}): Answer {
  return (response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(response.req.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      [VERSION_HEADER]: '1-1',
      'content-length': CONTENT.length - start,
      etag: TAG,
      ...(start > 0 && { 'content-range': `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}` }),
    });
    if (bytes === undefined) response.end(CONTENT.subarray(start));
    else response.write(CONTENT.subarray(start, start + bytes), () => setImmediate(() => response.destroy()));
  };
}

describe.each(Object.entries(EXCHANGES))('by %s', (_, exchange) => {
  let server: AnsweringServer | undefined;
  afterEach(() => server?.close());

  async function apiOf(...answers: Answer[]) {
    server = await answeringServer(...answers);
    const api = httpCoordinator(server.url, undefined, { now: () => 0, schedule: () => () => {} }, exchange);
    return (limitBytes = CONTENT.length) =>
      api.call('getBlob', { params: { sha256: SHA256 } }, { limitBytes });
  }
  /** Where requests wanted the content from. What has come may be lost with the connection, so that it varies. */
  const starts = () =>
    server?.received.map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0));

  test('what has arrived is not asked for again', async () => {
    const cut = piece({ bytes: 100_000 });
    const fetched = await apiOf(cut, cut, cut, piece());
    let whole: Uint8Array | undefined;
    for (let calls = 0; !whole && calls < 9; calls += 1)
      whole = await fetched().catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'coordinatorUnreachable' });
        return undefined;
      });
    expect(hashOf(whole ?? CONTENT.subarray(1))).toBe(SHA256);
    const asked = starts() ?? [];
    expect(asked.length).toBeGreaterThanOrEqual(3);
    expect(asked).toEqual([...asked].sort((a, b) => a - b));
    expect(asked.at(-1)).toBeGreaterThan(0);
    for (const { headers } of server?.received ?? [])
      expect(headers['if-range']).toBe(headers.range === undefined ? undefined : TAG);
  });

  test('without a tag nothing is resumed', async () => {
    const untagged: Answer = (response) => {
      response.writeHead(200, { [VERSION_HEADER]: '1-1', 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 100_000), () => setImmediate(() => response.destroy()));
    };
    const fetched = await apiOf(untagged, piece());
    expect(hashOf(await fetched().catch(() => fetched()))).toBe(SHA256);
    expect(starts()).toEqual([0, 0]);
  });

  test('no stated length is believed, and nothing beyond the limit is taken', async () => {
    const lying = (stated: string | undefined): Answer => {
      return (response) => {
        response.writeHead(200, {
          [VERSION_HEADER]: '1-1',
          etag: TAG,
          ...(stated !== undefined && { 'content-length': stated }),
        });
        response.end(CONTENT);
      };
    };
    const fetched = await apiOf(lying(undefined));
    expect(hashOf(await fetched())).toBe(SHA256);
    await expect(fetched(CONTENT.length - 1)).rejects.toMatchObject({ code: 'coordinatorMisbehaved' });
  });
});

describe('over connections that break where the test says', () => {
  /** Answers in order: where they begin, how many bytes come, and what they say beside. */
  function download(...answers: (Partial<Cut> | HanseError)[]) {
    const asked: string[] = [];
    const downloads = new ResumableDownloads();
    const fetched = (limitBytes = CONTENT.length) =>
      downloads.fetch({
        key: SHA256,
        limitBytes,
        ask: async (headers) => {
          asked.push(headers.range ?? 'whole');
          const answer = answers.shift();
          if (!answer) throw new Error('nobody was to ask again');
          if (answer instanceof HanseError) throw answer;
          return cut({ start: 0, bytes: CONTENT.length, ...answer });
        },
        broken: () => new HanseError('coordinatorUnreachable', { url: '', reason: '' }),
      });
    return { asked, fetched };
  }

  test('it goes on at once, where it stopped', async () => {
    const { asked, fetched } = download(
      { bytes: 100_000 },
      { start: 100_000, bytes: 100_001 },
      { start: 200_001 },
    );
    expect(hashOf(await fetched())).toBe(SHA256);
    expect(asked).toEqual(['whole', 'bytes=100000-', 'bytes=200001-']);
  });

  test('one that brings next to nothing ends the call, and the next call goes on', async () => {
    const { asked, fetched } = download({ bytes: 1000 }, { start: 1000, bytes: 0 }, { start: 1000 });
    for (const _ of [1, 2]) await expect(fetched()).rejects.toMatchObject({ code: 'coordinatorUnreachable' });
    expect(hashOf(await fetched())).toBe(SHA256);
    expect(asked).toEqual(['whole', 'bytes=1000-', 'bytes=1000-']);
  });

  test('one that sends the whole again, as the content is another for it, is believed', async () => {
    const { asked, fetched } = download({ bytes: 100_000 }, {});
    expect(hashOf(await fetched())).toBe(SHA256);
    expect(asked).toEqual(['whole', 'bytes=100000-']);
  });

  test('where the rest is refused, it begins anew', async () => {
    const refused = new HanseError('rangeInvalid', { what: 'range', expected: 'begin before 5', got: 9 });
    const { asked, fetched } = download({ bytes: 100_000 }, refused, {});
    expect(hashOf(await fetched())).toBe(SHA256);
    expect(asked).toEqual(['whole', 'bytes=100000-', 'whole']);
  });

  test('another problem ends the call', async () => {
    const { fetched } = download({ bytes: 100_000 }, new HanseError('blobUnknown', { sha256: SHA256 }));
    await expect(fetched()).rejects.toMatchObject({ code: 'blobUnknown' });
  });

  test.each<[string, Partial<Cut>[]]>([
    ['from another place', [{ bytes: 100_000 }, { start: 90_000 }]],
    ['of another content', [{ bytes: 100_000 }, { start: 100_000, etag: '"other"' }]],
    ['that does not say where it belongs', [{ bytes: 100_000 }, { start: 100_000, range: 'bytes */5' }]],
    ['though nobody had anything', [{ start: 100_000 }]],
  ])('a part is refused %s', async (_, answers) => {
    const { fetched } = download(...answers);
    await expect(fetched()).rejects.toMatchObject({ code: 'coordinatorMisbehaved' });
  });
});

interface Cut {
  readonly start: number;
  readonly bytes: number;
  readonly etag: string;
  readonly range: string;
}

function cut({
  start,
  bytes,
  etag = TAG,
  range,
}: Partial<Cut> & Pick<Cut, 'start' | 'bytes'>): ExchangeAnswer {
  const stated: Record<string, string> = {
    etag,
    'content-length': String(CONTENT.length - start),
    'content-range': range ?? `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}`,
  };
  return {
    status: start > 0 ? 206 : 200,
    header: (name) => stated[name],
    bytes: async () => undefined,
    pieces: async function* () {
      yield CONTENT.subarray(start, start + bytes);
      if (start + bytes < CONTENT.length) throw new Error('cut');
    },
  };
}

describe('from a coordinator', () => {
  let listening: ListeningApp;
  const model = modelFile(Array.from({ length: 40_000 }, (_, i) => Math.fround(i / 7)));
  beforeEach(async () => {
    listening = await listeningApp();
    const { federation } = listening;
    await federation.storeContent();
    await federation.blobs.put(model, { limitBytes: model.length });
    const manifest = federation.manifest({ initialModel: hashOf(model), parameters: 40_000 });
    await federation.call('createJob', federation.researcher, { body: manifest });
  });
  afterEach(() => listening.close());

  test('the content is whole, however often the connection breaks on the way', async () => {
    const { clock, researcher } = listening.federation;
    let requests = 0;
    /** Breaks every answer after so many bytes. */
    const breaking: Exchange = async (request) => {
      const answer = await nodeExchange(request);
      requests += 1;
      return {
        ...answer,
        pieces: async function* () {
          let left = 65_536;
          for await (const next of answer.pieces()) {
            yield next.subarray(0, left);
            left -= next.length;
            if (left <= 0) throw new Error('cut');
          }
        },
      };
    };
    const { signer, nodeId } = researcher;
    const api = httpCoordinator(listening.server, { signer, nodeId, version: 1 }, clock, breaking);
    const params = { sha256: hashOf(model) };
    expect(hashOf(await api.call('getBlob', { params }, { limitBytes: model.length }))).toBe(hashOf(model));
    expect(requests).toBe(3);
  });
});
