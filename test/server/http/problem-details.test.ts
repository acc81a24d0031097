import { describe, expect, test } from 'vitest';
import { HanseError, PROBLEMS, type ProblemCode } from '../../../protocol/problem.ts';
import { EVERYWHERE, JSON_LIMIT_BYTES, ROUTES, type Route, SIGNED } from '../../../protocol/routes.ts';
import {
  isTellable,
  ofFastifyError,
  statusOfProblem,
  toProblemDetails,
} from '../../../server/http/problem-details.ts';

const documented = new Set<ProblemCode>([
  ...EVERYWHERE,
  ...SIGNED,
  ...Object.values<Route>(ROUTES).flatMap(({ problems }) => problems),
  'routeUnknown',
  'pagesMissing',
]);
/** Whatever the particulars of a code are, these are enough to make one. */
const anyProblem = (code: ProblemCode) =>
  new (HanseError as new (code: ProblemCode, detail: object) => HanseError)(code, {});

describe('a problem', () => {
  test('in full: general cause, particular case, remedy, and the particulars for programs', () => {
    const problem = new HanseError('versionUnsupported', { got: '4', min: 2, max: 3 });
    expect(toProblemDetails(problem)).toEqual({
      type: 'urn:hanse:problem:versionUnsupported',
      title: PROBLEMS.versionUnsupported.cause,
      status: 400,
      code: 'versionUnsupported',
      detail: `${PROBLEMS.versionUnsupported.cause} (got 4; min 2; max 3)`,
      remedy: PROBLEMS.versionUnsupported.remedy,
      particulars: { got: '4', min: 2, max: 3 },
    });
  });

  test('of the storage is told without its path and reason', () => {
    const detail = { path: '/var/lib/hanse/hanse.sqlite', reason: 'disk I/O error' };
    for (const code of ['storageFull', 'storageFailed', 'storageCorrupt'] as const) {
      const problem = new HanseError(code, detail);
      expect(problem.message).toContain('/var/lib');
      const { cause, remedy } = PROBLEMS[code];
      expect(toProblemDetails(problem)).toMatchObject({ code, detail: cause, remedy, particulars: {} });
      expect(JSON.stringify(toProblemDetails(problem))).not.toMatch(/var|I\/O/);
    }
  });

  test.each([...documented])('%s, which a route may give, has a status and may be told', (code) => {
    expect(isTellable(anyProblem(code))).toBe(true);
    expect(statusOfProblem(code)).toBeGreaterThanOrEqual(400);
    expect(statusOfProblem(code)).toBeLessThan(600);
  });

  test('that no route is to give is neither told nor given a status of its own', () => {
    const untold = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => !documented.has(code));
    expect(untold).toContain('dataDirInUse');
    expect(untold).toContain('identityUnreadable');
    for (const code of untold) expect([code, isTellable(anyProblem(code))]).toEqual([code, false]);
    expect(statusOfProblem('dataDirInUse')).toBe(500);
    expect(isTellable(new Error('x'))).toBe(false);
    expect(isTellable({ code: 'jobUnknown' })).toBe(false);
  });

  test('of the coordinator has a status of 500 and more, one of the caller has less', () => {
    const own = [...documented].filter((code) => statusOfProblem(code) >= 500);
    expect(own.sort()).toEqual([
      'internalError',
      'overloaded',
      'storageCorrupt',
      'storageFailed',
      'storageFull',
    ]);
  });
});

describe('what Fastify throws', () => {
  const of = (error: Partial<Parameters<typeof ofFastifyError>[0]>) =>
    ofFastifyError({ message: 'message', ...error });

  test.each([
    [
      { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 },
      'bodyTooLarge',
      { limitBytes: JSON_LIMIT_BYTES },
    ],
    [{ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }, 'mediaTypeUnsupported', {}],
    [{ code: 'FST_UNDER_PRESSURE', statusCode: 503 }, 'overloaded', {}],
    [{ code: 'FST_ERR_BAD_URL', statusCode: 400 }, 'invalidFormat', { where: 'request' }],
  ] as const)('%o is %s', (error, code, detail) => {
    expect(of(error)).toMatchObject({ code, detail });
  });

  test('a value that is not of its schema is named by its place', () => {
    const validation = [{ instancePath: '/cohort/size', message: 'must be integer' }];
    expect(of({ validation, validationContext: 'body' })).toMatchObject({
      code: 'invalidFormat',
      detail: { where: 'body/cohort/size', expected: 'must be integer' },
    });
    expect(of({ validation: [] })).toMatchObject({ code: 'invalidFormat', detail: { where: 'request' } });
  });

  test('anything else is unexpected, and stays inside', () => {
    expect(of({})).toBeUndefined();
    expect(of({ statusCode: 500 })).toBeUndefined();
    expect(of({ code: 'ENOENT' })).toBeUndefined();
  });
});
