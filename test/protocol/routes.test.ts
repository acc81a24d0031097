/**
 * The table of routes, and its copy in SPEC.md.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { isProblemCode } from '../../protocol/problem.ts';
import {
  attemptOf,
  attemptParams,
  EVERYWHERE,
  isDecided,
  JSON_LIMIT_BYTES,
  ROUTES,
  type Route,
  type RouteRequest,
  type RouteResponse,
  routePath,
  SIGNED,
} from '../../protocol/routes.ts';
import * as auditQuery from '../../schemas/audit-query.ts';
import * as dataSetChange from '../../schemas/data-set-change.ts';
import * as directory from '../../schemas/directory.ts';
import * as job from '../../schemas/job.ts';
import * as letter from '../../schemas/letter.ts';
import * as member from '../../schemas/member.ts';
import * as passkey from '../../schemas/passkey.ts';
import * as person from '../../schemas/person.ts';
import * as policy from '../../schemas/policy.ts';
import * as secagg from '../../schemas/secagg.ts';
import * as secureAnswer from '../../schemas/secure-answer.ts';
import * as task from '../../schemas/task.ts';
import * as taskStream from '../../schemas/task-stream.ts';
import * as upload from '../../schemas/upload.ts';
import * as witness from '../../schemas/witness.ts';
import { fitting } from '../fixtures/route-grammar.ts';

const SPEC = readFileSync(new URL('../../protocol/SPEC.md', import.meta.url), 'utf8');
const routes: readonly (readonly [name: string, route: Route])[] = Object.entries(ROUTES);

const NAMES = new Map<unknown, string>(
  [
    auditQuery,
    dataSetChange,
    directory,
    job,
    letter,
    member,
    passkey,
    person,
    policy,
    secagg,
    secureAnswer,
    task,
    taskStream,
    upload,
    witness,
  ].flatMap((shapes) => Object.entries(shapes).map(([name, schema]) => [schema, name] as const)),
);

/** A body or an answer as the table in SPEC.md writes it. */
function formOf(schema: TSchema | 'binary' | undefined): string {
  if (schema === undefined) return '-';
  if (schema === 'binary') return 'bytes';
  const name = NAMES.get(schema);
  if (name !== undefined) return name;
  const shape = schema as {
    items?: TSchema;
    anyOf?: TSchema[];
    type?: string;
    properties?: Record<string, TSchema>;
  };
  const { items, anyOf, type, properties = {} } = shape;
  if (type === 'null') return type;
  if (anyOf) return anyOf.map(formOf).join(' or ');
  if (items) return `[${formOf(items)}]`;
  const members = Object.entries(properties).map(([key, value]) => `${key}: ${formOf(value)}`);
  return members.length > 0 ? `{ ${members.join(', ')} }` : '{}';
}

function rowOf({ method, path, access, action, body, response, mediaType, line }: Route): string {
  const known = access === 'caller' ? `\`${action}\` (people too)` : `\`${action}\``;
  const who = isDecided({ access }) ? known : access;
  const answer = response === 'lines' ? `lines of ${formOf(line)}` : mediaType ? 'text' : formOf(response);
  return `| ${method} | \`${path}\` | ${who} | ${formOf(body)} | ${answer} |`;
}

function specRows(spec: string): string[] {
  const section = /^### 9\.1 The table$(.*?)^### 9\.2 /ms.exec(spec)?.[1] ?? '';
  return section.split('\n').filter((line) => /^\| (GET|POST|PUT) /.test(line));
}

describe('section 9.1 of SPEC.md', () => {
  const codeRows = routes.map(([, route]) => rowOf(route));

  test('has every route of the code, in its order, and no other', () => {
    expect(specRows(SPEC)).toEqual(codeRows);
  });

  test('would be found to differ if a row were missing or gave access to others', () => {
    const [first = '', second = ''] = codeRows;
    expect(specRows(SPEC.replace(`${first}\n`, ''))).not.toEqual(codeRows);
    expect(specRows(SPEC.replace(second, second.replace('inviteMember', 'readLog')))).not.toEqual(codeRows);
  });

  test('names the problems that can occur everywhere', () => {
    const sentence = /^Everywhere: ([^.]*)\./m.exec(SPEC)?.[1] ?? '';
    expect([...sentence.matchAll(/`(\w+)`/g)].map(([, code]) => code)).toEqual([...EVERYWHERE]);
  });
});

