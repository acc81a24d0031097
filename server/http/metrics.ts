/**
 * Figures for Prometheus at /metrics. No label carries anything that a participant chose.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { hasEnded } from '../../protocol/round.ts';
import type { Coordinator } from '../coordinator.ts';

export interface Metrics {
  readonly registry: Registry;
  observeRequest(route: string, status: number, seconds: number): void;
  /** @param code a code of the problem table */
  countProblem(code: string): void;
}

export function createMetrics(coordinator: Coordinator): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Histogram({
    name: 'hanse_request_seconds',
    help: 'Duration of requests; those for tasks include the time they waited',
    labelNames: ['route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  const problems = new Counter({
    name: 'hanse_problems_total',
    help: 'Problems answered',
    labelNames: ['code'],
    registers,
  });
  new Gauge({
    name: 'hanse_participants_live',
    help: 'Participants seen lately',
    registers,
    collect() {
      this.set(coordinator.liveParticipants().length);
    },
  });
  new Gauge({
    name: 'hanse_jobs',
    help: 'Jobs by state',
    labelNames: ['state'],
    registers,
    collect() {
      const states = coordinator.jobs().map(({ state }) => state);
      this.set({ state: 'running' }, states.filter((state) => !hasEnded(state)).length);
      this.set({ state: 'ended' }, states.filter(hasEnded).length);
    },
  });
  new Gauge({
    name: 'hanse_rounds',
    help: 'Attempts at rounds, by outcome, over all jobs',
    labelNames: ['outcome'],
    registers,
    collect() {
      const rounds = coordinator.jobs().flatMap(({ state }) => state.history);
      for (const outcome of ['released', 'aborted'] as const)
        this.set({ outcome }, rounds.filter((round) => round.outcome === outcome).length);
    },
  });
  return {
    registry,
    observeRequest: (route, status, seconds) => requests.observe({ route, status: String(status) }, seconds),
    countProblem: (code) => problems.inc({ code }),
  };
}
