/**
 * Why a certificate was not accepted, from what OpenSSL or Node say: x509_verify_cert_error_string(3), RFC 9525.
 */
import { HanseError, type ProblemCode } from '../protocol/problem.ts';

const EXPIRED: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
]);

const OTHER_NAME: ReadonlySet<string> = new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH']);

const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const KINDS: readonly (readonly [
  codes: ReadonlySet<string>,
  code: Extract<ProblemCode, 'tlsExpired' | 'tlsNameMismatch' | 'tlsUntrusted'>,
])[] = [
  [EXPIRED, 'tlsExpired'],
  [OTHER_NAME, 'tlsNameMismatch'],
  [UNTRUSTED, 'tlsUntrusted'],
];

/** Undefined for a failure of any other kind. @param error what broke the connection */
export function tlsProblem(url: string, error: unknown): HanseError | undefined {
  const { code } = error as { code?: unknown };
  if (!(error instanceof Error) || typeof code !== 'string') return undefined;
  const kind = KINDS.find(([codes]) => codes.has(code))?.[1];
  return kind && new HanseError(kind, { url, reason: `${code}: ${error.message}` }, { cause: error });
}
