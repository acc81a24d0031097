/**
 * What shares travel under: two keys for each peer, one for each way, that follow from one agreement. SPEC.md 11.5. It is made
 * when shares are sealed for the peer, and kept until those of the peer are opened.
 */
import { toHex } from '../bytes.ts';
import type { Agreement } from '../primitives.ts';

export class Channel implements Agreement {
  readonly publicKey: Uint8Array;
  readonly #agreement: Agreement;
  /** By the public key of the other side. */
  readonly #kept = new Map<string, Uint8Array>();
  #isWiped = false;

  constructor(agreement: Agreement) {
    this.publicKey = agreement.publicKey;
    this.#agreement = agreement;
  }

  /** What it returns is the caller's to wipe. The second time it gives away what it has kept, and keeps nothing. */
  async with(publicKey: Uint8Array): Promise<Uint8Array> {
    const name = toHex(publicKey);
    const kept = this.#kept.get(name);
    if (kept) {
      this.#kept.delete(name);
      return kept;
    }
    const agreed = await this.#agreement.with(publicKey);
    if (this.#isWiped) return agreed;
    this.#kept.set(name, agreed);
    return agreed.slice();
  }

  /** Overwrites what is kept; nothing is from now on. */
  wipe(): void {
    this.#isWiped = true;
    for (const agreed of this.#kept.values()) agreed.fill(0);
    this.#kept.clear();
  }
}
