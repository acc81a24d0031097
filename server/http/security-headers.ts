/**
 * What every answer says to browsers and to caches: the headers of OWASP's REST Security Cheat Sheet and of its Secure
 * Headers Project. Answers are data. None is a page, may be framed, read by another origin's page, kept by whoever
 * passes it on, or taken for anything but what it says that it is. What may be kept says so itself.
 *
 * They are the same each time, and made once: a coordinator answers a thousand nodes that wait twenty times a second.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy':
    'camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=(), display-capture=()',
  'referrer-policy': 'no-referrer',
  // A browser ignores it over plain HTTP, which the coordinator speaks on loopback only.
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
});
