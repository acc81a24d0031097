import { CostLimits, NodePolicy } from '../../schemas/node-policy.ts';
import { describeForm } from './form-of.ts';

describeForm('policy', NodePolicy, {
  sound: {
    purposes: ['sepsis: *'],
    allowPlainAggregation: true,
    minimumCohort: 5,
    knownOrganisations: ['clinic-a.example', 'ab'.repeat(32)],
    minimumKnownOrganisations: 2,
    hours: [{ from: '22:00', to: '06:00', weekdays: ['mon'] }],
    timeZone: 'Europe/Berlin',
  },
  optional: [
    'purposes',
    'allowPlainAggregation',
    'minimumCohort',
    'knownOrganisations',
    'minimumKnownOrganisations',
    'hours',
    'timeZone',
  ],
  takes: [
    ['hours', [{ from: '00:00', to: '23:59' }]],
    ['allowPlainAggregation', false],
  ],
  refuses: [
    ['purposes', []],
    ['purposes', 'research'],
    ['allowPlainAggregation', 'yes'],
    ['minimumCohort', 0],
    ['knownOrganisations', ['Clinic A']],
    ['minimumKnownOrganisations', 1.5],
    ['hours', [{ from: '24:00', to: '06:00' }]],
    ['hours', [{ from: '22:00' }]],
    ['hours', [{ from: '22:00', to: '06:00', weekdays: ['monday'] }]],
    ['hours', '22:00-06:00'],
  ],
});

describeForm('limits', CostLimits, {
  sound: {
    roundsPerJob: 100,
    examplesPerRound: 1e6,
    secondsPerRound: 60.5,
    secondsPerJob: 3600,
    bytesUpPerRound: 1e7,
    bytesDownPerRound: 1e7,
    memoryMegabytes: 500,
  },
  optional: [
    'roundsPerJob',
    'examplesPerRound',
    'secondsPerRound',
    'secondsPerJob',
    'bytesUpPerRound',
    'bytesDownPerRound',
    'memoryMegabytes',
  ],
  refuses: [
    ['roundsPerJob', 0],
    ['examplesPerRound', '1e6'],
    ['secondsPerRound', 0],
    ['secondsPerJob', -1],
    ['bytesUpPerRound', 0.5],
    ['bytesDownPerRound', 0],
    ['memoryMegabytes', 0],
  ],
});