describe('the table', () => {
  test('method and path are those of one route', () => {
    const keys = routes.map(([, { method, path }]) => `${method} ${path.replace(/:\w+/g, ':')}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('parameters in a path and in its schema are the same', () => {
    for (const [name, { path, params }] of routes) {
      const inPath = [...path.matchAll(/:(\w+)/g)].map(([, parameter]) => parameter);
      const properties = (params as { properties?: object } | undefined)?.properties ?? {};
      expect(Object.keys(properties), name).toEqual(inPath);
    }
  });

  test('a GET has no body, a PUT has one', () => {
    for (const [name, { method, body }] of routes) {
      if (method === 'GET') expect(body, name).toBeUndefined();
      if (method === 'PUT') expect(body, name).toBeDefined();
    }
  });

  test('what is refused is a problem of the table, and stated once', () => {
    for (const [name, { problems }] of routes) {
      const all = [...EVERYWHERE, ...SIGNED, ...problems];
      expect(
        all.every((code) => isProblemCode(code)),
        name,
      ).toBe(true);
      expect(new Set(all).size, name).toBe(all.length);
    }
  });

  test('an object that is sent or answered permits no member that its schema does not name', () => {
    for (const [name, route] of routes)
      for (const schema of [route.params, route.query, route.body, route.response])
        if (typeof schema === 'object')
          for (const form of (schema as { anyOf?: TSchema[] }).anyOf ?? [schema])
            expect((form as { additionalProperties?: boolean }).additionalProperties, name).toBe(false);
  });
});

test('routePath fills parameters in, and escapes what would leave its segment', () => {
  const params = { jobId: 'job-0123456789abcdef', round: '3', attempt: '1' };
  expect(routePath(ROUTES.putUpdate.path, params)).toBe(
    '/v1/jobs/job-0123456789abcdef/rounds/3/attempts/1/update',
  );
  expect(routePath('/v1/jobs/:jobId', { jobId: '../nodes?x' })).toBe('/v1/jobs/..%2Fnodes%3Fx');
  expect(routePath('/v1/jobs', {})).toBe('/v1/jobs');
  expect(routePath('/tile/:level/:place*', { level: '0', place: 'x001/067.p/3' })).toBe(
    '/tile/0/x001/067.p/3',
  );
  expect(routePath('/tile/entries/:place*', { place: 'a?b/c' })).toBe('/tile/entries/a%3Fb/c');
});

test('a path with a parameter that is not given is a programming error', () => {
  expect(() => routePath('/v1/jobs/:jobId', { jobId: 'job-1' })).not.toThrow();
  expect(() => routePath('/v1/jobs/:jobId', {})).toThrow(TypeError);
  expect(() => routePath('/v1/jobs/:constructor', {})).toThrow(TypeError);
});

test('attemptOf reads the numbers of a path, attemptParams writes them', () => {
  const params = { jobId: 'job-0', round: '12', attempt: '3' };
  expect(attemptOf(params)).toEqual({ round: 12, attempt: 3 });
  expect(attemptParams({ jobId: 'job-0', round: 12, attempt: 3 })).toEqual(params);
});

test('callers pass what a route has, and get what it answers', () => {
  expectTypeOf<RouteRequest<'listJobs'>>().toEqualTypeOf<Record<never, never>>();
  expectTypeOf<RouteRequest<'putBlob'>>().toEqualTypeOf<{ params: { sha256: string }; body: Uint8Array }>();
  expectTypeOf<RouteResponse<'getBlob'>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<RouteResponse<'nextTasks'>>().toEqualTypeOf<task.Tasks>();
});

test('manifests and policies may be large: 16 KiB of JSON are enough for all that is not said to be more', () => {
  const larger = routes.filter(([, { bodyLimitBytes = 0 }]) => bodyLimitBytes > JSON_LIMIT_BYTES);
  expect(larger.map(([name]) => name).sort()).toEqual([
    'createJob',
    'postLetter',
    'proposePolicies',
    'reportCapabilities',
  ]);
  const words = '\u{10000}'.repeat(200);
  const retention = '2024-01-01/P999Y999M999W99999D';
  const terms = { origin: words, lawfulBasis: 'legitimateInterests', retention, contact: words };
  const shape = { version: 'v'.repeat(64), inputShape: Array(8).fill(1e9) };
  const dataSet = { name: '\u{10000}'.repeat(80), ...shape, terms };
  const steps = Array(16).fill({ jobId: `job-${'0'.repeat(16)}`, milliseconds: 123_456_789.125 });
  const most = {
    software: '\u{10000}'.repeat(40),
    provider: 'webgpu',
    providerReason: '\u{10000}'.repeat(200),
    memoryBytes: Number.MAX_SAFE_INTEGER,
    steps,
    dataSets: Array(64).fill(dataSet),
  };
  expect(Value.Check(member.Capabilities, most)).toBe(true);
  expect(Buffer.byteLength(JSON.stringify(most))).toBeLessThan(ROUTES.reportCapabilities.bodyLimitBytes);
});

describe('what a request may hold', () => {
  interface Leaf {
    readonly at: string;
    readonly schema: TSchema;
    readonly kind: 'text' | 'number';
  }

  /** Every text and number in a schema, under names that tell where it is. */
  function* leaves(schema: TSchema, at: string): Iterable<Leaf> {
    const { type, anyOf, properties, items } = schema as TSchema & {
      readonly type?: string;
      readonly anyOf?: readonly TSchema[];
      readonly properties?: Readonly<Record<string, TSchema>>;
      readonly items?: TSchema;
    };
    for (const one of anyOf ?? []) yield* leaves(one, at);
    for (const [name, one] of Object.entries(properties ?? {})) yield* leaves(one, `${at}.${name}`);
    if (items) yield* leaves(items, `${at}[]`);
    if ('const' in schema) return;
    if (type === 'string') yield { at, schema, kind: 'text' };
    if (type === 'integer' || type === 'number') yield { at, schema, kind: 'number' };
  }

  const found = routes.flatMap(([name, { params, query, body }]) =>
    [params, query, body === 'binary' ? undefined : body].flatMap((schema) =>
      schema ? [...leaves(schema, name)] : [],
    ),
  );

  const CONTROLS = ['\u0000', '\u0007', '\n', '\u001b[2J', '\u202e', '\u200b', '\ud800'];
  const takesControls = ({ schema }: Leaf) =>
    fc
      .sample(fitting(schema) as fc.Arbitrary<string>, { numRuns: 20, seed: 3 })
      .some((text) =>
        CONTROLS.some((control) =>
          [text + control, control + text, text.slice(0, 1) + control + text.slice(1)].some((odd) =>
            Value.Check(schema, odd),
          ),
        ),
      );
  const takesAnyNumber = ({ schema }: { readonly schema: TSchema & { readonly type?: string } }) =>
    [1e300, -1e300, ...(schema.type === 'integer' ? [2 ** 60, -(2 ** 60)] : [])].some((number) =>
      Value.Check(schema, number),
    );

  test('no text with control characters, but the body of a letter, which only its reader understands, and policies, which have lines', () => {
    const texts = found.filter(({ kind }) => kind === 'text');
    expect(texts.length).toBeGreaterThan(40);
    expect(texts.filter(takesControls).map(({ at }) => at)).toEqual([
      'postLetter.body',
      'proposePolicies.text',
    ]);
    expect(takesControls({ at: 'control', schema: Type.String({ maxLength: 40 }), kind: 'text' })).toBe(true);
  });

  test('no number without bounds, but those of floating point that a form has to have room for', () => {
    const numbers = found.filter(({ kind }) => kind === 'number');
    expect(numbers.length).toBeGreaterThan(30);
    expect(numbers.filter(takesAnyNumber).map(({ at }) => at)).toEqual(['putEvaluation.loss']);
    expect(takesAnyNumber({ schema: Type.Integer({ minimum: 1 }) })).toBe(true);
  });
});
