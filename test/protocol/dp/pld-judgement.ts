/** What of a reference case does not hold for a tight accountant, under the pass rules of the reference file. */

import { parseDpEvent } from '../../../protocol/dp/parse-event.ts';
import { pldEpsilon } from '../../../protocol/dp/pld-accountant.ts';
import { casesOf, type ReferenceCase } from './reference-cases.ts';

type ByDelta = Readonly<Record<string, number>>;

/** By the peer, or of samples of fixed size by its parts put together. */
export function peerOf({ pld, pldFixedSize }: ReferenceCase): ByDelta | undefined {
  return ((pld ?? pldFixedSize) as { readonly epsilon: ByDelta } | undefined)?.epsilon;
}

export const tightCases = casesOf('account').filter((one) => peerOf(one));

/** The peer bounds a cut sample by a looser pair: ours may be so much below. */
const TIGHTER = 0.06;

/**
 * Beside the rules of the file: no epsilon is far below that of the peer.
 * @param deltas how many of the case, from the smallest on
 */
export function breaksOf(one: ReferenceCase, deltas = 3, read = parseDpEvent): string[] {
  const { event, neighbouring, exact } = one;
  const prv = one.prv as { readonly epsilonLower: ByDelta } | undefined;
  const wanted = Object.entries(peerOf(one) ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  return wanted.slice(0, deltas).flatMap(([delta, peer]) => {
    const got = pldEpsilon(read(event), neighbouring, Number(delta));
    const least = Math.max((exact?.epsilon[delta] ?? 0) - 1e-9, prv?.epsilonLower[delta] ?? 0);
    const slack = Math.max(1e-3, 2e-3 * peer);
    const isCut = JSON.stringify(event).includes('truncatedPoissonGaussian');
    return [
      ...(got >= least ? [] : [`unsound at ${delta}: ${got} < ${least}`]),
      ...(got >= peer - (isCut ? TIGHTER * peer : slack) ? [] : [`low at ${delta}: ${got} < ${peer}`]),
      ...(got <= peer + slack ? [] : [`loose at ${delta}: ${got} > ${peer}`]),
    ];
  });
}
