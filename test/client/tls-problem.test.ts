import { expect, test } from 'vitest';
import { tlsProblem } from '../../client/tls-problem.ts';

const URL = 'https://hanse.example';
const failed = (code: unknown) => Object.assign(new Error('said'), { code });

test.each([
  ['CERT_HAS_EXPIRED', 'tlsExpired'],
  ['CERT_NOT_YET_VALID', 'tlsExpired'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tlsNameMismatch'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tlsUntrusted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tlsUntrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tlsUntrusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tlsUntrusted'],
])('%s is %s, with what was said', (code, problem) => {
  const error = failed(code);
  expect(tlsProblem(URL, error)).toMatchObject({
    code: problem,
    detail: { url: URL, reason: `${code}: said` },
    cause: error,
  });
});

test.each([
  failed('ECONNREFUSED'),
  failed(undefined),
  failed(7),
  new Error('said'),
  { code: 'CERT_HAS_EXPIRED' },
])('%o is about something else', (error) => {
  expect(tlsProblem(URL, error)).toBeUndefined();
});
