/**
 * The cookies of a browser: its session, and the sign-in that it is about to make. SPEC.md section 4.11; RFC 6265bis.
 *
 * `__Host-` binds a cookie to this host, this path and TLS, whatever other hosts of the domain set. Without TLS, which is on this
 * machine alone, browsers refuse the prefix.
 */
import { parseCookie, stringifySetCookie } from 'cookie';

export type CookieName = 'session' | 'pending';

const NAMES: Readonly<Record<CookieName, string>> = { session: 'hanse', pending: 'hanse-pending' };

/** Of one request, and of its answer. */
export class CookieJar {
  readonly #sent: string;
  readonly #isSecure: boolean;
  readonly #set: string[] = [];

  /** @param header attacker-controlled */
  constructor(header: string | readonly string[] | undefined, isSecure: boolean) {
    this.#sent = typeof header === 'string' ? header : (header ?? []).join('; ');
    this.#isSecure = isSecure;
  }

  /** Undefined where it was not sent, or twice, so that nobody can tell which of them is the one that was set. */
  get(name: CookieName): string | undefined {
    const full = this.#fullName(name);
    const times = this.#sent.split(';').filter((part) => part.split('=', 1)[0]?.trim() === full).length;
    return times === 1 ? parseCookie(this.#sent)[full] : undefined;
  }

  /** @param seconds how long the browser keeps it */
  put(name: CookieName, value: string, seconds: number): void {
    this.#set.push(
      stringifySetCookie({
        name: this.#fullName(name),
        value,
        maxAge: seconds,
        path: '/',
        httpOnly: true,
        secure: this.#isSecure,
        sameSite: 'strict',
      }),
    );
  }

  clear(name: CookieName): void {
    this.put(name, '', 0);
  }

  /** Values of `Set-Cookie` for the answer. */
  get answers(): readonly string[] {
    return this.#set;
  }

  #fullName(name: CookieName): string {
    return this.#isSecure ? `__Host-${NAMES[name]}` : NAMES[name];
  }
}
