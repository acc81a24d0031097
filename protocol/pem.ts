/**
 * The certificates in a PEM file: RFC 7468. Pure; whether they are any good is the business of whoever parses them.
 */

/**
 * Each with its two lines, in the order of the file. Whatever else is in it, a key for example, is left out.
 * @param text a file of a user
 */
export function certificatesIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g) ?? [];
}
