/**
 * What a node asks of the certificate of a coordinator, as options of `node:tls`. Node only.
 */
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';

export interface Trust {
  /** Certificates in PEM that are trusted in place of the authorities of the machine. */
  readonly ca?: string | undefined;
  /** The name that the certificate must have, if it is not the host of the address. */
  readonly tlsName?: string | undefined;
}

/**
 * Certificates are verified whatever the environment says (NODE_TLS_REJECT_UNAUTHORIZED), and one that is trusted
 * itself needs no authority.
 */
export function trustOptions({ ca, tlsName }: Trust): ConnectionOptions {
  const named: ConnectionOptions | false = tlsName !== undefined && {
    checkServerIdentity: (_host, certificate) => checkServerIdentity(tlsName, certificate),
    ...(isIP(tlsName) === 0 && { servername: tlsName }),
  };
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca, allowPartialTrustChain: true }),
    ...named,
  };
}
