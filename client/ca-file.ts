/**
 * A file of the certificates which a coordinator is trusted by, in place of the authorities of the machine. Node only.
 */
import { X509Certificate } from 'node:crypto';
import { certificatesIn } from '../protocol/pem.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { readDataFile } from './data/data-file.ts';

/** Far more than any bundle of authorities has. */
const LIMIT_BYTES = 1_048_576;

/**
 * The certificates of a PEM file, and nothing else that may be in it.
 * @throws `tlsFileInvalid`
 */
export async function readCa(file: string): Promise<string> {
  const invalid = (reason: string, cause?: unknown) =>
    new HanseError('tlsFileInvalid', { file, reason }, { cause });
  const bytes = await readDataFile(file, LIMIT_BYTES).catch((error: unknown) => {
    if (!isProblem(error)) throw error;
    throw invalid(error.code === 'dataFileMissing' ? 'it cannot be read' : 'it is too long', error);
  });
  const certificates = certificatesIn(new TextDecoder().decode(bytes));
  if (certificates.length === 0) throw invalid('it holds no certificate in PEM');
  for (const [at, certificate] of certificates.entries())
    try {
      new X509Certificate(certificate);
    } catch (error) {
      throw invalid(`certificate ${at + 1} is damaged`, error);
    }
  return `${certificates.join('\n')}\n`;
}
