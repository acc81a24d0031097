// covers: client/web/sign-in.tsx, client/web/account-api.ts, client/web/account-state.ts, client/web/browser-passkeys.ts, client/web/views/account-view.tsx, client/web/texts/account.ts
/**
 * A person signs in as people do: a real browser with an authenticator of its own, at a real coordinator.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { formatSignInLink } from '../../protocol/sign-in-link.ts';
import { buildApp } from '../../server/app.ts';
import { webOriginOf } from '../../server/people/web-origin.ts';
import { mediaTypeOf, type WebFile } from '../../server/web-site.ts';
import { TestFederation } from '../fixtures/federation.ts';
import { bundle } from './bundle.ts';
import { inChromium, type OpenedPage } from './chromium.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function coordinatorWithPage() {
  const federation = await TestFederation.open({ participants: 0 });
  const { coordinator } = federation;
  const files = await bundle(new URL('./sign-in-page.ts', import.meta.url));
  const fileOf = (name: string, content: Uint8Array): WebFile => ({
    mediaType: mediaTypeOf(name),
    isImmutable: false,
    etag: `"${name}"`,
    plain: { bytes: content.length, open: async () => content },
  });
  const site = new Map([...files].map(([name, content]) => [`/${name}`, fileOf(name, content)]));
  site.set('/sign-in', site.get('/index.html') as WebFile);
  const app = await buildApp({ coordinator, report: (error) => federation.reported.push(error), site });
  const local = await app.listen({ port: 0, host: '127.0.0.1' });
  const origin = webOriginOf(undefined, local);
  coordinator.people.servedAt(origin);
  const [at = ''] = origin.origins;
  const invite = { organisationId: 'hansa', role: 'auditor', handle: 'ada', name: '<b>Ada</b>' } as const;
  const { token, personId } = await coordinator.people.invite(
    { ...invite, lifetimeSeconds: 3600 },
    federation.operator.nodeId,
  );
  return { app, coordinator, personId, origin: at, link: formatSignInLink(at, token) };
}

async function withAuthenticator({ page }: OpenedPage) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  } as const;
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options });
  return {
    unverified: () => devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false }),
    verified: () => devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true }),
  };
}

inChromium('the page on which people sign in', (chromium) => {
  test('leads from the link to a passkey, out, and in again by it, by keyboard', async () => {
    const { app, coordinator, personId, origin, link } = await coordinatorWithPage();
    const opened = await chromium.open(link);
    const { page, errors } = opened;
    const authenticator = await withAuthenticator(opened);
    const press = async (name: string) => {
      const button = page.getByRole('button', { name, exact: true });
      await button.focus();
      await page.keyboard.press('Enter');
    };
    const isAccessible = async () => {
      await page.evaluate(axe);
      const broken = await page.evaluate(async () => {
        const { axe: rules } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string }[] }> };
        };
        return (await rules.run()).violations.map(({ id }) => id);
      });
      expect(broken).toEqual([]);
    };

    await page.getByRole('button', { name: 'Sign in with the link' }).waitFor();
    expect(page.url()).toBe(`${origin}/sign-in`); // nobody sees the token
    await isAccessible();
    expect(coordinator.people.sessions.of(personId)).toEqual([]); // opening the page has not used it
    await press('Sign in with the link');
    await page.getByText('<b>Ada</b> (ada)').waitFor();
    await press('Add a passkey');
    await page.getByText(/added /).waitFor();
    await isAccessible();
    await page.locator('header select').selectOption('zh');
    await page.getByText('审计者').waitFor();
    await isAccessible();
    await page.locator('header select').selectOption('en');
    await press('Sign out');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
    expect(coordinator.people.sessions.of(personId)).toEqual([]);

    await press('Sign in with a passkey');
    await page.getByText('<b>Ada</b> (ada)').waitFor();
    expect(coordinator.people.sessions.of(personId)).toMatchObject([{ session: { method: 'passkey' } }]);
    await page.reload();
    await page.getByText('<b>Ada</b> (ada)').waitFor();
    expect(await page.evaluate(() => document.cookie)).toBe('');
    await press('Sign out');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();

    await authenticator.unverified();
    await press('Sign in with a passkey');
    await page.getByText('passkeyRefused').waitFor();
    expect(coordinator.people.sessions.of(personId)).toEqual([]);
    await authenticator.verified();
    await press('Sign in with a passkey');
    await page.getByText('<b>Ada</b> (ada)').waitFor();
    // Who is signed in was asked for before anybody was: the browser tells of each such answer.
    expect(errors.splice(0).filter((error) => !/401/.test(error))).toEqual([]);
    await app.close();
  });
});
