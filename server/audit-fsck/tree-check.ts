/**
 * Whether the stored hashes are those of the entries, and which of the two was changed where they are not: the roots that the log
 * has signed tell. From the first difference on there are two trees, one of what entries hash to and one of the stored hashes, until
 * a checkpoint has the root of one of them.
 */
import type { Findings } from './findings.ts';
import { type Hash, SyncTree, type UpperHash } from './sync-tree.ts';

const NOTHING: Hash = '0'.repeat(64);
/** Kept until a checkpoint tells; more than are listed help nobody. */
const SUSPECTS = 10_000;

/** A place where something is not as it should be. */
interface Suspect {
  readonly level: number;
  readonly index: number;
  /** What is stored there is what follows from the entries; from the stored hashes of level 0. */
  readonly isOfEntries: boolean;
  readonly isOfHashes: boolean;
}

/** Gives a stored hash above level 0. */
export type StoredHash = (level: number, place: number) => Hash | undefined;

export class TreeCheck {
  readonly #findings: Findings;
  readonly #stored: StoredHash;
  #ofEntries = new SyncTree();
  /** While the two differ. */
  #ofHashes: SyncTree | undefined;
  #suspects: Suspect[] = [];
  /** The last checkpoint had the root of neither. */
  #isBroken = false;

  constructor(findings: Findings, stored: StoredHash) {
    this.#findings = findings;
    this.#stored = stored;
  }

  /** The next leaf: what its entry hashes to, and what is stored; undefined for what is missing, which has been told. */
  add(index: number, ofEntry: Hash | undefined, stored: Hash | undefined): void {
    const one = ofEntry ?? stored ?? NOTHING;
    const other = stored ?? one;
    if (one !== other) {
      this.#ofHashes ??= this.#ofEntries.clone();
      this.#suspect({ level: 0, index, isOfEntries: false, isOfHashes: true });
    }
    const gained = this.#ofEntries.add(one);
    const others = this.#ofHashes?.add(other.length === NOTHING.length ? other : NOTHING);
    for (const [at, upper] of gained.entries()) this.#checkUpper(upper, others?.[at]);
  }

  /** A checkpoint over what was added, which the log has signed. */
  reach(size: number, root: Hash): void {
    const truth =
      this.#ofEntries.root() === root
        ? 'entries'
        : this.#ofHashes && this.#ofHashes.root() === root
          ? 'hashes'
          : undefined;
    if (truth === undefined) {
      // Those after it will not have it either: one of them is enough.
      if (!this.#isBroken) this.#findings.add('rootMismatch', { index: size });
      this.#isBroken = true;
      return;
    }
    this.#isBroken = false;
    for (const { level, index, isOfEntries, isOfHashes } of this.#suspects) {
      if (level === 0 && truth === 'hashes') this.#findings.add('entryChanged', { index });
      else if (!(truth === 'entries' ? isOfEntries : isOfHashes))
        this.#findings.add('hashChanged', { level, index });
    }
    if (truth === 'hashes') this.#ofEntries = this.#ofHashes as SyncTree;
    this.#ofHashes = undefined;
    this.#suspects = [];
  }

  /** No checkpoint comes any more. */
  end(): void {
    for (const { level, index } of this.#suspects)
      this.#findings.add(level === 0 ? 'leafMismatch' : 'hashChanged', {
        ...(level > 0 && { level }),
        index,
      });
    this.#suspects = [];
  }

  #checkUpper({ level, place, hash }: UpperHash, other: UpperHash | undefined): void {
    const stored = this.#stored(level, place);
    if (!stored) {
      this.#findings.add('hashMissing', { level, index: place });
      return;
    }
    const isOfEntries = stored === hash;
    const isOfHashes = other ? stored === other.hash : isOfEntries;
    if (!isOfEntries || !isOfHashes) this.#suspect({ level, index: place, isOfEntries, isOfHashes });
  }

  #suspect(suspect: Suspect): void {
    if (this.#suspects.length < SUSPECTS) this.#suspects.push(suspect);
  }
}
