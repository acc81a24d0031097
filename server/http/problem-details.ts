/**
 * Problems as RFC 9457 problem details: the only place where codes meet HTTP status codes. SPEC.md section 3.
 */
import { HanseError, isProblemCode, PROBLEMS, type ProblemCode } from '../../protocol/problem.ts';
import { type EVERYWHERE, JSON_LIMIT_BYTES, type ROUTES, type SIGNED } from '../../protocol/routes.ts';
import type { ProblemDetails } from '../../schemas/problem.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

type RouteProblem =
  | (typeof EVERYWHERE)[number]
  | (typeof SIGNED)[number]
  | (typeof ROUTES)[keyof typeof ROUTES]['problems'][number]
  | 'routeUnknown'
  | 'pagesMissing';

const STATUS: Readonly<Record<RouteProblem, number>> = {
  invalidFormat: 400,
  invalidLength: 400,
  rangeInvalid: 416,
  hashMismatch: 400,
  bodyTooLarge: 413,
  mediaTypeUnsupported: 415,
  versionUnsupported: 400,
  routeUnknown: 404,
  pagesMissing: 404,
  inviteUnknown: 404,
  inviteExpired: 410,
  inviteSpent: 410,
  personUnknown: 404,
  handleTaken: 409,
  linkUnknown: 404,
  linkExpired: 410,
  linkSpent: 410,
  passkeyRefused: 401,
  passkeyUnknown: 404,
  passkeyLast: 409,
  sessionEnded: 401,
  sessionStale: 403,
  sessionUnknown: 404,
  originRefused: 403,
  tokenRefused: 401,
  tokenUnknown: 404,
  credentialsAmbiguous: 400,
  signatureMissing: 401,
  signatureInvalid: 401,
  signatureExpired: 401,
  requestReplayed: 401,
  memberUnknown: 401,
  accessRefused: 403,
  policyInvalid: 400,
  policyLocksOut: 409,
  policiesUnknown: 404,
  policiesOverlap: 409,
  approvalRepeated: 409,
  memberRevoked: 403,
  keyRetired: 403,
  approvalPending: 403,
  enrolmentRefused: 403,
  admissionInvalid: 403,
  organisationKeyMismatch: 409,
  identityDuplicate: 409,
  nodeUnknown: 404,
  letterInvalid: 422,
  letterExpired: 410,
  mailboxFull: 429,
  contentQuota: 429,
  tilePathInvalid: 400,
  tileUnknown: 404,
  noteMalformed: 400,
  checkpointMalformed: 400,
  originUnknown: 404,
  noteUnsigned: 403,
  witnessRequestMalformed: 400,
  jobUnknown: 404,
  jobEnded: 409,
  manifestInvalid: 422,
  blobUnknown: 404,
  uploadUnknown: 404,
  roundUnknown: 404,
  notInCohort: 403,
  messageOutOfOrder: 409,
  messageLate: 409,
  messageConflict: 409,
  ledgerForked: 409,
  updateMalformed: 422,
  ringOverflow: 422,
  advertisementInvalid: 422,
  keyLowOrder: 422,
  updateUnsigned: 422,
  consentInvalid: 422,
  sharesInvalid: 422,
  storageFull: 507,
  storageFailed: 500,
  storageCorrupt: 500,
  rateLimited: 429,
  overloaded: 503,
  internalError: 500,
};

/** 500 for a problem that no route is meant to show. */
export function statusOfProblem(code: ProblemCode): number {
  return (STATUS as Partial<Record<ProblemCode, number>>)[code] ?? 500;
}

/** Of these the particulars are paths and reasons of the coordinator's machine: for its operator alone. */
const OF_THE_STORAGE: ReadonlySet<ProblemCode> = new Set(['storageFull', 'storageFailed', 'storageCorrupt']);

export function isOfTheStorage({ code }: HanseError): boolean {
  return OF_THE_STORAGE.has(code);
}

export function toProblemDetails(error: HanseError): ProblemDetails {
  const { code, message, remedy, detail } = error;
  const { cause } = PROBLEMS[code];
  const told = isOfTheStorage(error) ? { detail: cause } : { detail: message, particulars: { ...detail } };
  return {
    type: `urn:hanse:problem:${code}`,
    title: cause,
    status: statusOfProblem(code),
    code,
    remedy,
    particulars: {},
    ...told,
  };
}

/** What Fastify and its plugins throw, as our problems; undefined for anything unexpected. */
export function ofFastifyError(
  error: {
    code?: string;
    statusCode?: number;
    message: string;
    validation?: readonly { instancePath?: string; message?: string }[] | undefined;
    validationContext?: string | undefined;
  },
  bodyLimitBytes: number = JSON_LIMIT_BYTES,
): HanseError | undefined {
  if (error.validation) {
    const [first] = error.validation;
    const where = `${error.validationContext ?? 'request'}${first?.instancePath ?? ''}`;
    return new HanseError('invalidFormat', { where, expected: first?.message ?? 'a value of its schema' });
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HanseError('bodyTooLarge', { limitBytes: bodyLimitBytes });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HanseError('mediaTypeUnsupported', {
        expected: 'application/json or application/octet-stream',
      });
    case 'FST_UNDER_PRESSURE':
      return new HanseError('overloaded');
    default:
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return new HanseError('invalidFormat', { where: 'request', expected: error.message.slice(0, 200) });
  return undefined;
}

/** Whether the other side may be told the details: codes outside the table never leave. */
export function isTellable(error: unknown): error is HanseError {
  return error instanceof HanseError && isProblemCode(error.code) && error.code in STATUS;
}
