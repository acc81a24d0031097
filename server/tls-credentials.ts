/**
 * The certificate of a coordinator and its key, from two PEM files that are checked against each other before they are
 * used: at the start, and whenever they were renewed. X.509 names: RFC 5280, 4.2.1.6.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { certificatesIn } from '../protocol/pem.ts';
import { HanseError } from '../protocol/problem.ts';
import { Secret } from '../protocol/secret.ts';
import { bareHost } from '../protocol/url-host.ts';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface TlsCredentials {
  /** PEM, the certificate of the coordinator first, then those that lead to an authority. */
  readonly chain: string;
  /** PEM, as UTF-8. */
  readonly key: Secret;
  /** Hosts that the certificate is for, as they stand in it: DNS names, also with a wildcard, and addresses. */
  readonly names: readonly string[];
  /** Milliseconds. */
  readonly expiresAt: number;
  /** Whether it is for this host, with or without the brackets that a URL puts around an address. */
  covers(host: string): boolean;
}

/**
 * @param now milliseconds
 * @throws `tlsFileInvalid`: unreadable, no PEM, no pair, a key that others may read, a certificate that is not valid now
 */
export function readTlsCredentials(files: TlsFiles, now: number): TlsCredentials {
  const invalid = (file: string, reason: string, cause?: unknown) =>
    new HanseError('tlsFileInvalid', { file, reason }, { cause });
  const chain = certificatesIn(new TextDecoder().decode(readPem(files.cert)));
  const [first] = chain;
  if (first === undefined) throw invalid(files.cert, 'it holds no certificate in PEM');
  const [certificate] = chain.map((pem, at) => {
    try {
      return new X509Certificate(pem);
    } catch (cause) {
      throw invalid(files.cert, `certificate ${at + 1} is damaged`, cause);
    }
  });
  if (!certificate) throw new Error('unreachable: there is a first one');
  const key = readPem(files.key);
  if (isOpenToOthers(files.key)) throw invalid(files.key, 'others may read it: chmod 600');
  if (!certificate.checkPrivateKey(parseKey(key, files.key)))
    throw invalid(files.key, `it is not the key of the first certificate of ${files.cert}`);
  const expiresAt = Date.parse(certificate.validTo);
  if (now >= expiresAt) throw invalid(files.cert, `it has expired: ${certificate.validTo}`);
  if (now < Date.parse(certificate.validFrom))
    throw invalid(files.cert, `it is not valid yet: ${certificate.validFrom}`);
  return {
    chain: `${chain.join('\n')}\n`,
    key: new Secret(key),
    names: namesOf(certificate),
    expiresAt,
    covers: (host) => {
      const bare = bareHost(host);
      const options = { subject: 'never' } as const; // as RFC 9525: the names alone count
      return (isIP(bare) ? certificate.checkIP(bare) : certificate.checkHost(bare, options)) !== undefined;
    },
  };
}

function readPem(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (cause) {
    const reason = `it cannot be read: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`;
    throw new HanseError('tlsFileInvalid', { file, reason }, { cause });
  }
}

function isOpenToOthers(file: string): boolean {
  return process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0;
}

/** What is wrong with a key is not told in the words of OpenSSL: nothing of it may come into a log. */
function parseKey(pem: Uint8Array, file: string): KeyObject {
  try {
    return createPrivateKey(Buffer.from(pem));
  } catch {
    const reason = 'it holds no private key in PEM, or one with a passphrase';
    throw new HanseError('tlsFileInvalid', { file, reason });
  }
}

/** `DNS:hanse.example, IP Address:10.0.0.1`; the common name is no name of a host. */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName
    .split(', ')
    .flatMap((name) => /^(?:DNS|IP Address):([^"\s]+)$/.exec(name)?.[1] ?? [])
    .map((name) => name.toLowerCase());
}
