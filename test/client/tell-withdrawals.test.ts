import { expect, test } from 'vitest';
import { tellWithdrawals } from '../../client/tell-withdrawals.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { DataSetChange } from '../../schemas/data-set-change.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';

const change = (oldVersion: string): DataSetChange => ({
  ...{ name: 'visits', oldVersion, newVersion: `${oldVersion}1`, reason: 'erasure', removed: 1 },
});

function journalOf(...versions: string[]) {
  const untold = versions.map(change);
  return {
    untold: async () => [...untold],
    told: async (told: Pick<DataSetChange, 'oldVersion'>) => {
      untold.splice(
        untold.findIndex(({ oldVersion }) => oldVersion === told.oldVersion),
        1,
      );
    },
  };
}

test('each is told, and known to be', async () => {
  const journal = journalOf('1', '2');
  const api = scriptedCoordinator({ changeDataSet: () => ({}) });
  expect(await tellWithdrawals(api, journal)).toEqual({ told: 2 });
  expect(api.calls.map(({ request }) => request.body)).toEqual([change('1'), change('2')]);
  expect(await tellWithdrawals(api, journal)).toEqual({ told: 0 });
});

test('what is refused is told another time, and those behind it too', async () => {
  const journal = journalOf('1', '2', '3');
  const refused = new HanseError('overloaded');
  let asked = 0;
  const changeDataSet = () => {
    asked += 1;
    if (asked === 2) throw refused;
    return {};
  };
  const api = scriptedCoordinator({ changeDataSet });
  expect(await tellWithdrawals(api, journal)).toEqual({ told: 1, failure: refused });
  expect(await journal.untold()).toEqual([change('2'), change('3')]);
  expect(await tellWithdrawals(api, journal)).toEqual({ told: 2 });
});

test('whoever ends the command ends it', async () => {
  const changeDataSet = () => {
    throw new HanseError('interrupted');
  };
  await expect(tellWithdrawals(scriptedCoordinator({ changeDataSet }), journalOf('1'))).rejects.toMatchObject(
    {
      code: 'interrupted',
    },
  );
});
