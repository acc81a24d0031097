import { expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { isSuccession, succeed } from '../../protocol/key-succession.ts';
import { keyOf, pinnedFederation } from '../fixtures/directory-maker.ts';

const hexOf = async (name: string) => toHex((await keyOf(name)).publicKey);

test('a succession needs both keys, in their places, in this federation', async () => {
  const federation = await pinnedFederation();
  const succession = await succeed(await keyOf('old'), await keyOf('new'), federation);
  const keys = { oldKey: await hexOf('old'), newKey: await hexOf('new') };
  expect(await isSuccession(succession, keys, federation)).toBe(true);
  const thief = await succeed(await keyOf('thief'), await keyOf('new'), federation);
  const wrong = [
    isSuccession(succession, { oldKey: keys.newKey, newKey: keys.oldKey }, federation),
    isSuccession(succession, { ...keys, newKey: await hexOf('other') }, federation),
    isSuccession({ ...succession, byOld: thief.byOld }, keys, federation),
    isSuccession({ ...succession, byNew: succession.byOld }, keys, federation),
    isSuccession({ ...succession, from: thief.from }, keys, federation),
    isSuccession(succession, keys, { ...federation, federationId: 'fed-0000000000000000' }),
  ];
  expect(await Promise.all(wrong)).toEqual(wrong.map(() => false));
});
