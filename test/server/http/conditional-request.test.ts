import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RequestHeaders, select } from '../../../server/http/conditional-request.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { INITIAL_MODEL } from '../../fixtures/manifest.ts';
import { expectProblem, expectSuccess, send, signed } from '../../fixtures/signed-client.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

const TAG = '"abc"';
const chosen = (headers: RequestHeaders, length = 100) => select(headers, TAG, length);
const part = (start: number, end: number) => ({ type: 'part', range: { start, end } });

describe('what is selected', () => {
  test.each([
    ['bytes=0-0', part(0, 1)],
    ['bytes=10-', part(10, 100)],
    ['bytes=10-19', part(10, 20)],
    ['bytes=99-1000', part(99, 100)],
    ['bytes=-1', part(99, 100)],
    ['bytes=-1000', part(0, 100)],
    ['bytes=5-4', { type: 'whole' }],
    ['bytes=-', { type: 'whole' }],
    ['bytes=0-1,5-6', { type: 'whole' }],
    ['bytes=0x1-', { type: 'whole' }],
    ['bytes=1e1-', { type: 'whole' }],
    ['lines=1-2', { type: 'whole' }],
    ['', { type: 'whole' }],
    [`bytes=${'9'.repeat(400)}-`, { type: 'whole' }],
  ])('by %j', (range, expected) => {
    expect(chosen({ range })).toEqual(expected);
  });

  test.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('nothing by %j', (range) => {
    expect(() => chosen({ range })).toThrow(expect.objectContaining({ code: 'rangeInvalid' }));
  });

  test('a part only of what the caller knows, else the whole', () => {
    expect(chosen({ range: 'bytes=1-', 'if-range': TAG })).toEqual(part(1, 100));
    for (const other of ['"abd"', `W/${TAG}`, 'Wed, 21 Oct 2015 07:28:00 GMT', ''])
      expect(chosen({ range: 'bytes=1-', 'if-range': other })).toEqual({ type: 'whole' });
  });

  test('nothing new for whom has it', () => {
    for (const header of [TAG, `"x", ${TAG}`, `W/${TAG}`, '*'])
      expect(chosen({ 'if-none-match': header, range: 'bytes=500-' })).toEqual({ type: 'notModified' });
    for (const header of ['"x"', 'abc', '']) expect(chosen({ 'if-none-match': header }).type).toBe('whole');
  });

  test('whatever the headers are, a part lies within the content', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,18}-\d{0,18}$/));
    fc.assert(
      fc.property(text, fc.nat(200), (range, length) => {
        try {
          const selection = chosen({ range }, length);
          if (selection.type !== 'part') return;
          expect(selection.range.start).toBeLessThan(selection.range.end);
          expect(selection.range.end).toBeLessThanOrEqual(length);
        } catch (error) {
          expect(error).toMatchObject({ code: 'rangeInvalid' });
        }
      }),
    );
  });
});

describe('over HTTP', () => {
  let listening: ListeningApp;
  beforeEach(async () => {
    listening = await listeningApp();
    await listening.federation.createJob();
  });
  afterEach(() => listening.close());

  const sha256 = hashOf(INITIAL_MODEL);
  const ask = async (headers: Record<string, string>) => {
    const { researcher, clock } = listening.federation;
    const request = await signed(researcher, clock, 'getBlob', { params: { sha256 } });
    Object.assign(request.headers, headers);
    return send(listening.server, request);
  };

  test('the whole, a part, nothing, and a place that there is not', async () => {
    const whole = expectSuccess(await ask({}));
    expect(whole.bytes).toEqual(new Uint8Array(INITIAL_MODEL));
    expect(whole.headers.get('etag')).toBe(`"${sha256}"`);
    expect(whole.headers.get('accept-ranges')).toBe('bytes');

    const some = await ask({ range: 'bytes=7-20', 'if-range': `"${sha256}"` });
    expect(some.status).toBe(206);
    expect(some.bytes).toEqual(new Uint8Array(INITIAL_MODEL.subarray(7, 21)));
    expect(some.headers.get('content-range')).toBe(`bytes 7-20/${INITIAL_MODEL.length}`);
    expect(some.headers.get('content-length')).toBe('14');
    expect(some.headers.get('etag')).toBe(`"${sha256}"`);

    const none = await ask({ 'if-none-match': `"${sha256}"` });
    expect([none.status, none.bytes.length]).toEqual([304, 0]);
    expect(none.headers.get('etag')).toBe(`"${sha256}"`);

    expectProblem(await ask({ range: `bytes=${INITIAL_MODEL.length}-` }), 'rangeInvalid', 416);
    expect(listening.federation.reported).toEqual([]);
  });

  test('content that nobody may fetch is no different with conditions', async () => {
    const { researcher, clock } = listening.federation;
    const unknown = await signed(researcher, clock, 'getBlob', { params: { sha256: 'f'.repeat(64) } });
    unknown.headers['if-none-match'] = '*';
    expectProblem(await send(listening.server, unknown), 'blobUnknown', 404);
  });
});
