/**
 * What a job promises of privacy, and what its attempts have taken of that: one rule for whoever logs it and whoever checks it.
 * SPEC.md 12.3, 13.12. Pure.
 *
 *   spent( k ) = epsilon of ceil( k / rounds of a tree ) events of a round at delta,  k attempts whose sums were opened
 */
import type { AuditedPrivacy } from '../../schemas/audit-report.ts';
import type { DpEvent } from '../../schemas/dp-event.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { costOfRounds, type JobPrivacy, jobPrivacy } from '../dp/job-privacy.ts';

/** Of an epsilon in the log: so small that nobody minds, and so large that no platform computes another one. */
const STEP = 1e-6;
/** Beyond this, an epsilon tells nothing. */
const EPSILON_MAX = 1e9;

export interface PromisedPrivacy extends Pick<JobPrivacy, 'unit' | 'delta'> {
  /** Of one sum: the type of its event. */
  readonly mechanism: string;
  /** If all rounds of the job are opened once. */
  readonly promised: number;
  /** As the manifest has it. */
  readonly stated: number;
  /** @param opened attempts whose sums are out */
  readonly spentBy: (opened: number) => number;
}

/** Undefined for a job that promises nothing. @param manifest that has passed `checkManifestTerms` */
export function promisedPrivacy(manifest: JobManifest): PromisedPrivacy | undefined {
  const privacy = jobPrivacy(manifest);
  const { privacy: figures } = manifest;
  if (!privacy || !figures) return undefined;
  const { unit, delta, times, round } = privacy;
  const { centralNoise } = figures;
  // With trees a unit is in each of them once.
  const inTree = centralNoise?.type === 'gaussianTree' ? centralNoise.rounds : 1;
  const cost = costOfRounds(privacy);
  return {
    ...{ unit, delta, mechanism: mechanismOf(round), promised: cost(times) },
    stated: figures.epsilonServer ?? figures.epsilonModel,
    spentBy: (opened) => cost(Math.ceil(opened / inTree)),
  };
}

/** @param opened attempts whose sums are out */
export function auditedPrivacy(manifest: JobManifest, opened: number): AuditedPrivacy | null {
  const privacy = promisedPrivacy(manifest);
  if (!privacy) return null;
  const { unit, delta, promised, stated, spentBy } = privacy;
  return { unit, delta, rounds: opened, spent: spentBy(opened), promised, stated };
}

/** An epsilon as entries have it: the next multiple of 1e-6, at most 1e9. */
export function loggedEpsilon(epsilon: number): number {
  return epsilon < EPSILON_MAX ? Math.ceil(epsilon / STEP) / Math.round(1 / STEP) : EPSILON_MAX;
}

/** Whether an entry has this epsilon, but for what platforms may differ in. @param logged attacker-controlled */
export function isLoggedEpsilon(logged: number, epsilon: number): boolean {
  return Math.abs(logged - loggedEpsilon(epsilon)) <= 1.5 * STEP;
}

function mechanismOf(event: DpEvent): string {
  switch (event.type) {
    case 'compose':
      return event.events[0] ? mechanismOf(event.events[0]) : event.type;
    case 'poisson':
    case 'repeat':
      return mechanismOf(event.event);
    default:
      return event.type;
  }
}
