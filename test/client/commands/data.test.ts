import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enrol } from '../../../client/enrol.ts';
import { writeIdentity } from '../../../client/identity.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { TERMS_YAML } from '../../fixtures/data-terms.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
const at = (name: string) => join(running.folder, name);
beforeAll(async () => {
  running = await runCoordinator();
  await writeFile(at('visits.csv'), 'patient,age,risk\nada-secret,1,10\nbob-secret,2,20\ncid-secret,3,30\n');
  const columns = 'columns: { features: [age], target: risk, person: patient }';
  await writeFile(
    at('node.yaml'),
    `identity: me.json\ndata: [{ name: visits, version: "1", ${TERMS_YAML}, source: "csv:visits.csv", ${columns} }]\n`,
  );
});
afterAll(() => running.close());

const withdraw = (...words: string[]) =>
  hanse(['data', 'withdraw', '--config', at('node.yaml'), '--data', 'visits', ...words, '--json']);
const told = (nodeId: string) => [...(running.coordinator.federation.member(nodeId)?.changes ?? [])];

test('the coordinator is told what can be told, when it can be, and nobody who it was', async () => {
  await writeFile(at('gone.txt'), 'ada-secret\r\n\n dan-secret \n');
  await writeFile(at('rows.json'), '[1]');
  const early = await withdraw('--persons', at('gone.txt'), '--reason', 'consent');
  expect(early).toMatchObject({ exitCode: 0, json: { removed: 1, absent: 1, newVersion: '2', told: false } });
  const identity = await enrol(parseInviteLink(await running.invite()), 'clinic', systemClock);
  await writeIdentity(at('me.json'), identity);
  const later = await withdraw('--rows', at('rows.json'), '--reason', 'erasure');
  expect(later).toMatchObject({ exitCode: 0, json: { removed: 1, newVersion: '3', told: true } });
  expect(told(identity.nodeId)).toEqual(['1 visits', '2 visits']);
  for (const { out, err } of [early, later]) expect(out + err).not.toMatch(/secret/);
  expect(await readFile(at('me.json.withdrawals'), 'utf8')).not.toMatch(/secret/);
});

test('rows or persons are named, and a reason is given', async () => {
  for (const words of [
    ['--reason', 'consent'],
    ['--reason', 'consent', '--rows', at('rows.json'), '--persons', at('gone.txt')],
    ['--rows', at('rows.json')],
    ['--rows', at('rows.json'), '--reason', 'because'],
  ])
    expect(await withdraw(...words)).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
});
