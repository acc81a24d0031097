/** Over real connections: node-exchange.test.ts and doctor/certificate.test.ts. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { trustOptions } from '../../client/tls-trust.ts';
import { makeCertificate } from '../fixtures/certificates.ts';

const ALWAYS = { minVersion: 'TLSv1.2', rejectUnauthorized: true };
const { cert } = makeCertificate({ hosts: ['hanse.example', '10.0.0.7'] });
const shown = new X509Certificate(cert).toLegacyObject();

test('certificates are verified, and those of the machine decide where none are given', () => {
  expect(trustOptions({})).toEqual(ALWAYS);
  expect(trustOptions({ ca: cert })).toEqual({ ...ALWAYS, ca: cert, allowPartialTrustChain: true });
});

describe('a name of its own takes the place of the host', () => {
  test.each(['hanse.example', '10.0.0.7'])('%s', (tlsName) => {
    const identify = (name: string, host: string) =>
      trustOptions({ tlsName: name }).checkServerIdentity?.(host, shown);
    expect(identify(tlsName, '127.0.0.1')).toBeUndefined();
    expect(identify('other.example', tlsName)).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  test('it is asked for when the connection begins, unless it is an address (RFC 6066, section 3)', () => {
    expect(trustOptions({ tlsName: 'hanse.example' })).toMatchObject({ servername: 'hanse.example' });
    expect(trustOptions({ tlsName: '10.0.0.7' })).not.toHaveProperty('servername');
  });
});
