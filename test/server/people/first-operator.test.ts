import { expect, test } from 'vitest';
import { linkTokenIn } from '../../../protocol/sign-in-link.ts';
import { firstOperatorLink } from '../../../server/people/first-operator.ts';
import { CookieJar } from '../../../server/people/session-cookie.ts';
import { webOriginOf } from '../../../server/people/web-origin.ts';
import { TestFederation } from '../../fixtures/federation.ts';

test('the first operator is told a link once, which works once, for a day', async () => {
  const federation = await TestFederation.open({ participants: 0 });
  const first = () => {
    const { people } = federation.coordinator;
    people.servedAt(webOriginOf(undefined, 'http://127.0.0.1:8790'));
    return firstOperatorLink(people, federation.operator.nodeId);
  };
  const link = await first();
  expect(link?.url).toMatch(/^http:\/\/localhost:8790\/sign-in#link=[A-Za-z0-9_-]{43}$/);
  expect(Date.parse(link?.expiresAt ?? '') - federation.clock.now()).toBe(86_400_000);
  expect(await first()).toBeUndefined();
  await federation.reopen();
  expect(await first()).toBeUndefined();
  const token = linkTokenIn(new URL(link?.url ?? '').hash) ?? '';
  const { personId } = await federation.coordinator.people.signInByLink(token, new CookieJar('', true));
  expect(federation.coordinator.people.require(personId)).toMatchObject({
    role: 'operator',
    organisationId: 'operator',
  });
  await expect(
    federation.coordinator.people.signInByLink(token, new CookieJar('', true)),
  ).rejects.toMatchObject({ code: 'linkSpent' });
});
