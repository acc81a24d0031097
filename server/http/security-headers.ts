/**
 * What every answer says to browsers: the headers of OWASP's REST Security Cheat Sheet. Answers are data. None is a page,
 * may be framed, read by another origin's page, or taken for anything but what it says that it is.
 *
 * They are the same each time, and made once: a coordinator answers a thousand nodes that wait twenty times a second.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  // A browser ignores it over plain HTTP, which the coordinator speaks on loopback only.
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
});
