/** What leaves the browser, as the person sees it who lets it go: the same as on any node. */
export type { Egress, Histogram } from '../../schemas/egress.ts';
