import { expect, test } from 'vitest';
import { admit, formatAdmission, isAdmitted, parseAdmission } from '../../protocol/admission.ts';
import { toHex } from '../../protocol/bytes.ts';
import { keyOf, pinnedFederation } from '../fixtures/directory-maker.ts';

const node = async () => ({
  organisationId: 'clinic.example',
  publicKey: toHex((await keyOf('node')).publicKey),
  role: 'participant' as const,
});

test('an admission is of one node, in one role, of one organisation, in one federation', async () => {
  const federation = await pinnedFederation();
  const admission = await admit(await node(), federation, await keyOf('clinic.example'));
  expect(await isAdmitted(await node(), federation, admission)).toBe(true);
  const otherKey = toHex((await keyOf('other')).publicKey);
  const changed = [
    { publicKey: otherKey },
    { role: 'researcher' as const },
    { organisationId: 'clinic.other' },
  ];
  for (const change of changed)
    expect(await isAdmitted({ ...(await node()), ...change }, federation, admission)).toBe(false);
  for (const change of [{ federationId: 'fed-0000000000000000' }, { coordinatorKey: otherKey }])
    expect(await isAdmitted(await node(), { ...federation, ...change }, admission)).toBe(false);
  expect(await isAdmitted(await node(), federation, { ...admission, organisationKey: otherKey })).toBe(false);
});

test('an admission is passed on as one word', async () => {
  const admission = await admit(await node(), await pinnedFederation(), await keyOf('clinic.example'));
  const text = formatAdmission(admission);
  expect(text).toMatch(/^[0-9a-f.]{193}$/);
  expect(parseAdmission(` ${text}\n`)).toEqual(admission);
  for (const wrong of ['', 'a.b', text.slice(1), text.slice(0, -1), `${text}.00`, text.toUpperCase()])
    expect(() => parseAdmission(wrong)).toThrow(expect.objectContaining({ code: 'invalidFormat' }));
});
